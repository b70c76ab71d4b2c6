import { invariant, type OrderRequest } from '@stoa/schema';
import { and, asc, eq, inArray, lte } from 'drizzle-orm';
import type { Database, Transaction } from '../store/database.ts';
import { orderEvents } from '../store/tables/order-events.ts';
import { applyOrderEvent, type OrderEvent, type OrderState } from './life/order-state.ts';
import { newState } from './order-rows.ts';

/** An event as it is kept. */
export interface KeptEvent {
  readonly kind: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const NONE: ReadonlySet<string> = new Set();

/**
 * An order after one more of its events: what is kept of it is nothing else, and can be made anew.
 *
 * @param state what the events before it made of the order; undefined before the first
 * @throws CodedError `INVARIANT_BROKEN` for an event that cannot have followed on those
 */
export function nextState(
  id: string,
  state: OrderState | undefined,
  { kind, data }: KeptEvent,
): OrderState {
  if (state === undefined) {
    invariant(kind === 'placed', 'an order’s events do not begin with its placing', { id });
    const { endsAtMs, ...asked } = data as Partial<OrderState>;
    return newState(id, asked as OrderRequest, endsAtMs);
  }
  const { route: _why, ...said } = data;
  const step = applyOrderEvent(state, { kind, ...said } as OrderEvent, NONE);
  invariant('state' in step, 'an event that was recorded changes nothing', { id, kind });
  return step.state;
}

function replayOrder(id: string, events: readonly KeptEvent[]): OrderState {
  const state = events.reduce<OrderState | undefined>(
    (before, event) => nextState(id, before, event),
    undefined,
  );
  invariant(state !== undefined, 'an order has no events', { id });
  return state;
}

/** Orders as their recorded events say, by id. */
export async function replayOrders(
  reader: Database | Transaction,
  ids: readonly string[],
): Promise<ReadonlyMap<string, OrderState>> {
  if (ids.length === 0) return new Map();
  const rows = await reader
    .select({ orderId: orderEvents.orderId, kind: orderEvents.kind, data: orderEvents.data })
    .from(orderEvents)
    .where(inArray(orderEvents.orderId, [...ids]))
    .orderBy(asc(orderEvents.orderId), asc(orderEvents.sequence));
  const byOrder = Map.groupBy(rows, ({ orderId }) => orderId);
  return new Map([...byOrder].map(([id, events]) => [id, replayOrder(id, events)]));
}

/** What happened to an order up to its member's event of this number, in order. */
export function readHistory(
  reader: Database | Transaction,
  orderId: string,
  upTo: number,
): Promise<readonly KeptEvent[]> {
  return reader
    .select({ kind: orderEvents.kind, data: orderEvents.data })
    .from(orderEvents)
    .where(and(eq(orderEvents.orderId, orderId), lte(orderEvents.memberSequence, upTo)))
    .orderBy(asc(orderEvents.sequence));
}
