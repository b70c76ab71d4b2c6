import { seededRandom } from '@stoa/adapters/seeded-random';
import type { Level, RouteLeg } from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import type { VenueBook } from '../market/market-view.ts';
import type { RouteInput, RouteOrder, RouteVenue } from './route.ts';
import { route } from './router.ts';
import { checkAgainstOracle } from './testing/oracle-check.ts';
import { bookOf } from './testing/random-instances.ts';
import { realisticInstance } from './testing/realistic-instances.ts';
import type { VenueCost } from './venue-cost.ts';

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

/** Terms without any cost, unless said otherwise. */
function terms(cost: Partial<VenueCost> = {}, other: Partial<RouteVenue> = {}): RouteVenue {
  const free = { takerPpm: 0, minimum: 0n, cap: undefined, fixed: 0n };
  return { cost: { ...free, ...cost }, minimumLots: 1, ...other };
}

function input(
  venues: readonly VenueBook[],
  order: Partial<RouteOrder>,
  known: Readonly<Record<string, RouteVenue>> = {},
  other: Partial<RouteInput> = {},
): RouteInput {
  return {
    order: { side: 'buy', timeInForce: 'ioc', quantity: 100, limitPrice: undefined, ...order },
    book: bookOf(venues),
    tickSize: 1,
    lotSize: 1,
    home: 'beta',
    nowMs: NOW,
    exclusions: new Map(),
    venues: new Map(venues.map(({ venue }) => [venue, known[venue] ?? terms()])),
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
    const result = route(input(venues, {}));
    expect(result.legs).toEqual([leg('alpha', 60, 12), leg('beta', 40, 11)]);
    expect(result).toMatchObject({ unrouted: 0, exact: true, routerVersion: 'total-cost/1' });
  });

  it('sells to the highest bids first', () => {
    const venues = [
      quoted('alpha', [], { bids: [at(9, 60)] }),
      quoted('gamma', [], { bids: [at(10, 60), at(8, 60)] }),
    ];
    const { legs } = route(input(venues, { side: 'sell' }));
    expect(legs).toEqual([leg('gamma', 60, 10), leg('alpha', 40, 9)]);
  });

  it('prefers the home venue at equal costs, then the order of venue ids', () => {
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

  it('counts whole lots only and passes over prices off the grid', () => {
    const venues = [quoted('alpha', [at(10, 25), at(11, 50), at(15, 19)])];
    const { legs, unrouted } = route(input(venues, {}, {}, { lotSize: 10, tickSize: 5 }));
    expect(legs).toEqual([leg('alpha', 30, 15)]);
    expect(unrouted).toBe(70);
  });
});

