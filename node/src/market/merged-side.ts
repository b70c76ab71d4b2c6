import type { Level, Price, Quantity } from '@stoa/schema';
import type { BookLevel, VenueBook } from './market-view.ts';

export type BookSide = 'bids' | 'offers';

/**
 * Merges sides that are each sorted, best first. Books are merged anew at every change, and most of
 * their levels stand as before: such a level is the very object of `known`, the last merged side. What
 * lives as long as a book is then only what changed, and the pauses of the garbage collector, which
 * copies what lives, are short.
 */
export function mergeSide(
  books: readonly VenueBook[],
  side: BookSide,
  known: readonly BookLevel[],
): BookLevel[] {
  const places = books.map(() => 0);
  const merged: BookLevel[] = [];
  let place = 0;
  for (;;) {
    const price = bestOf(books, side, places);
    if (price === undefined) return merged;
    place = placeOf(price, known, side, place);
    const before = known[place];
    merged.push(
      before !== undefined && isAsBefore(before, books, side, places, price)
        ? before
        : levelAt(price, books, side, places),
    );
    books.forEach((book, index) => {
      const at = places[index] ?? 0;
      if (book[side][at]?.price === price) places[index] = at + 1;
    });
  }
}

/** A venue's new side, in which levels that stand as before are the objects of the side before. */
export function keepLevels(
  known: readonly Level[],
  levels: readonly Level[],
  side: BookSide,
): readonly Level[] {
  let place = 0;
  return levels.map((level) => {
    place = placeOf(level.price, known, side, place);
    const before = known[place];
    return before?.price === level.price && before.quantity === level.quantity ? before : level;
  });
}

/** Where a price stands in a sorted side, or would stand, from a place on. */
function placeOf(
  price: Price,
  levels: readonly { readonly price: Price }[],
  side: BookSide,
  from: number,
): number {
  let place = from;
  for (let level = levels[place]; level && isBetter(level.price, price, side); ) {
    place += 1;
    level = levels[place];
  }
  return place;
}

/** Whether a level shows at its price just what the books show now, venue by venue. */
function isAsBefore(
  level: BookLevel,
  books: readonly VenueBook[],
  side: BookSide,
  places: readonly number[],
  price: Price,
): boolean {
  if (level.price !== price) return false;
  let shares = 0;
  for (const [index, book] of books.entries()) {
    const own = book[side][places[index] ?? 0];
    if (own?.price !== price) continue;
    const share = level.venues[shares];
    if (share?.venue !== book.venue || share.quantity !== own.quantity) return false;
    shares += 1;
  }
  return shares === level.venues.length;
}

function levelAt(
  price: Price,
  books: readonly VenueBook[],
  side: BookSide,
  places: readonly number[],
): BookLevel {
  const venues: { venue: BookLevel['venues'][number]['venue']; quantity: Quantity }[] = [];
  let quantity = 0;
  // Books stand in the order of venue ids, so the venues of a price do too.
  for (const [index, book] of books.entries()) {
    const level = book[side][places[index] ?? 0];
    if (level?.price !== price) continue;
    venues.push({ venue: book.venue, quantity: level.quantity });
    quantity += level.quantity;
  }
  // A venue may show any size; a sum beyond 2^53 is shown as that, and routing reads the shares.
  return { price, quantity: Math.min(quantity, Number.MAX_SAFE_INTEGER), venues };
}

/** The best price that is not merged yet; undefined at the end. */
function bestOf(
  books: readonly VenueBook[],
  side: BookSide,
  places: readonly number[],
): Price | undefined {
  let best: Price | undefined;
  for (const [index, book] of books.entries()) {
    const price = book[side][places[index] ?? 0]?.price;
    if (price === undefined) continue;
    if (best === undefined || isBetter(price, best, side)) best = price;
  }
  return best;
}

function isBetter(price: Price, other: Price, side: BookSide): boolean {
  return side === 'bids' ? price > other : price < other;
}
