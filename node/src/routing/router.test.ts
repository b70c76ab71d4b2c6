import type { Level, RouteLeg } from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import type { ConsolidatedBook, VenueBook } from '../market/market-view.ts';
import { type RouteInput, type RouteOrder, route } from './router.ts';

const NOW = 1_000_000;

function quoted(
  venue: string,
  levels: readonly Level[],
  other: Partial<VenueBook> = {},
): VenueBook {
  return {
    venue,
    state: 'live',
    sinceMs: 0,
    halted: false,
    haltReason: undefined,
    firm: true,
    validUntilMs: NOW + 1_000,
    bids: [],
    offers: levels,
    ...other,
  };
}

function bookOf(venues: readonly VenueBook[]): ConsolidatedBook {
  return {
    instrument: 'eip155:1/erc20:0x0000000000000000000000000000000000000001',
    version: 1,
    asOfMs: NOW,
    bids: [],
    offers: [],
    locked: false,
    crossed: false,
    venues,
  };
}

function input(
  venues: readonly VenueBook[],
  order: Partial<RouteOrder>,
  other: Partial<RouteInput> = {},
): RouteInput {
  return {
    order: { side: 'buy', timeInForce: 'day', quantity: 100, limitPrice: undefined, ...order },
    book: bookOf(venues),
    tickSize: 1,
    lotSize: 1,
    home: 'beta',
    nowMs: NOW,
    exclusions: new Map(),
    ...other,
  };
}

const at = (price: number, quantity: number): Level => ({ price, quantity });
const leg = (venue: string, quantity: number, limitPrice: number): RouteLeg => ({
  venue,
  quantity,
  limitPrice,
});

describe('the router', () => {
  it('takes the best prices over all venues, one leg a venue at the worst price used there', () => {
    const venues = [
      quoted('alpha', [at(10, 30), at(12, 50)]),
      quoted('beta', [at(11, 40)]),
      quoted('gamma', [at(13, 90)]),
    ];
    const { legs, unrouted } = route(input(venues, {}));
    expect(legs).toEqual([leg('alpha', 60, 12), leg('beta', 40, 11)]);
    expect(unrouted).toBe(0);
  });

  it('sells to the highest bids first', () => {
    const venues = [
      quoted('alpha', [], { bids: [at(9, 60)] }),
      quoted('gamma', [], { bids: [at(10, 60), at(8, 60)] }),
    ];
    const { legs } = route(input(venues, { side: 'sell' }));
    expect(legs).toEqual([leg('gamma', 60, 10), leg('alpha', 40, 9)]);
  });

  it('prefers the home venue at equal prices, then the order of venue ids', () => {
    const venues = ['alpha', 'beta', 'gamma'].map((venue) => quoted(venue, [at(10, 40)]));
    const { legs } = route(input(venues, {}));
    expect(legs).toEqual([leg('beta', 40, 10), leg('alpha', 40, 10), leg('gamma', 20, 10)]);
  });

  it('goes no further than the limit and says what is left', () => {
    const venues = [quoted('alpha', [at(10, 30), at(12, 50)])];
    const { legs, unrouted } = route(input(venues, { limitPrice: 11 }));
    expect(legs).toEqual([leg('alpha', 30, 10)]);
    expect(unrouted).toBe(70);
  });

  it('takes a quote at the limit and at the last moment of its validity', () => {
    const venues = [quoted('alpha', [at(11, 100)], { validUntilMs: NOW })];
    expect(route(input(venues, { limitPrice: 11 })).unrouted).toBe(0);
  });

  it('leaves out what is halted, not live, indicative, expired or excluded, with the reason', () => {
    const levels = [at(10, 100)];
    const venues = [
      quoted('alpha', levels, { halted: true }),
      quoted('beta', levels, { state: 'stale' }),
      quoted('delta', levels, { state: 'degraded' }),
      quoted('epsilon', levels, { firm: false }),
      quoted('gamma', levels, { validUntilMs: NOW - 1 }),
      quoted('zeta', levels),
    ];
    const exclusions = new Map([['zeta', 'no-order-link']]);
    const result = route(input(venues, {}, { exclusions }));
    expect(result.legs).toEqual([]);
    expect(result.unrouted).toBe(100);
    expect(result.exclusions).toEqual([
      { venue: 'alpha', reason: 'halted' },
      { venue: 'beta', reason: 'stale' },
      { venue: 'delta', reason: 'degraded' },
      { venue: 'epsilon', reason: 'indicative' },
      { venue: 'gamma', reason: 'expired' },
      { venue: 'zeta', reason: 'no-order-link' },
    ]);
  });

  it('counts whole lots only and passes over prices off the grid', () => {
    const venues = [quoted('alpha', [at(10, 25), at(11, 50), at(15, 19)])];
    const { legs, unrouted } = route(input(venues, {}, { lotSize: 10, tickSize: 5 }));
    expect(legs).toEqual([leg('alpha', 30, 15)]);
    expect(unrouted).toBe(70);
  });

  it('sends fill-or-kill whole to the one venue where it costs least, or nowhere', () => {
    const venues = [
      quoted('alpha', [at(10, 60)]),
      quoted('beta', [at(9, 10), at(13, 90)]),
      quoted('gamma', [at(12, 100)]),
    ];
    // Over all three it would cost less, and one of them could fill while another kills.
    const whole = route(input(venues, { timeInForce: 'fok' }));
    expect(whole.legs).toEqual([leg('gamma', 100, 12)]);
    expect(whole.unrouted).toBe(0);
    const short = route(input(venues, { timeInForce: 'fok', quantity: 101 }));
    expect(short.legs).toEqual([]);
    expect(short.unrouted).toBe(101);
  });

  it('equals an exhaustive search on 2,000 small instances', () => {
    const random = seeded(20_260_105);
    for (let instance = 0; instance < 2_000; instance += 1) {
      const given = randomInput(random);
      const { legs, unrouted } = route(given);
      const best = exhaustive(given);
      expect({ legs: costs(given, legs), unrouted }, `instance ${instance}`).toEqual(best);
    }
  });
});

