import { describe, expect, it } from 'vitest';
import { canBeSentAgain, courseAfter } from './failure-policy.ts';

const first = { attempts: 0, firstWaitMs: 1_000, nowMs: 5_000 };

describe('after a failure', () => {
  it.each([
    'TOKEN_PAUSED',
    'COMPLIANCE_REFUSED',
    'ALLOWANCE_TOO_LOW',
    'VENUE_SUSPENDED',
    'NEVER_SEEN',
  ])('a batch that failed for %s is tried again', (code) => {
    expect(courseAfter(code, first)).toEqual({
      ...{ afterFailure: 'retry', retryAtMs: 6_000, attempts: 1 },
    });
  });

  it.each([
    'TRADE_ALREADY_SETTLED',
    'INVALID_VENUE_SIGNATURE',
    'INSTRUMENT_DELISTED',
    'MANDATE_EXPIRED',
  ])('a batch that failed for %s waits for the operator', (code) => {
    expect(courseAfter(code, first)).toEqual({
      ...{ afterFailure: 'operator', retryAtMs: null, attempts: 1 },
    });
  });

  it('waits twice as long every time, a quarter of an hour at most, and asks a person in the end', () => {
    const waits = Array.from(
      { length: 12 },
      (_, attempts) => (courseAfter('TOKEN_PAUSED', { ...first, attempts }).retryAtMs ?? 0) - 5_000,
    );
    expect(waits.slice(0, 4)).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect(Math.max(...waits)).toBe(900_000);
    expect(courseAfter('TOKEN_PAUSED', { ...first, attempts: 12 }).afterFailure).toBe('operator');
  });

  it('sends the same bytes of the venues again only where all of them signed, in time', () => {
    const leg = { executingVenue: 'beta', homeVenue: 'alpha' } as never;
    const signature = { signer: '0x', signature: '0x' } as const;
    const signatures = ['alpha', 'beta'].map((venue) => ({ ...signature, venue }));
    const batch = { code: 'TOKEN_PAUSED', deadline: 100, legs: [leg], signatures };
    expect(canBeSentAgain(batch, 50_000)).toBe(true);
    expect(canBeSentAgain(batch, 100_000)).toBe(false);
    expect(canBeSentAgain({ ...batch, signatures: signatures.slice(1) }, 50_000)).toBe(false);
    expect(canBeSentAgain({ ...batch, code: 'NOT_A_SIGNER' }, 50_000)).toBe(false);
  });
});
