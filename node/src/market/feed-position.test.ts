import { describe, expect, it } from 'vitest';
import { FeedPosition } from './feed-position.ts';
import { seededNumbers } from './testing/seeded-numbers.ts';

describe('the position in a feed', () => {
  it('has no gap and wants history after the first frame', () => {
    const position = new FeedPosition(1, 10, 4);
    expect(position.hasGap).toBe(false);
    expect(position.history()).toEqual({ from: 6, to: 9 });
    expect([5, 6, 9, 10, 11, 12].map((sequence) => position.standing(sequence))).toEqual([
      'closed',
      'wanted',
      'wanted',
      'closed',
      'next',
      'ahead',
    ]);
  });

  it('asks for the lowest run of missing frames', () => {
    const position = new FeedPosition(1, 1, 0);
    for (const sequence of [4, 5, 9]) position.take(sequence);
    expect(position.gap()).toEqual({ from: 2, to: 3 });
    expect([2, 4, 6, 9, 10].map((sequence) => position.standing(sequence))).toEqual([
      'wanted',
      'taken',
      'wanted',
      'taken',
      'ahead',
    ]);
    position.take(2);
    position.take(3);
    expect(position.gap()).toEqual({ from: 6, to: 8 });
    expect(position.giveUpGap()).toEqual({ from: 6, to: 8 });
    expect([position.floor, position.highest, position.hasGap]).toEqual([9, 9, false]);
    expect(position.standing(7)).toBe('closed');
  });

  it('gives up the lowest gap rather than remember without bound', () => {
    const position = new FeedPosition(1, 1, 0);
    let lost: unknown;
    for (let sequence = 3; !lost && sequence < 10_000; sequence += 1)
      lost = position.take(sequence);
    expect(lost).toEqual({ from: 2, to: 2 });
    expect(position.hasGap).toBe(false);
  });

  it('ends without a gap for any order of the same frames', () => {
    const random = seededNumbers(7);
    for (let round = 0; round < 200; round += 1) {
      const position = new FeedPosition(1, 1, 0);
      const left = Array.from({ length: 20 }, (_, index) => index + 2);
      while (left.length > 0) {
        const [sequence = 0] = left.splice(random.between(0, left.length - 1), 1);
        expect(['next', 'ahead', 'wanted']).toContain(position.standing(sequence));
        position.take(sequence);
        expect(['closed', 'taken']).toContain(position.standing(sequence));
      }
      expect([position.floor, position.highest, position.gap()]).toEqual([21, 21, undefined]);
    }
  });
});
