import { describe, expect, it } from 'vitest';
import { bumpedFees, cappedFees } from './signed-transactions.ts';

const gwei = 1_000_000_000n;
const fees = (maxFeePerGas: bigint, maxPriorityFeePerGas: bigint) => ({
  ...{ maxFeePerGas, maxPriorityFeePerGas },
});

describe('fees of a replacement', () => {
  it('are both an eighth higher at least', () => {
    for (const before of [
      fees(0n, 0n),
      fees(7n, 1n),
      fees(3n * gwei + 1n, gwei),
      fees(999n, 333n),
    ]) {
      const after = bumpedFees(before, fees(0n, 0n), 500n * gwei);
      for (const name of ['maxFeePerGas', 'maxPriorityFeePerGas'] as const) {
        expect((after?.[name] ?? 0n) * 8n).toBeGreaterThanOrEqual(before[name] * 9n);
        expect(after?.[name]).toBeGreaterThan(before[name]);
      }
    }
  });

  it('follow the chain where it asks more', () => {
    expect(bumpedFees(fees(8n, 1n), fees(100n, 50n), 500n)).toEqual(fees(100n, 50n));
    expect(bumpedFees(fees(8n, 1n), fees(0n, 50n), 500n)).toEqual(fees(50n, 50n));
  });

  it('are none above the cap', () => {
    expect(bumpedFees(fees(400n, 1n), fees(0n, 0n), 450n)).toEqual(fees(450n, 2n));
    expect(bumpedFees(fees(401n, 1n), fees(0n, 0n), 450n)).toBeUndefined();
  });

  it('begin within the cap', () => {
    expect(cappedFees(fees(900n, 600n), 500n)).toEqual(fees(500n, 500n));
    expect(cappedFees(fees(400n, 60n), 500n)).toEqual(fees(400n, 60n));
  });
});
