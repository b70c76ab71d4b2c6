import type { FeeSchedule } from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import { compileFees, feeMicros, type VenueCost } from './venue-cost.ts';

const SCHEDULE: FeeSchedule = {
  tiers: [
    { fromNotional: '1000000', makerPpm: -100, takerPpm: 500 },
    { fromNotional: '0', makerPpm: 0, takerPpm: 1_000 },
    { fromNotional: '50000.5', makerPpm: -50, takerPpm: 800 },
  ],
  minimum: '0.35',
  cap: '25',
};

const GIVEN = { monthlyNotional: 0n, notionalDecimals: 4, legCost: '0.02' };
const CASH = 10n ** 18n;

function cost(other: Partial<VenueCost>): VenueCost {
  return { takerPpm: 1_000, minimum: 0n, cap: undefined, fixed: 0n, ...other };
}

describe('a venue’s fee', () => {
  it('is exact in millionths of a notional unit', () => {
    expect(feeMicros(cost({ takerPpm: 3 }), 7n)).toBe(21n);
    expect(feeMicros(cost({ takerPpm: 999_999 }), 10n ** 30n)).toBe(999_999n * 10n ** 30n);
  });

  it('is not below the minimum, and not above the cap', () => {
    const bounded = cost({ minimum: 5n, cap: 9n });
    expect(feeMicros(bounded, 4_999n)).toBe(5_000_000n);
    expect(feeMicros(bounded, 5_001n)).toBe(5_001_000n);
    expect(feeMicros(bounded, 9_001n)).toBe(9_000_000n);
  });

  it('is a rebate where the rate is below zero and there is no minimum', () => {
    expect(feeMicros(cost({ takerPpm: -200, cap: 9n }), 10n)).toBe(-2_000n);
    expect(feeMicros(cost({ takerPpm: -200, minimum: 1n }), 10n)).toBe(1_000_000n);
  });
});

describe('a fee schedule', () => {
  it('is read in notional units', () => {
    expect(compileFees(SCHEDULE, GIVEN)).toEqual({
      taker: { takerPpm: 1_000, minimum: 3_500n, cap: 250_000n, fixed: 200n },
      maker: { takerPpm: 0, minimum: 3_500n, cap: 250_000n, fixed: 200n },
    });
  });

  it('gives the highest tier that was reached, in whatever order they stand', () => {
    const ppm = (monthlyNotional: bigint) =>
      compileFees(SCHEDULE, { ...GIVEN, monthlyNotional })?.taker.takerPpm;
    expect(ppm(50_000n * CASH + CASH / 2n - 1n)).toBe(1_000);
    expect(ppm(50_000n * CASH + CASH / 2n)).toBe(800);
    expect(ppm(1_000_000n * CASH)).toBe(500);
  });

  it('rounds amounts finer than the notional unit up', () => {
    const fine = { ...SCHEDULE, minimum: '0.00001', cap: '0.00011' };
    const compiled = compileFees(fine, { ...GIVEN, legCost: '0.00021' });
    expect(compiled?.taker).toMatchObject({ minimum: 1n, cap: 2n, fixed: 3n });
  });

  it('is nothing where it does not read', () => {
    const one = { fromNotional: '0', makerPpm: 0, takerPpm: 0 };
    const broken: readonly FeeSchedule[] = [
      { ...SCHEDULE, tiers: [] },
      { ...SCHEDULE, tiers: [{ ...one, fromNotional: '1' }] },
      { ...SCHEDULE, tiers: [{ ...one, fromNotional: 'much' }] },
      { ...SCHEDULE, tiers: [{ ...one, takerPpm: 1_000_001 }] },
      { ...SCHEDULE, tiers: [{ ...one, makerPpm: 0.5 }] },
      { ...SCHEDULE, minimum: '-1' },
      { ...SCHEDULE, cap: 'none' },
    ];
    for (const schedule of broken) expect(compileFees(schedule, GIVEN)).toBeUndefined();
    expect(compileFees(SCHEDULE, { ...GIVEN, legCost: '' })).toBeUndefined();
  });
});
