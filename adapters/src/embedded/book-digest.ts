import { createHash } from 'node:crypto';
import type { EnginePhase, RestingOrder } from './engine-types.ts';

/** What a book is besides its orders. */
export interface BookState {
  readonly phase: EnginePhase;
  readonly halted: boolean;
}

/**
 * SHA-256 (hex) of a book: its state and every open order in priority order, bids first, then those
 * that wait. Two books with one digest answer every later operation alike.
 */
export function bookDigest(orders: Iterable<RestingOrder>, { phase, halted }: BookState): string {
  const hash = createHash('sha256').update(JSON.stringify({ phase, halted }));
  for (const order of orders) {
    hash.update(
      JSON.stringify([
        ...[order.ref, order.side, order.price, order.quantity, order.cumulative, order.leaves],
        ...[order.shown, order.displayQuantity, order.timeInForce, order.expireAtMs],
        ...[order.allOrNone, order.owner ?? '', order.arrival],
      ]),
    );
  }
  return hash.digest('hex');
}
