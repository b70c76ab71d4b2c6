import type { SignedMandate } from '@stoa/contracts';
import type { MemberId, Side, VenueId } from '@stoa/schema';
import { and, eq } from 'drizzle-orm';
import type { Address, Hex } from 'viem';
import type { Transaction } from '../../store/database.ts';
import { mandates } from '../../store/tables/mandates.ts';
import { lower } from '../batch-composition.ts';
import { isActiveMandate } from '../indexed-conditions.ts';
import { mandateToMessage } from './mandate-message.ts';

type MandateRow = typeof mandates.$inferSelect;

/** For what a mandate is: of those for the same, the one registered last counts. */
export interface MandateSubject {
  readonly investor: Address;
  readonly side: Side;
  readonly token: Address;
  readonly cashToken: Address;
}

/** A registered mandate. */
export interface RegisteredMandate {
  /** EIP-712 hashStruct. */
  readonly hash: Hex;
  readonly signed: SignedMandate;
  readonly state: MandateRow['state'];
  /** Unix milliseconds. */
  readonly registeredAtMs: number;
}

/** Keeps a mandate as the one that counts of its source, and of whoever brought it last. */
export async function keepActive(
  tx: Transaction,
  {
    source,
    member,
    hash,
    signed,
    registeredAtMs,
  }: Omit<RegisteredMandate, 'state'> & {
    readonly source: VenueId;
    readonly member: MemberId | null;
  },
): Promise<void> {
  const message = mandateToMessage(signed);
  const { investor, side, token, cashToken } = message;
  await tx
    .update(mandates)
    .set({ state: 'replaced' })
    .where(
      and(
        ...[eq(mandates.source, source), isActiveMandate],
        ...[eq(mandates.investor, investor), eq(mandates.side, side)],
        ...[eq(mandates.token, token), eq(mandates.cashToken, cashToken)],
      ),
    );
  const row = { source, hash, member, investor, side, token, cashToken };
  await tx
    .insert(mandates)
    .values({ ...row, signed: message, state: 'active', registeredAtMs })
    .onConflictDoUpdate({
      target: [mandates.source, mandates.hash],
      set: { state: 'active', signed: message, member, registeredAtMs },
    });
}

/** Names what a mandate is for. */
export function subjectKey({ investor, side, token, cashToken }: MandateSubject): string {
  return `${side} ${lower(investor)} ${lower(token)} ${lower(cashToken)}`;
}
