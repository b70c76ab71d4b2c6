import { isRefusal } from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import { INSTRUMENT } from '../testing/test-network.ts';
import {
  checkLimits,
  type LimitQuestion,
  MemberLimits,
  type OrderLimits,
  type OrderLimitsFile,
  parseOrderLimits,
  referencePrice,
} from './order-limits.ts';

function limitsOf(json: unknown): OrderLimits {
  return fileOf({ defaults: json }).defaults;
}

function fileOf(json: unknown): OrderLimitsFile {
  const parsed = parseOrderLimits(json);
  if (isRefusal(parsed)) throw new Error(parsed.message);
  return parsed;
}

/** Buys 100 at 10.00 where the last sale was at 10.00: a notional of 1,000. */
const QUESTION: LimitQuestion = {
  instrument: INSTRUMENT,
  side: 'buy',
  quantity: 100,
  limitPrice: 1_000,
  worstPrice: undefined,
  reference: 1_000,
  usage: { openOrders: 0, openNotional: 0n },
};
/** What open orders worth so much of the cash count for. */
const worth = (cash: number): bigint => BigInt(cash) * 10n ** 36n;

describe('the limits of a member', () => {
  it.each<[object, Partial<LimitQuestion>, string | undefined]>([
    [{}, { quantity: 1_000_000_000, limitPrice: 1_000_000 }, undefined],
    [{ maxQuantity: '100' }, {}, undefined],
    [{ maxQuantity: '99.5' }, {}, 'OVER_MAX_QUANTITY'],
    [{ maxNotional: '1000' }, {}, undefined],
    [{ maxNotional: '999.99' }, {}, 'OVER_MAX_NOTIONAL'],
    [{ maxNotional: '1000' }, { limitPrice: undefined, worstPrice: 1_005 }, 'OVER_MAX_NOTIONAL'],
    // Nobody quotes: the last sale says what it would be worth.
    [{ maxNotional: '999' }, { limitPrice: undefined }, 'OVER_MAX_NOTIONAL'],
    [{ maxNotional: '1' }, { limitPrice: undefined, reference: undefined }, undefined],
    [{ collarPpm: 50_000 }, { limitPrice: 1_050 }, undefined],
    [{ collarPpm: 50_000 }, { limitPrice: 1_055 }, 'PRICE_BEYOND_COLLAR'],
    [{ collarPpm: 50_000 }, { side: 'sell', limitPrice: 950 }, undefined],
    [{ collarPpm: 50_000 }, { side: 'sell', limitPrice: 945 }, 'PRICE_BEYOND_COLLAR'],
    [{ collarPpm: 50_000 }, { limitPrice: 5 }, undefined],
    [{ collarPpm: 50_000 }, { limitPrice: 10_000, reference: undefined }, undefined],
    [{ collarPpm: 50_000 }, { limitPrice: undefined, worstPrice: 1_055 }, 'PRICE_BEYOND_COLLAR'],
    [{ awayPpm: 200_000 }, { limitPrice: 800 }, undefined],
    [{ awayPpm: 200_000 }, { limitPrice: 795 }, 'PRICE_TOO_FAR_AWAY'],
    [{ awayPpm: 200_000 }, { side: 'sell', limitPrice: 1_205 }, 'PRICE_TOO_FAR_AWAY'],
    [{ awayPpm: 200_000 }, { limitPrice: 5_000 }, undefined],
    [{ maxOpenOrders: 3 }, { usage: { openOrders: 2, openNotional: 0n } }, undefined],
    [{ maxOpenOrders: 3 }, { usage: { openOrders: 3, openNotional: 0n } }, 'TOO_MANY_OPEN_ORDERS'],
    [
      { maxOpenNotional: '1500' },
      { usage: { openOrders: 1, openNotional: worth(500) } },
      undefined,
    ],
    [
      { maxOpenNotional: '1500' },
      { usage: { openOrders: 1, openNotional: worth(501) } },
      'OVER_MAX_OPEN_NOTIONAL',
    ],
  ])('%j, as case %#, judge an order', (limits, question, code) => {
    expect(checkLimits({ ...QUESTION, ...question }, limitsOf(limits))?.code).toBe(code);
  });

  it('are its own, field by field, before those of everybody', () => {
    const limits = new MemberLimits(
      fileOf({
        defaults: { maxQuantity: '50', maxOpenOrders: 2 },
        members: { harbor: { maxQuantity: '500' } },
      }),
    );
    expect(limits.check('quay', QUESTION)?.code).toBe('OVER_MAX_QUANTITY');
    expect(limits.check('harbor', QUESTION)).toBeUndefined();
    const usage = { openOrders: 2, openNotional: 0n };
    expect(limits.check('harbor', { ...QUESTION, usage })?.code).toBe('TOO_MANY_OPEN_ORDERS');
  });

  it('are none without a file', () => {
    const limits = new MemberLimits();
    expect(limits.check('harbor', { ...QUESTION, quantity: 2 ** 50 })).toBeUndefined();
    for (let count = 0; count < 10_000; count += 1) {
      expect(limits.admit('harbor', 'order', 0)).toBeUndefined();
    }
  });

  it('count orders and changes in buckets of their own, and say how long to wait', () => {
    const slow = { perSecond: 2, burst: 1 };
    const limits = new MemberLimits(fileOf({ defaults: { orders: slow, changes: slow } }));
    expect(limits.admit('harbor', 'order', 0)).toBeUndefined();
    const refused = limits.admit('harbor', 'order', 100);
    expect(refused?.code).toBe('RATE_LIMITED');
    expect(refused?.action).toContain('400 ms');
    expect(limits.admit('harbor', 'change', 100)).toBeUndefined();
    expect(limits.admit('quay', 'order', 100)).toBeUndefined();
    expect(limits.admit('harbor', 'order', 500)).toBeUndefined();
  });

  it('are read from a file that is told of every mistake at once', () => {
    const parsed = parseOrderLimits({
      defaults: { maxQuantity: '-1', collarPpm: 0.5, orders: { perSecond: 0, burst: 1 } },
      members: { 'Harbor Inc': {}, quay: { maxNotional: 1_000 } },
      default: {},
    });
    expect(isRefusal(parsed) && parsed.code).toBe('ORDER_LIMITS_INVALID');
    const message = isRefusal(parsed) ? parsed.message : '';
    for (const field of [
      'defaults.maxQuantity',
      'defaults.collarPpm',
      'defaults.orders.perSecond',
      'members.Harbor Inc',
      'members.quay.maxNotional',
      '"default"',
    ]) {
      expect(message).toContain(field);
    }
  });
});

describe('what an instrument is worth', () => {
  const level = (price: number) => [{ price, quantity: 10, venues: [] }];

  it('is the last sale, else the middle of both sides, else unknown', () => {
    const book = { bids: level(990), offers: level(1_015) };
    expect(referencePrice(book, { price: 950 })).toBe(950);
    expect(referencePrice(book, undefined)).toBe(1_002);
    expect(referencePrice({ ...book, bids: [] }, undefined)).toBeUndefined();
    // Crossed books are normal here.
    expect(referencePrice({ bids: level(1_010), offers: level(1_000) }, undefined)).toBe(1_005);
  });
});
