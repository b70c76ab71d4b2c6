import { expect, it } from 'vitest';
import { FeedPosition } from './feed-position.ts';
import { GapLog } from './gap-log.ts';

/** Takes numbers one after the other, a millisecond apart, and looks after each. */
function taking(log: GapLog, position: FeedPosition, numbers: readonly number[], fromMs = 0): void {
  for (const [at, number] of numbers.entries()) {
    position.take(number);
    log.look('beta', position, fromMs + at);
  }
}

it('remembers what was missed from the first missing frame until it was there', () => {
  const log = new GapLog();
  const position = new FeedPosition(7, 1, 0);
  taking(log, position, [2, 5, 8, 3, 4]);
  const gap = { venue: 'beta', epoch: 7, from: 3, to: 7, sinceMs: 1, lost: 0, cut: false };
  expect(log.list()).toEqual([{ ...gap, endedMs: undefined }]);
  taking(log, position, [6, 7, 9], 10);
  expect(log.list()).toEqual([{ ...gap, endedMs: 11 }]);
});

it('says how much of it was given up, and that what is open ends with its epoch', () => {
  const log = new GapLog();
  const position = new FeedPosition(7, 1, 0);
  taking(log, position, [4]);
  const lost = position.giveUpGap();
  log.lose('beta', (lost?.to ?? 0) - (lost?.from ?? 0) + 1);
  log.look('beta', position, 20);
  expect(log.list()).toMatchObject([{ from: 2, to: 3, lost: 2, endedMs: 20, cut: false }]);
  taking(log, position, [9], 30);
  log.look('beta', new FeedPosition(8, 1, 0), 40);
  expect(log.list()).toMatchObject([{}, { from: 5, to: 8, lost: 0, endedMs: 40, cut: true }]);
});

it('remembers the latest five hundred', () => {
  const log = new GapLog();
  const position = new FeedPosition(7, 1, 0);
  for (let number = 3; number <= 1_203; number += 2) {
    taking(log, position, [number, number - 1], number);
  }
  expect(log.list()).toHaveLength(500);
  expect(log.list().at(-1)).toMatchObject({ from: 1_202, to: 1_202 });
});
