import { describe, expect, it } from 'vitest';
import { planSplitBuy } from './plan-order.ts';

const level = (price: bigint, shares: Record<string, bigint>) => ({
  price,
  venues: Object.entries(shares).map(([venue, quantity]) => ({ venue, quantity })),
});

describe('a buy larger than the best venue can fill', () => {
  it('reaches into the second venue at the same price', () => {
    expect(planSplitBuy([level(100n, { alpha: 300n, beta: 200n })], 1n)).toEqual({
      quantity: 400n,
      limitPrice: 100n,
      bestVenue: 'alpha',
    });
  });

  it('takes all of the better levels first', () => {
    const offers = [
      level(100n, { beta: 50n }),
      level(101n, { beta: 10n }),
      level(102n, { alpha: 9n, beta: 1n }),
    ];
    expect(planSplitBuy(offers, 1n)).toEqual({
      quantity: 65n,
      limitPrice: 102n,
      bestVenue: 'beta',
    });
  });

  it('takes at least a lot of the second venue', () => {
    expect(planSplitBuy([level(1n, { alpha: 10n, beta: 10n })], 10n)).toMatchObject({
      quantity: 20n,
    });
  });

  it('says so where one venue stands alone', () => {
    expect(planSplitBuy([level(100n, { alpha: 300n })], 1n)).toMatchObject({
      code: 'ONE_VENUE_ONLY',
    });
    expect(planSplitBuy([], 1n)).toMatchObject({ code: 'ONE_VENUE_ONLY' });
  });
});