describe('what the router leaves out', () => {
  it('is what is halted, not live, indicative, expired, unknown or excluded, with the reason', () => {
    const levels = [at(10, 100)];
    const venues = [
      quoted('alpha', levels, { halted: true }),
      quoted('beta', levels, { state: 'stale' }),
      quoted('delta', levels, { state: 'degraded' }),
      quoted('epsilon', levels, { firm: false }),
      quoted('eta', levels),
      quoted('gamma', levels, { validUntilMs: NOW - 1 }),
      quoted('kappa', levels),
      quoted('zeta', levels),
    ];
    const known = { kappa: terms({}, { agreed: 0 }) };
    const given = input(venues, {}, known, { exclusions: new Map([['zeta', 'no-order-link']]) });
    const without = new Map([...given.venues].filter(([venue]) => venue !== 'eta'));
    const result = route({ ...given, venues: without });
    expect(result.legs).toEqual([]);
    expect(result.unrouted).toBe(100);
    expect(result.exclusions).toEqual([
      { venue: 'alpha', reason: 'halted' },
      { venue: 'beta', reason: 'stale' },
      { venue: 'delta', reason: 'degraded' },
      { venue: 'epsilon', reason: 'indicative' },
      { venue: 'eta', reason: 'terms-unknown' },
      { venue: 'gamma', reason: 'expired' },
      { venue: 'kappa', reason: 'no-agreement' },
      { venue: 'zeta', reason: 'no-order-link' },
    ]);
  });

  it('is a price from which the investor would meet an own order, and no better one', () => {
    const venues = [
      quoted('alpha', [at(10, 30), at(11, 50), at(12, 50)]),
      quoted('gamma', [at(11, 90)]),
      quoted('omega', [at(14, 90)]),
    ];
    const known = {
      alpha: terms({}, { ownOppositePrice: 11 }),
      gamma: terms({}, { ownOppositePrice: 11 }),
    };
    const { legs, exclusions } = route(input(venues, {}, known));
    expect(legs).toEqual([leg('alpha', 30, 10), leg('omega', 70, 14)]);
    expect(exclusions).toEqual([
      { venue: 'alpha', reason: 'self-trade', fromPrice: 11 },
      { venue: 'gamma', reason: 'self-trade' },
    ]);
  });

  it('is more than is agreed at a venue', () => {
    const venues = [quoted('alpha', [at(10, 80)]), quoted('gamma', [at(11, 80)])];
    const { legs, unrouted } = route(input(venues, {}, { gamma: terms({}, { agreed: 10 }) }));
    expect(legs).toEqual([leg('alpha', 80, 10), leg('gamma', 10, 11)]);
    expect(unrouted).toBe(10);
  });

  it('is more than the investor could settle, over all venues together', () => {
    const venues = [quoted('alpha', [at(10, 80)]), quoted('gamma', [at(11, 80)])];
    const bound = (quantity: number) => ({ settleable: { quantity, code: 'CASH_TOO_LOW' } });
    const some = route(input(venues, bound(95)));
    expect(some.legs).toEqual([leg('alpha', 80, 10), leg('gamma', 15, 11)]);
    expect(some).toMatchObject({ unrouted: 5, exclusions: [] });
    const none = route(input(venues, bound(0)));
    expect(none).toMatchObject({ legs: [], unrouted: 100 });
    expect(none.exclusions.map(({ reason }) => reason)).toEqual([
      'not-settleable',
      'not-settleable',
    ]);
  });

  it('is any part of an order that goes whole, where only a part could settle', () => {
    const venues = [quoted('alpha', [at(10, 180)])];
    const settleable = { quantity: 99, code: 'CASH_TOO_LOW' };
    for (const whole of [{ timeInForce: 'fok' }, { allOrNone: true }] as const) {
      const { legs, exclusions } = route(input(venues, { ...whole, settleable }));
      expect(legs).toEqual([]);
      expect(exclusions).toEqual([{ venue: 'alpha', reason: 'not-settleable' }]);
    }
  });

  it('is a venue whose smallest order is more than it shows, or than is wanted', () => {
    const venues = [quoted('alpha', [at(10, 80)]), quoted('gamma', [at(11, 180)])];
    const known = { alpha: terms({}, { minimumLots: 90 }), gamma: terms({}, { minimumLots: 101 }) };
    const { legs, exclusions } = route(input(venues, {}, known));
    expect(legs).toEqual([]);
    expect(exclusions).toEqual([
      { venue: 'alpha', reason: 'below-minimum' },
      { venue: 'gamma', reason: 'below-minimum' },
    ]);
  });

  it('refuses a book whose levels are not in order: a wrong route would follow', () => {
    const venues = [quoted('alpha', [at(11, 80), at(10, 80)])];
    expect(() => route(input(venues, {}))).toThrow('the levels of a book are not in order');
  });
});

