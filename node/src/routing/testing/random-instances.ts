import type { SeededRandom } from '@stoa/adapters/seeded-random';
import type { Level, Side } from '@stoa/schema';
import type { VenueBook } from '../../market/market-view.ts';
import type { RouteBook, RouteInput, RouteOrder, RouteVenue } from '../route.ts';
import type { VenueCost } from '../venue-cost.ts';

const NOW_MS = 1_700_000_000_000;
const BEST = ['best', 'best', 'best', 'best', 'best'] as const;
const VENUES = ['alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta'];

/** A book of these venues. */
export function bookOf(venues: readonly VenueBook[]): RouteBook {
  const instrument = 'eip155:1/erc20:0x0000000000000000000000000000000000000001';
  return { instrument, asOfMs: NOW_MS, venues };
}

/**
 * A small case of everything that the router must weigh: fees with minimums, caps and rebates, fixed
 * costs, lots, ticks, smallest orders, ties, and venues that may not be used. One in eight has amounts
 * beyond what a double holds exactly.
 */
export function randomInstance(random: SeededRandom): RouteInput {
  const chance = (outOf: number): boolean => random.between(1, outOf) === 1;
  const scale = chance(8) ? random.pick([99_991, 1_000_000]) : 1;
  const lotSize = random.pick([1, 1, 5]) * scale;
  const tickSize = random.pick([1, 1, 2]) * scale;
  const base = random.pick([10, 100, 1_000]);
  const side = random.pick(['buy', 'sell'] as const);
  const venueCount = random.pick([1, 2, 3, 3, 4, 4, 5, 6]);
  const ids = VENUES.slice(0, venueCount);
  const most = [0, 14, 12, 10, 8, 5, 4][venueCount] ?? 4;
  // Some cases are about smallest orders, which can make it impossible to fill all that is shown.
  const coarse = chance(5);
  // Some cases are poor in numbers, so that many allocations cost the same.
  const even = chance(3);
  const books = ids.map((venue): VenueBook => {
    const buys = side === 'buy';
    const levels = randomLevels(random, { side, most, lotSize, tickSize, base, even });
    return {
      ...{
        venue,
        sinceMs: 0,
        haltReason: undefined,
        bids: buys ? [] : levels,
        offers: buys ? levels : [],
      },
      state: chance(40) ? 'stale' : 'live',
      halted: chance(40),
      firm: !chance(40),
      validUntilMs: chance(40) ? NOW_MS - 1 : NOW_MS,
    };
  });
  const notional = base * tickSize * lotSize;
  const venues = new Map<string, RouteVenue>();
  for (const venue of ids) {
    const terms = randomTerms(random, { notional, even, coarse, base, tickSize, lotSize });
    if (!chance(40)) venues.set(venue, terms);
  }
  if (chance(6)) makeTwins(random, books, venues);
  return {
    order: randomOrder(random, { side, lotSize, tickSize, base, ids }),
    book: bookOf(books),
    ...{ tickSize, lotSize, venues, nowMs: NOW_MS },
    home: random.pick([...ids, 'omega']),
    exclusions: new Map(chance(20) ? [[random.pick(ids), 'no-order-link']] : []),
  };
}

/** Rates so high that minimums and caps are reached within a few lots. */
function rates(random: SeededRandom): number[] {
  return [1, 2, 3].map(() => random.between(20_000, 400_000));
}

/** Some venues show and charge the very same as the first. */
function makeTwins(
  random: SeededRandom,
  books: VenueBook[],
  venues: Map<string, RouteVenue>,
): void {
  const [model] = books;
  const terms = model && venues.get(model.venue);
  if (!terms) return;
  for (const [index, { venue }] of books.entries()) {
    if (random.between(1, 3) === 1) continue;
    books[index] = { ...model, venue };
    venues.set(venue, terms);
  }
}

function randomOrder(
  random: SeededRandom,
  given: {
    readonly side: Side;
    readonly lotSize: number;
    readonly tickSize: number;
    readonly base: number;
    readonly ids: readonly string[];
  },
): RouteOrder {
  const { side, lotSize, tickSize, base, ids } = given;
  const lots = random.between(1, 18);
  const limited = random.between(1, 2) === 1;
  // Seldom so tight that nothing is within it.
  const limit = base + (side === 'buy' ? random.between(1, 6) : random.between(0, 4));
  const strategy = random.pick([...BEST, 'home-first', 'home-first', 'directed'] as const);
  return {
    ...{ side, strategy },
    timeInForce: random.between(1, 15) === 1 ? 'fok' : random.pick(['day', 'ioc', 'gtc', 'gtd']),
    quantity: lots * lotSize + (random.between(1, 10) === 1 ? Math.floor(lotSize / 2) : 0),
    limitPrice: limited ? limit * tickSize : undefined,
    ...(random.between(1, 12) === 1 && { minQuantity: random.between(1, lots) * lotSize }),
    ...(random.between(1, 15) === 1 && { allOrNone: true }),
    ...(random.between(1, 6) === 1 && {
      // Some of it is less than a lot, which is nothing.
      settleable: { quantity: random.between(0, 2 * lots * lotSize), code: 'CASH_TOO_LOW' },
    }),
    directedTo: strategy === 'directed' ? random.pick(ids) : undefined,
  };
}

function randomLevels(
  random: SeededRandom,
  given: {
    readonly side: Side;
    readonly most: number;
    readonly lotSize: number;
    readonly tickSize: number;
    readonly base: number;
    readonly even: boolean;
  },
): Level[] {
  const { side, most, lotSize, tickSize, base, even } = given;
  const offsets = new Set(
    Array.from({ length: random.between(1, 3) }, () => random.between(0, even ? 2 : 6)),
  );
  const prices = [...offsets].map((offset) => (base + offset) * tickSize);
  prices.sort((a, b) => (side === 'buy' ? a - b : b - a));
  let left = most;
  return prices.flatMap((price) => {
    const lots = random.between(Math.min(left, 1), left);
    left -= lots;
    const quantity = lots * lotSize + random.between(0, lotSize - 1);
    // Some levels stand between the ticks.
    const off = tickSize > 1 && random.between(1, 8) === 1 ? 1 : 0;
    return quantity === 0 ? [] : [{ price: price + off, quantity }];
  });
}

function randomTerms(
  random: SeededRandom,
  given: {
    /** Of one lot at the lowest price. */
    readonly notional: number;
    readonly even: boolean;
    readonly coarse: boolean;
    readonly base: number;
    readonly tickSize: number;
    readonly lotSize: number;
  },
): RouteVenue {
  const { notional, even, coarse, base, tickSize, lotSize } = given;
  const chance = (outOf: number): boolean => random.between(1, outOf) === 1;
  const amount = (most: number): bigint =>
    even
      ? BigInt(notional) * BigInt(random.between(0, 2))
      : BigInt(Math.floor(random.next() * most * notional));
  const takerPpm = even
    ? random.pick([0, 0, 100_000])
    : random.pick([0, 12_345, random.between(-60_000, 0), ...rates(random)]);
  const cost: VenueCost = {
    takerPpm,
    minimum: chance(3) ? amount(1) : 0n,
    cap: chance(2) ? amount(1.2) : undefined,
    fixed: chance(2) ? amount(0.4) : 0n,
  };
  return {
    cost,
    minimumLots: coarse || chance(6) ? random.between(2, coarse ? 8 : 4) : 1,
    ...(chance(10) && { ownOppositePrice: (base + random.between(0, 5)) * tickSize }),
    ...(chance(15) && { agreed: random.between(0, 5) * lotSize }),
  };
}
