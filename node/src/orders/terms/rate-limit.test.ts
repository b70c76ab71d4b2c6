import { describe, expect, it } from 'vitest';
import { RateLimits } from './rate-limit.ts';

const RATE = { perSecond: 10, burst: 3 };

describe('a rate limit', () => {
  it('lets a burst pass, then one each tenth of a second, and says how long to wait', () => {
    const limits = new RateLimits();
    const burst = [0, 0, 0].map(() => limits.take('harbor', RATE, 1_000));
    expect(burst).toEqual([0, 0, 0]);
    expect(limits.take('harbor', RATE, 1_000)).toBe(100);
    expect(limits.take('harbor', RATE, 1_060)).toBe(40);
    expect(limits.take('harbor', RATE, 1_100)).toBe(0);
    expect(limits.take('harbor', RATE, 1_100)).toBe(100);
  });

  it('lets exactly the rate pass in the long run, however it is asked', () => {
    const limits = new RateLimits();
    let passed = 0;
    for (let nowMs = 0; nowMs < 60_000; nowMs += 7) {
      if (limits.take('harbor', RATE, nowMs) === 0) passed += 1;
    }
    expect(passed).toBeGreaterThanOrEqual(600);
    expect(passed).toBeLessThanOrEqual(603);
  });

  it('holds no more than the burst after a long silence', () => {
    const limits = new RateLimits();
    limits.take('harbor', RATE, 0);
    const later = [0, 0, 0, 0].map(() => limits.take('harbor', RATE, 3_600_000));
    expect(later).toEqual([0, 0, 0, 100]);
  });

  it('keeps each name apart', () => {
    const limits = new RateLimits();
    for (let count = 0; count < 3; count += 1) limits.take('harbor', RATE, 0);
    expect(limits.take('quay', RATE, 0)).toBe(0);
    expect(limits.take('harbor', RATE, 0)).toBeGreaterThan(0);
  });

  it('neither fills nor empties when the clock is set back', () => {
    const limits = new RateLimits();
    for (let count = 0; count < 3; count += 1) limits.take('harbor', RATE, 10_000);
    expect(limits.take('harbor', RATE, 5_000)).toBe(100);
    expect(limits.take('harbor', RATE, 5_100)).toBe(0);
  });

  it('forgets names that were not heard for long rather than growing without end', () => {
    const limits = new RateLimits();
    for (let count = 0; count < 25_000; count += 1) {
      expect(limits.take(`member-${count}`, { perSecond: 1, burst: 1 }, count)).toBe(0);
    }
  });
});