describe('total cost', () => {
  it('counts the fee: a worse price without one may cost less', () => {
    const venues = [quoted('alpha', [at(1_000, 100)]), quoted('gamma', [at(1_001, 100)])];
    const dear = { alpha: terms({ takerPpm: 1_001 }) };
    expect(route(input(venues, {}, dear)).legs).toEqual([leg('gamma', 100, 1_001)]);
    const cheap = { alpha: terms({ takerPpm: 999 }) };
    expect(route(input(venues, {}, cheap)).legs).toEqual([leg('alpha', 100, 1_000)]);
  });

  it('counts a rebate', () => {
    const venues = [quoted('alpha', [at(1_000, 100)]), quoted('gamma', [at(1_001, 100)])];
    const known = { gamma: terms({ takerPpm: -1_500 }) };
    expect(route(input(venues, {}, known)).legs).toEqual([leg('gamma', 100, 1_001)]);
  });

  it('does not open a leg for a better price that its fixed cost or minimum fee eats up', () => {
    const venues = [quoted('alpha', [at(10, 10)]), quoted('gamma', [at(11, 100)])];
    for (const cost of [{ fixed: 11n }, { minimum: 11n }]) {
      expect(route(input(venues, {}, { alpha: terms(cost) })).legs).toEqual([
        leg('gamma', 100, 11),
      ]);
    }
    for (const cost of [{ fixed: 9n }, { minimum: 9n }]) {
      const { legs } = route(input(venues, {}, { alpha: terms(cost) }));
      expect(legs).toEqual([leg('alpha', 10, 10), leg('gamma', 90, 11)]);
    }
  });

  it('sends more to a venue whose fee has reached its cap', () => {
    const venues = [quoted('alpha', [at(1_000, 100)]), quoted('gamma', [at(1_010, 100)])];
    const rate = { takerPpm: 20_000 };
    expect(route(input(venues, {}, { alpha: terms(rate) })).legs[0]?.venue).toBe('gamma');
    const capped = { alpha: terms({ ...rate, cap: 500n }) };
    expect(route(input(venues, {}, capped)).legs).toEqual([leg('alpha', 100, 1_000)]);
  });

  it('fills more rather than cheaper', () => {
    const venues = [quoted('alpha', [at(10, 60)]), quoted('gamma', [at(10, 60)])];
    const known = { gamma: terms({ fixed: 1_000_000n }) };
    expect(route(input(venues, {}, known)).unrouted).toBe(0);
  });

  it('keeps to smallest orders, giving up a lot at a better price for it', () => {
    const venues = [quoted('alpha', [at(10, 95)]), quoted('gamma', [at(11, 100)])];
    const known = { gamma: terms({}, { minimumLots: 20 }) };
    expect(route(input(venues, {}, known)).legs).toEqual([
      leg('alpha', 80, 10),
      leg('gamma', 20, 11),
    ]);
  });

  it('is exact beyond what a double holds', () => {
    // The two differ by one part in 10^17.
    const lotSize = 1_000_000_007;
    const venues = [
      quoted('alpha', [at(99_999_989, 3 * lotSize)]),
      quoted('gamma', [at(99_999_989, 3 * lotSize)]),
    ];
    const order = { quantity: 3 * lotSize };
    const notional = 99_999_989n * 3n * BigInt(lotSize);
    for (const fixed of [-1n, 0n, 1n]) {
      const known = {
        alpha: terms({ fixed: notional }),
        gamma: terms({ fixed: notional + fixed }),
      };
      const { legs } = route(input(venues, order, known, { lotSize, home: 'alpha' }));
      expect(legs[0]?.venue).toBe(fixed < 0n ? 'gamma' : 'alpha');
    }
  });
});

