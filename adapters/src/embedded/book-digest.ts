import { createHash } from 'node:crypto';
import type { RestingOrder } from './engine-types.ts';

/**
 * SHA-256 (hex) of a book: every open order in priority order, bids first, and whether it is
 * halted. Two books with one digest answer every later operation alike.
 */
export function bookDigest(orders: Iterable<RestingOrder>, halted: boolean): string {
  const hash = createHash('sha256').update(JSON.stringify({ halted }));
  for (const { ref, side, price, quantity, cumulative, leaves } of orders) {
    hash.update(JSON.stringify([ref, side, price, quantity, cumulative, leaves]));
  }
  return hash.digest('hex');
}
