import { invariant, type OrderRequest } from '@stoa/schema';
import { asc, inArray } from 'drizzle-orm';
import type { Database, Transaction } from '../store/database.ts';
import { orderEvents } from '../store/tables/order-events.ts';
import { applyOrderEvent, type OrderEvent, type OrderState } from './life/order-state.ts';
import { newState } from './order-rows.ts';

/** An event as it is kept. */
interface KeptEvent {
  readonly kind: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const NONE: ReadonlySet<string> = new Set();

/**
 * An order as its events say: what is kept of it is nothing else, and can be made anew.
 *
 * @param events all of it, in order
 * @throws CodedError `INVARIANT_BROKEN` for events that cannot have followed on each other
 */
function replayOrder(id: string, events: readonly KeptEvent[]): OrderState {
  const [placed, ...later] = events;
  invariant(placed?.kind === 'placed', 'an order’s events do not begin with its placing', { id });
  const { endsAtMs, ...asked } = placed.data as Partial<OrderState>;
  let state = newState(id, asked as OrderRequest, endsAtMs);
  for (const { kind, data } of later) {
    const { route: _why, ...said } = data;
    const step = applyOrderEvent(state, { kind, ...said } as OrderEvent, NONE);
    invariant('state' in step, 'an event that was recorded changes nothing', { id, kind });
    state = step.state;
  }
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