describe('what an order asks for', () => {
  const venues = [
    quoted('alpha', [at(10, 60)]),
    quoted('beta', [at(9, 10), at(13, 90)]),
    quoted('gamma', [at(12, 100)]),
  ];

  it('fill-or-kill and all-or-none go whole to the venue where they cost least, or nowhere', () => {
    // Over all three it would cost less, and one of them could fill while another kills.
    for (const whole of [{ timeInForce: 'fok' }, { allOrNone: true }] as const) {
      const { legs, unrouted } = route(input(venues, whole));
      expect(legs).toEqual([leg('gamma', 100, 12)]);
      expect(unrouted).toBe(0);
      const short = route(input(venues, { ...whole, quantity: 101 }));
      expect(short.legs).toEqual([]);
      expect(short.unrouted).toBe(101);
      const first = route(input(venues, { ...whole, strategy: 'home-first' }));
      expect(first.legs).toEqual([leg('beta', 100, 13)]);
    }
  });

  it('home first takes what home shows within the limit, and the rest where it costs least', () => {
    const { legs } = route(input(venues, { strategy: 'home-first', quantity: 140 }));
    expect(legs).toEqual([leg('beta', 100, 13), leg('alpha', 40, 10)]);
    const limited = route(input(venues, { strategy: 'home-first', limitPrice: 12 }));
    expect(limited.legs).toEqual([leg('beta', 10, 9), leg('alpha', 60, 10), leg('gamma', 30, 12)]);
  });

  it('a directed order goes to its venue and no other', () => {
    const { legs, unrouted, exclusions } = route(
      input(venues, { strategy: 'directed', directedTo: 'alpha' }),
    );
    expect(legs).toEqual([leg('alpha', 60, 10)]);
    expect(unrouted).toBe(40);
    expect(exclusions.map(({ reason }) => reason)).toEqual(['not-directed', 'not-directed']);
  });

  it('a minimum quantity counts over all venues, and without it nothing goes', () => {
    const enough = route(input(venues, { quantity: 300, minQuantity: 260 }));
    expect(enough.unrouted).toBe(40);
    const short = route(input(venues, { quantity: 300, minQuantity: 261 }));
    expect(short.legs).toEqual([]);
    expect(short.unrouted).toBe(300);
  });
});

describe('the search', () => {
  it('equals every allocation tried, on 2,000 random instances', () => {
    const { mismatches, inexact, failures } = checkAgainstOracle({
      seed: 20_260_105,
      instances: 2_000,
    });
    expect({ mismatches, inexact, failures }).toEqual({ mismatches: 0, inexact: 0, failures: [] });
  });

  it('ends with the optimum on books of 16 venues and 20 levels', () => {
    const random = seededRandom(16_20);
    for (let instance = 0; instance < 500; instance += 1) {
      const given = realisticInstance(random, { venues: 16, levels: 20 });
      expect(route(given).exact, `instance ${instance}`).toBe(true);
    }
  });

  it('ends where sixteen venues are the very same', () => {
    const ids = Array.from({ length: 16 }, (_, index) => `venue-${index + 10}`);
    const same = ids.map((venue) => quoted(venue, [at(1_000, 100)]));
    const known = Object.fromEntries(ids.map((venue) => [venue, terms({ fixed: 50_000n })]));
    const { legs, exact } = route(input(same, { quantity: 750 }, known, { home: 'venue-25' }));
    // Any eight of them cost the same: without more ado each eight would be tried.
    expect(exact).toBe(true);
    expect(legs.map(({ quantity }) => quantity)).toEqual([...Array(7).fill(100), 50]);
    expect(legs[0]?.venue).toBe('venue-25');
  });

  it('routes over more venues than it is exact for, and never more than is wanted', () => {
    const random = seededRandom(40);
    for (let instance = 0; instance < 50; instance += 1) {
      const given = realisticInstance(random, { venues: 40, levels: 10 });
      const { legs, unrouted } = route(given);
      const sum = legs.reduce((total, { quantity }) => total + quantity, 0);
      expect(sum + unrouted).toBe(given.order.quantity);
    }
  });

  it('says so where its budget ends before the search does, and still fills what it may', () => {
    // Nearly alike, so that no choice of venues is hopeless before it is complete.
    const random = seededRandom(3);
    const ids = Array.from({ length: 40 }, (_, index) => `venue-${index + 10}`);
    const alike = ids.map((venue) => quoted(venue, [at(1_000, 90 + random.between(0, 20))]));
    const known = Object.fromEntries(
      ids.map((venue) => [venue, terms({ fixed: BigInt(50_000 + random.between(0, 99)) })]),
    );
    const given = input(alike, { quantity: 2_050 }, known, { home: 'venue-10' });
    const first = route(given);
    expect(first).toMatchObject({ exact: false, unrouted: 0 });
    expect(route(given)).toEqual(first);
  });
});
