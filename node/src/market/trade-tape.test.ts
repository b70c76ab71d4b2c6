import type { TradeEntry } from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import { seededNumbers } from './testing/seeded-numbers.ts';
import { averagePriceOf, type DayStatistics, dayStartOf } from './trade-statistics.ts';
import { TapeBudget, TradeTape } from './trade-tape.ts';

const DAY = Date.UTC(2026, 2, 5);
const NOW = DAY + 12 * 3_600_000;
const NEXT_DAY = DAY + 86_400_000;

type Word = Pick<TradeEntry, 'action' | 'executionId'> & Partial<TradeEntry>;

function entry(word: Word): TradeEntry {
  const blank = { price: 0, quantity: 0, executedAtMs: word.action === 'bust' ? 0 : NOW };
  return { kind: 'trade', instrument: 'i', ...blank, ...word };
}

/** A tape that was told these words by one venue, in the order of their numbers. */
function told(...words: Word[]): TradeTape {
  const tape = new TradeTape();
  for (const [index, word] of words.entries()) {
    tape.apply('alpha', entry(word), { epoch: 1, sequence: index + 1, entry: 0 }, NOW);
  }
  return tape;
}

const figures = (tape: TradeTape, nowMs = NOW): DayStatistics => tape.statistics(nowMs, 0);
const print = (executionId: string, price: number, quantity: number, atMs = NOW): Word => ({
  ...{ action: 'print', executionId, price, quantity, executedAtMs: atMs },
});

describe('the figures of a day', () => {
  it('are exact sums, with open and last by the time of execution', () => {
    const tape = told(print('b', 12, 2, NOW - 5), print('a', 10, 1, NOW - 9), print('c', 11, 4));
    expect(figures(tape)).toEqual({
      ...{ dayStartMs: DAY, knownSinceMs: DAY, exact: true },
      consolidated: {
        ...{ trades: 3, volume: 7n, notional: 78n, open: 10, last: 11, high: 12, low: 10 },
      },
      venues: [
        {
          venue: 'alpha',
          ...{ trades: 3, volume: 7n, notional: 78n, open: 10, last: 11, high: 12, low: 10 },
        },
      ],
    });
  });

  it('take back exactly what a busted print had added, high and low included', () => {
    const tape = told(print('a', 10, 1), print('b', 99, 5), { action: 'bust', executionId: 'b' });
    expect(figures(tape).consolidated).toMatchObject({ volume: 1n, notional: 10n, high: 10 });
    const all = told(print('a', 10, 1), { action: 'bust', executionId: 'a' });
    expect(figures(all).consolidated).toMatchObject({ trades: 0, volume: 0n, open: undefined });
    expect(all.last()).toBeUndefined();
  });

  it('count a corrected print as corrected', () => {
    const tape = told(print('a', 10, 1), { ...print('a', 20, 3), action: 'correct' });
    expect(figures(tape).consolidated).toMatchObject({ trades: 1, volume: 3n, notional: 60n });
  });

  it('belong to the calendar day in UTC, and start anew with the next', () => {
    const tape = told(print('before', 5, 7, DAY - 1), print('first', 6, 1, DAY));
    expect(figures(tape).consolidated).toMatchObject({ trades: 1, open: 6 });
    expect(figures(tape, NEXT_DAY - 1).consolidated.trades).toBe(1);
    expect(figures(tape, NEXT_DAY)).toMatchObject({
      dayStartMs: NEXT_DAY,
      consolidated: { trades: 0 },
    });
    // The last sale is the last sale, whenever it was.
    expect(tape.last()).toMatchObject({ executionId: 'first' });
  });

  it('are beyond 2^53 where the market is', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const tape = told(print('a', most, most), print('b', most, most));
    expect(figures(tape).consolidated.notional).toBe(2n * BigInt(most) ** 2n);
  });

  it('give an average price that is rounded half up, once', () => {
    const average = (notional: bigint, volume: bigint) =>
      averagePriceOf({ ...figures(told()).consolidated, notional, volume });
    expect(average(0n, 0n)).toBeUndefined();
    expect([average(5n, 2n), average(7n, 3n), average(8n, 3n)]).toEqual([3n, 2n, 3n]);
  });

  it('are the same for any order of the same words, said once or often', () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const numbers = seededNumbers(seed);
      const next = (below: number) => numbers.between(0, below - 1);
      const words = randomWords(next);
      const inOrder = new TradeTape();
      for (const { venue, word, said } of words) inOrder.apply(venue, word, said, NOW);
      const shuffled = new TradeTape();
      const twice = [...words, ...words];
      for (let index = twice.length - 1; index > 0; index -= 1) {
        const other = next(index + 1);
        [twice[index], twice[other]] = [twice[other] as Said, twice[index] as Said];
      }
      for (const { venue, word, said } of twice) shuffled.apply(venue, word, said, NOW);
      expect(figures(shuffled)).toEqual(figures(inOrder));
      expect(shuffled.last()).toEqual(inOrder.last());
      expect(figures(inOrder).consolidated).toMatchObject(naiveSums(words));
    }
  });
});