/** Mulberry32. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function randomInput(random: (below: number) => number): RouteInput {
  const side = random(2) === 0 ? 'buy' : 'sell';
  const lotSize = random(3) === 0 ? 5 : 1;
  const venues = ['alpha', 'beta', 'gamma'].slice(0, 1 + random(3)).map((venue) => {
    const prices = [...new Set([0, 0, 0].map(() => 10 + random(5)))];
    prices.sort((a, b) => (side === 'buy' ? a - b : b - a));
    const levels = prices.slice(0, random(4)).map((price) => at(price, 1 + random(4 * lotSize)));
    const state = random(8) === 0 ? 'stale' : 'live';
    return quoted(venue, levels, { bids: levels, state, halted: random(10) === 0 });
  });
  return input(
    venues,
    {
      side,
      quantity: (1 + random(12)) * lotSize,
      limitPrice: random(3) === 0 ? undefined : 10 + random(5),
      timeInForce: random(4) === 0 ? 'fok' : 'day',
    },
    { lotSize, home: random(2) === 0 ? 'beta' : 'gamma' },
  );
}

interface Outcome {
  readonly legs: { cost: number; byVenue: Record<string, number> };
  readonly unrouted: number;
}

/** What a route costs at the prices shown, a venue's best levels first, and what goes where. */
function costs(given: RouteInput, legs: readonly RouteLeg[]): Outcome['legs'] {
  const byVenue: Record<string, number> = {};
  let cost = 0;
  for (const { venue, quantity } of legs) {
    byVenue[venue] = quantity;
    cost += prefixCost(lotsAt(given, venue), quantity / given.lotSize);
  }
  return { cost, byVenue };
}

/** Single lots a venue offers within the limit, best first. */
function lotsAt({ book, order, lotSize }: RouteInput, venue: string): number[] {
  const shown = book.venues.find((each) => each.venue === venue);
  if (!shown || shown.state !== 'live' || shown.halted) return [];
  const { limitPrice, side } = order;
  return (side === 'buy' ? shown.offers : shown.bids)
    .filter(
      ({ price }) =>
        limitPrice === undefined || (side === 'buy' ? price <= limitPrice : price >= limitPrice),
    )
    .flatMap(({ price, quantity }) =>
      Array.from({ length: Math.floor(quantity / lotSize) }, () => price * lotSize),
    );
}

function prefixCost(lots: readonly number[], count: number): number {
  return lots.slice(0, count).reduce((sum, lot) => sum + lot, 0);
}

/** Tries every split: most quantity first, then best total, then most at preferred venues. */
function exhaustive(given: RouteInput): Outcome {
  const { order, lotSize, home } = given;
  const venues = given.book.venues
    .map(({ venue }) => venue)
    .toSorted((a, b) => Number(b === home) - Number(a === home) || (a < b ? -1 : 1));
  const wanted = order.quantity / lotSize;
  const sign = order.side === 'buy' ? 1 : -1;
  let best: { taken: number[]; total: number; cost: number } | undefined;
  const visit = (index: number, taken: number[], total: number, cost: number): void => {
    const venue = venues[index];
    if (venue === undefined) {
      // Nothing fills or kills as one but a single book.
      const used = taken.filter((count) => count > 0).length;
      if (order.timeInForce === 'fok' && used > 1) return;
      const better =
        !best ||
        total > best.total ||
        (total === best.total && (cost - best.cost) * sign < 0) ||
        (total === best.total && cost === best.cost && isMore(taken, best.taken));
      if (better) best = { taken, total, cost };
      return;
    }
    const lots = lotsAt(given, venue);
    let sum = 0;
    for (let count = 0; count <= Math.min(lots.length, wanted - total); count += 1) {
      visit(index + 1, [...taken, count], total + count, cost + sum);
      sum += lots[count] ?? 0;
    }
  };
  visit(0, [], 0, 0);
  const { taken, total, cost } = best ?? { taken: [], total: 0, cost: 0 };
  if (order.timeInForce === 'fok' && total < wanted) {
    return { legs: { cost: 0, byVenue: {} }, unrouted: order.quantity };
  }
  const byVenue: Record<string, number> = {};
  venues.forEach((venue, index) => {
    const count = taken[index] ?? 0;
    if (count > 0) byVenue[venue] = count * lotSize;
  });
  return { legs: { cost, byVenue }, unrouted: order.quantity - total * lotSize };
}

function isMore(a: readonly number[], b: readonly number[]): boolean {
  const index = a.findIndex((count, each) => count !== b[each]);
  return index >= 0 && (a[index] ?? 0) > (b[index] ?? 0);
}
