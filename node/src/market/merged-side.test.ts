import { seededRandom } from '@stoa/adapters/seeded-random';
import type { Level } from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import type { BookLevel, VenueBook } from './market-view.ts';
import { type BookSide, keepLevels, mergeSide } from './merged-side.ts';

const SEED = 20261129;

function bookOf(venue: string, side: BookSide, levels: readonly Level[]): VenueBook {
  const standing = { state: 'live', sinceMs: 0, halted: false, haltReason: undefined } as const;
  const empty = { bids: [], offers: [], firm: true, validUntilMs: 0 };
  return { venue, ...standing, ...empty, [side]: levels };
}

function randomSide(side: BookSide, next: () => number): Level[] {
  const prices = Array.from({ length: 12 }, (_, index) => 100 + index).filter(() => next() < 0.6);
  if (side === 'bids') prices.reverse();
  return prices.map((price) => ({ price, quantity: 1 + Math.floor(next() * 3) }));
}

describe('a side that is merged anew', () => {
  it.each(['bids', 'offers'] as const)('is the same whatever was known before, of %s', (side) => {
    const random = seededRandom(SEED);
    let known: readonly BookLevel[] = [];
    let shared = 0;
    for (let round = 0; round < 500; round += 1) {
      const books = ['alpha', 'beta', 'gamma'].map((venue) =>
        bookOf(
          venue,
          side,
          randomSide(side, () => random.next()),
        ),
      );
      const merged = mergeSide(books, side, known);
      expect(merged, `seed ${SEED}, round ${round}`).toEqual(mergeSide(books, side, []));
      shared += merged.filter((level) => known.includes(level)).length;
      known = merged;
    }
    expect(shared).toBeGreaterThan(50);
  });

  it('takes over the objects of all levels that stand as before', () => {
    const before = [5, 4, 3, 2].map((price) => ({ price, quantity: 10 }));
    const known = mergeSide([bookOf('alpha', 'bids', before)], 'bids', []);
    // The best is gone, one changed its size, one is new.
    const after = [4, 3, 2, 1].map((price) => ({ price, quantity: price === 3 ? 11 : 10 }));
    const levels = keepLevels(before, after, 'bids');
    expect(levels).toEqual(after);
    expect(levels.map((level) => before.includes(level))).toEqual([true, false, true, false]);
    const merged = mergeSide([bookOf('alpha', 'bids', levels)], 'bids', known);
    expect(merged.map((level) => known.includes(level))).toEqual([true, false, true, false]);
  });
});
