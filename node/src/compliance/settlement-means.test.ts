import { refuse } from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import { meansOf, type SettlementMeans, settleableLevels } from './settlement-means.ts';

/** Cents, whole tokens by tens, tokens of two decimals and cash of two. */
const instrument = {
  ...{ priceDecimals: 2, quantityDecimals: 0, lotSize: 10 },
  ...{ tokenDecimals: 2, cashDecimals: 2 },
};
const levels = [
  { price: 100, quantity: 45 },
  { price: 110, quantity: 30 },
  { price: 120, quantity: 50 },
];
const poor = refuse('CASH_TOO_LOW', 'Too little.', 'Bring more.');
const held = refuse('BALANCE_TOO_LOW', 'Too few.', 'Bring more.');
const quantities = (side: 'buy' | 'sell', means: SettlementMeans) =>
  settleableLevels({ instrument, side, means }, levels).map(
    ({ settleableQuantity, refusal }) => `${settleableQuantity} ${refusal?.code ?? 'all'}`,
  );

describe('what a wallet could settle of a book', () => {
  it('is all that is shown in whole lots, where nothing bounds it', () => {
    expect(quantities('buy', {})).toEqual(['40 all', '30 all', '50 all']);
  });

  it('is spent once, at the best levels first and at their prices', () => {
    // 40 × 1.00 and 30 × 1.10 leave 27.00, which pays 20 at 1.20.
    const cash = { most: 10_000n, refusal: poor };
    expect(quantities('buy', { cash })).toEqual(['40 all', '30 all', '20 CASH_TOO_LOW']);
    expect(quantities('buy', { cash: { ...cash, most: 999n } })).toEqual([
      '0 CASH_TOO_LOW',
      '0 CASH_TOO_LOW',
      '0 CASH_TOO_LOW',
    ]);
  });

  it('never exceeds the means, to the last unit, and leaves no lot that would fit', () => {
    for (let most = 0n; most < 16_000n; most += 7n) {
      const found = settleableLevels(
        { instrument, side: 'buy', means: { cash: { most, refusal: poor } } },
        levels,
      );
      const spent = found.reduce((sum, level) => sum + level.price * level.settleableQuantity, 0);
      expect(BigInt(spent)).toBeLessThanOrEqual(most);
      const short = found.find(({ refusal }) => refusal);
      if (short) expect(BigInt(spent + 10 * short.price)).toBeGreaterThan(most);
    }
  });

  it('is what a seller may deliver, whatever the price', () => {
    const tokens = { most: 5_999n, refusal: held };
    expect(quantities('sell', { tokens, cash: { most: 0n, refusal: poor } })).toEqual([
      '40 all',
      '10 BALANCE_TOO_LOW',
      '0 BALANCE_TOO_LOW',
    ]);
  });

  it('is nothing where a lot has no exact amount in cash', () => {
    const coarse = { ...instrument, cashDecimals: 0 };
    const [level] = settleableLevels({ instrument: coarse, side: 'buy', means: {} }, [
      { price: 101, quantity: 40 },
    ]);
    expect(level).toMatchObject({ settleableQuantity: 0, refusal: { code: 'AMOUNT_NOT_EXACT' } });
  });
});

describe('the means of a wallet', () => {
  it('are the least that any reason leaves, less what is promised of the same thing', () => {
    const reasons = [
      { code: 'BALANCE_TOO_LOW', message: 'few', most: 70n },
      { code: 'ALLOWANCE_TOO_LOW', message: 'fewer', most: 50n },
      { code: 'CASH_TOO_LOW', message: 'poor', most: 30n },
    ] as const;
    expect(meansOf('sell', reasons, 20n)).toMatchObject({
      tokens: { most: 30n, refusal: { code: 'ALLOWANCE_TOO_LOW' } },
      cash: { most: 30n },
    });
    expect(meansOf('buy', reasons, 40n)).toMatchObject({
      tokens: { most: 50n },
      cash: { most: 0n },
    });
  });

  it('are nothing where a reason names no quantity that would pass', () => {
    const reasons = [{ code: 'WALLET_FROZEN', message: 'frozen' }] as const;
    expect(meansOf('sell', reasons, 0n)).toMatchObject({
      tokens: { most: 0n, refusal: { code: 'WALLET_FROZEN' } },
    });
  });
});
