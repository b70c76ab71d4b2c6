import { describe, expect, it } from 'vitest';
import { whyNotTheSame } from './engine-audit.ts';

const trades = (names: string) => [...names].map((name) => ({ name }));
const killed = (names: string) => ({ trades: trades(names), killed: true });
const whole = (names: string) => ({ trades: trades(names), killed: false });
const why = (lives: Parameters<typeof whyNotTheSame>[1], stored: string) =>
  whyNotTheSame('alpha', lives, trades(stored));

describe('what an engine did beside what its store has', () => {
  it('is the same where each run is there, but for what a kill cut off at its end', () => {
    expect(why([killed('abc'), killed(''), whole('de')], 'abcde')).toEqual([]);
    expect(why([killed('abc'), whole('de')], 'abde')).toEqual([]);
    expect(why([killed('abc'), whole('de')], 'de')).toEqual([]);
    // Cut off, and done again by the next run.
    expect(why([killed('ab'), whole('bc')], 'abc')).toEqual([]);
  });

  it('is not where the store has what no engine did, or twice what it did once', () => {
    expect(why([killed('ab'), whole('c')], 'abxc')).toHaveLength(1);
    expect(why([killed('ab'), whole('c')], 'abbc')).toHaveLength(1);
    expect(why([killed('ab'), whole('c')], 'abcd')).toEqual([
      'alpha: the engine did not do what the store has as "d"',
    ]);
  });

  it('is not where a trade is missing before the end of a run, or of one that was not killed', () => {
    expect(why([killed('abc'), whole('d')], 'acd')).toHaveLength(1);
    expect(why([killed('a'), whole('bc')], 'ab')).toEqual([
      "alpha: the engine's run 2 is not in the store",
    ]);
  });
});
