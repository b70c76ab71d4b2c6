import { describe, expect, it } from 'vitest';
import { cashAmount, tokenAmount } from './onchain-amount.ts';

describe('amounts on chain', () => {
  it('scale a quantity up to the token’s decimals', () => {
    expect(tokenAmount({ quantity: 25, quantityDecimals: 0, tokenDecimals: 18 })).toBe(
      25n * 10n ** 18n,
    );
    expect(tokenAmount({ quantity: 25n, quantityDecimals: 2, tokenDecimals: 2 })).toBe(25n);
  });

  it('refuse a quantity that the token cannot express', () => {
    expect(tokenAmount({ quantity: 150, quantityDecimals: 2, tokenDecimals: 1 })).toBe(15n);
    expect(tokenAmount({ quantity: 155, quantityDecimals: 2, tokenDecimals: 1 })).toMatchObject({
      refused: true,
      code: 'AMOUNT_NOT_EXACT',
    });
  });

  it('are exact for the recorded flow’s prices: 25 shares at 585.33 are 14,633.25 in cash', () => {
    const terms = { priceDecimals: 4, quantityDecimals: 0, cashDecimals: 6 };
    expect(cashAmount({ price: 5_853_300, quantity: 25, ...terms })).toBe(14_633_250_000n);
  });

  it('refuse a cash amount with more decimals than the cash token, and never round it', () => {
    const terms = { priceDecimals: 4, quantityDecimals: 4, cashDecimals: 6 };
    expect(cashAmount({ price: 10_001, quantity: 10_001, ...terms })).toMatchObject({
      code: 'AMOUNT_NOT_EXACT',
    });
    expect(cashAmount({ price: 10_000, quantity: 10_001, ...terms })).toBe(1_000_100n);
  });

  it('stay exact beyond 2^53', () => {
    const terms = { priceDecimals: 4, quantityDecimals: 0, cashDecimals: 6 };
    const most = Number.MAX_SAFE_INTEGER;
    expect(cashAmount({ price: most, quantity: most, ...terms })).toBe(BigInt(most) ** 2n * 100n);
  });
});
