import { describe, expect, it } from 'vitest';
import type { VenueBook } from '../market/market-view.ts';
import type { RouteInput } from './route.ts';
import { priceRoute } from './route-cost.ts';
import { route } from './router.ts';
import { bookOf } from './testing/random-instances.ts';

function sample(side: 'buy' | 'sell'): RouteInput {
  const shown = (venue: string, prices: readonly number[]): VenueBook => ({
    ...{ venue, state: 'live', sinceMs: 0, halted: false, haltReason: undefined },
    ...{ firm: true, validUntilMs: 1 },
    offers: prices.map((price) => ({ price, quantity: 10 })),
    bids: prices.toReversed().map((price) => ({ price, quantity: 10 })),
  });
  const rebate = { takerPpm: -50, minimum: 0n, cap: undefined, fixed: 0n };
  const paid = { takerPpm: 1_001, minimum: 0n, cap: undefined, fixed: 7n };
  return {
    order: { side, timeInForce: 'ioc', quantity: 25, limitPrice: undefined },
    book: bookOf([shown('alpha', [1_000, 1_002]), shown('beta', [1_001])]),
    ...{ tickSize: 1, lotSize: 1, home: 'beta', nowMs: 0, exclusions: new Map() },
    venues: new Map([
      ['alpha', { cost: paid, minimumLots: 1 }],
      ['beta', { cost: rebate, minimumLots: 1 }],
    ]),
  };
}

describe('the price of a route', () => {
  it('is split by leg into notional, fee and fixed cost, and adds up', () => {
    const input = sample('buy');
    const priced = priceRoute(input, route(input));
    // 1,001 millionths of 15,010 are 15.02501: rounded up; half a unit of rebate is not given.
    expect(priced.legs).toEqual([
      {
        ...{ venue: 'alpha', quantity: 15, limitPrice: 1_002 },
        ...{ notional: 15_010n, fee: 16n, fixedCost: 7n },
      },
      {
        ...{ venue: 'beta', quantity: 10, limitPrice: 1_001 },
        ...{ notional: 10_010n, fee: 0n, fixedCost: 0n },
      },
    ]);
    expect(priced.total).toBe(15_010n + 16n + 7n + 10_010n);
    expect(priced.averagePriceMicros).toBe((25_043n * 1_000_000n) / 25n);
    expect(priced).toMatchObject({ exclusions: [], unrouted: 0, exact: true });
  });

  it('of a sale is what is received', () => {
    const input = sample('sell');
    const priced = priceRoute(input, route(input));
    const notional = priced.legs.reduce((sum, leg) => sum + leg.notional, 0n);
    const costs = priced.legs.reduce((sum, leg) => sum + leg.fee + leg.fixedCost, 0n);
    expect(costs).toBeGreaterThan(0n);
    expect(priced.total).toBe(notional - costs);
  });

  it('of no legs has no average', () => {
    const input = { ...sample('buy'), venues: new Map() };
    expect(priceRoute(input, route(input))).toMatchObject({
      ...{ legs: [], total: 0n, averagePriceMicros: undefined },
    });
  });
});
