import type { InstrumentId } from '@stoa/schema';
import type { OpenOrder } from '../../venue-adapter.ts';
import type { OrderRef, RestingOrder } from '../engine-types.ts';
import type { VenueBook } from '../venue-book.ts';
import type { JournalFound } from './operation-journal.ts';

/**
 * Where a journal's books and the members' open orders, which are the truth, were not the same.
 * `not-open`: it was in the book and is taken out. `not-in-book`: it comes back at the end of its
 * queue. `differs`: executed quantity or terms were others; it too comes back at the end.
 */
export interface RecoveryDifference {
  readonly orderId: string;
  readonly what: 'not-open' | 'not-in-book' | 'differs';
}

/** What a start found in its journal. */
export interface BookRecovery extends JournalFound {
  readonly differences: readonly RecoveryDifference[];
  /** SHA-256 of each book as it was brought back, and before it was made to agree. */
  readonly digests: Readonly<Record<InstrumentId, string>>;
}

/**
 * Makes books that a journal brought back agree with the open orders: what is in both stays in its
 * place, what only the book has, or has otherwise, is taken out.
 */
export function reconcileBooks(
  books: ReadonlyMap<InstrumentId, VenueBook>,
  openOrders: readonly OpenOrder[],
  keepFlow: boolean,
): RecoveryDifference[] {
  const open = new Map(openOrders.map((one) => [one.order.orderId, one]));
  const differences: RecoveryDifference[] = [];
  const found = new Set<OrderRef>();
  for (const [instrument, book] of books) {
    for (const { ...resting } of [...book.engine.orders()]) {
      const { ref } = resting;
      if (typeof ref === 'number') {
        if (!keepFlow) book.drop(ref);
        continue;
      }
      const known = open.get(ref);
      found.add(ref);
      if (known !== undefined && isSame(resting, known, instrument)) continue;
      book.drop(ref);
      differences.push({ orderId: ref, what: known === undefined ? 'not-open' : 'differs' });
    }
  }
  for (const { order } of openOrders) {
    if (found.has(order.orderId) || !books.has(order.instrument)) continue;
    differences.push({ orderId: order.orderId, what: 'not-in-book' });
  }
  return differences;
}

function isSame(
  resting: RestingOrder,
  { order, filled }: OpenOrder,
  instrument: InstrumentId,
): boolean {
  return (
    order.instrument === instrument &&
    resting.side === order.side &&
    resting.price === order.limitPrice &&
    resting.quantity === order.quantity &&
    resting.cumulative === filled &&
    resting.timeInForce === order.timeInForce &&
    resting.expireAtMs === (order.expireAtMs ?? 0) &&
    resting.allOrNone === (order.allOrNone ?? false)
  );
}
