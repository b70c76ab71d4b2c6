import type { MemberId, Refusal } from '@stoa/schema';
import type { Database } from '../store/database.ts';
import { storableText } from '../store/storable-text.ts';
import { orderRefusals } from '../store/tables/order-refusals.ts';
import type { QuoteAction } from './executing/quote-desk.ts';

/** What was asked for and refused. */
export interface RefusedAction {
  readonly action: 'place' | 'replace' | 'cancel' | 'cancel-all' | QuoteAction;
  readonly clientOrderId?: string;
  readonly orderId?: string;
}

const MAX_ID = 64;
const MAX_MESSAGE = 512;

/** Keeps a refusal. What a member sent is cut to what could have been sound. */
export async function recordRefusal(
  database: Database,
  member: MemberId,
  { action, clientOrderId, orderId }: RefusedAction,
  { code, message }: Refusal,
  atMs: number,
): Promise<void> {
  await database.insert(orderRefusals).values({
    member,
    action,
    clientOrderId: cut(clientOrderId, MAX_ID) ?? null,
    orderId: cut(orderId, MAX_ID) ?? null,
    code,
    message: storableText(message.slice(0, MAX_MESSAGE)),
    atMs,
  });
}

function cut(text: string | undefined, length: number): string | undefined {
  return text === undefined ? undefined : storableText(text.slice(0, length));
}
