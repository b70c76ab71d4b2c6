import { createHash } from 'node:crypto';
import type { BookLevel, ConsolidatedBook } from './market-view.ts';

/**
 * SHA-256, in hex, of the book's consolidated levels: the same on every node to which the same quotes
 * count. The text that is hashed is specified in docs/wire.md, "Digest of a book".
 */
export function bookDigest(book: Pick<ConsolidatedBook, 'instrument' | 'bids' | 'offers'>): string {
  const lines = [
    'stoa/book/1',
    book.instrument,
    ...sideLines('bid', book.bids),
    ...sideLines('offer', book.offers),
  ];
  return createHash('sha256')
    .update(lines.map((line) => `${line}\n`).join(''))
    .digest('hex');
}

/** One line for each venue at each price, best price first, venues in the order of their ids. */
function sideLines(side: 'bid' | 'offer', levels: readonly BookLevel[]): string[] {
  return levels.flatMap(({ price, venues }) =>
    venues.map(({ venue, quantity }) => `${side} ${price} ${venue} ${quantity}`),
  );
}