describe('a tape beyond its bound', () => {
  it('keeps its sums exact, and says when a late word is out of reach', () => {
    const budget = new TapeBudget(300);
    const tape = new TradeTape(budget);
    const say = (word: Word, sequence: number) =>
      tape.apply('alpha', entry(word), { epoch: 1, sequence, entry: 0 }, NOW);
    for (let trade = 1; trade <= 2_000; trade += 1) {
      say(print(`t${trade}`, trade, 1, DAY + trade), trade);
    }
    const consolidated = {
      ...{ trades: 2_000, volume: 2_000n, notional: 2_001_000n },
      ...{ open: 1, last: 2_000, high: 2_000, low: 1 },
    };
    expect(figures(tape)).toMatchObject({ exact: true, consolidated });
    say({ action: 'bust', executionId: 't2000' }, 2_001);
    expect(figures(tape)).toMatchObject({ exact: true, consolidated: { trades: 1_999 } });
    // Said again, an old print must not count twice.
    say(print('t3', 3, 1, DAY + 3), 3);
    expect(figures(tape)).toMatchObject({ exact: false, consolidated: { trades: 1_999 } });
    expect(figures(tape, NEXT_DAY)).toMatchObject({ exact: true, consolidated: { trades: 0 } });
    expect(dayStartOf(NEXT_DAY + 5)).toBe(NEXT_DAY);
  });
});

interface Said {
  readonly venue: string;
  readonly word: TradeEntry;
  readonly said: { epoch: number; sequence: number; entry: number };
}

function randomWords(next: (below: number) => number): Said[] {
  const words: Said[] = [];
  for (let index = 0; index < 60; index += 1) {
    const executionId = `t${next(12)}`;
    const action = (['print', 'correct', 'bust'] as const)[next(3)] ?? 'print';
    const terms = { price: 1 + next(9), quantity: 1 + next(9), executedAtMs: NOW + next(3) };
    // Both venues speak from the same places, so that nothing but their ids tells their trades apart.
    const place = index >> 1;
    words.push({
      venue: index & 1 ? 'alpha' : 'beta',
      word: entry({ action, executionId, ...(action === 'bust' ? {} : terms) }),
      said: { epoch: 1 + (place >> 4), sequence: 1 + ((place >> 1) & 7), entry: place & 1 },
    });
  }
  return words;
}

/** The sums of each trade's latest word, worked out from scratch. */
function naiveSums(words: readonly Said[]) {
  const latest = new Map<string, TradeEntry>();
  for (const { venue, word } of words) latest.set(`${venue}/${word.executionId}`, word);
  const standing = [...latest.values()].filter(({ action }) => action !== 'bust');
  const total = (of: (word: TradeEntry) => bigint) =>
    standing.reduce((sum, word) => sum + of(word), 0n);
  return {
    trades: standing.length,
    volume: total(({ quantity }) => BigInt(quantity)),
    notional: total(({ price, quantity }) => BigInt(price) * BigInt(quantity)),
  };
}
