import { describe, expect, it } from 'vitest';
import {
  fitsTransaction,
  legsPerTransaction,
  maxLegsPerBatch,
  settleGasLimit,
  settlementGas,
  transactionGasCap,
} from './settlement-gas.ts';

const venues = Array.from({ length: 12 }, (_, index) => `venue-${index}`);

function batch(legs: number, venueCount: number) {
  return Array.from({ length: legs }, (_, index) => ({
    executingVenue: venues[index % venueCount] ?? '',
    homeVenue: venues[0] ?? '',
  }));
}

describe('the gas of a batch', () => {
  it('stays below the limit of one transaction for the largest batch, of twelve venues', () => {
    expect(settleGasLimit([batch(maxLegsPerBatch, 12)])).toBeLessThanOrEqual(transactionGasCap);
  });

  it('grants each leg the same, and every group a reserve of its own', () => {
    const legs = batch(10, 2);
    const reserves = settleGasLimit(legs.map((leg) => [leg])) - settleGasLimit([legs]);
    expect(reserves / 10n).toBeGreaterThan((9n * settlementGas.groupReserve) / 10n - 1n);
    const one = settleGasLimit([batch(1, 1)]);
    expect(settleGasLimit([batch(2, 1)]) - one).toBeGreaterThan(settlementGas.perLeg);
  });
});

describe('a batch in one transaction', () => {
  it('holds as many legs in groups of one as in one group, of one token', () => {
    const size = { groups: maxLegsPerBatch, legs: maxLegsPerBatch, venues: 2, tokens: 1 };
    expect(fitsTransaction(size)).toBe(true);
    expect(fitsTransaction({ ...size, legs: maxLegsPerBatch + 2 })).toBe(false);
  });

  it('keeps a reserve for the first touch of each token', () => {
    const size = { groups: 40, legs: 40, venues: 2 };
    expect(fitsTransaction({ ...size, tokens: 10 })).toBe(true);
    expect(fitsTransaction({ ...size, tokens: 40 })).toBe(false);
  });
});

describe('legs in one transaction', () => {
  it.each([1, 2, 5, 12])('are the largest batch at the usual gas, of %i venues', (count) => {
    expect(legsPerTransaction(settlementGas.perLeg, count)).toBe(maxLegsPerBatch);
  });

  it('are as many as fit where modules cost more, and never none', () => {
    for (const perLeg of [400_000n, 600_000n, 1_000_000n]) {
      const legs = legsPerTransaction(perLeg, 2);
      expect(settleGasLimit([batch(legs, 2)], perLeg)).toBeLessThanOrEqual(transactionGasCap);
      expect(settleGasLimit([batch(legs + 1, 2)], perLeg)).toBeGreaterThan(transactionGasCap);
    }
    expect(legsPerTransaction(100_000_000n, 2)).toBe(1);
  });
});
