import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { UselessBudget } from './useless-budget.ts';

const USEFUL = Buffer.from('news');
const USELESS = Buffer.from('spam');

function start() {
  const clock = { nowMs: 0 };
  const taken: string[] = [];
  const flow: string[] = [];
  const budget = new UselessBudget(
    { burst: 10, perSecond: 100, pauseAboveBytes: 100 },
    {
      take(message) {
        taken.push(String(message));
        return message !== USELESS;
      },
      pause: () => flow.push('pause'),
      resume: () => flow.push('resume'),
      now: () => clock.nowMs,
    },
  );
  return { budget, clock, taken, flow };
}

describe('the budget of a peer', () => {
  it('is not used up by what is of use', () => {
    const { budget, taken, flow } = start();
    for (let count = 0; count < 10_000; count += 1) budget.offer(USEFUL);
    expect([taken.length, flow]).toEqual([10_000, []]);
  });

  it('makes the rest wait, the peer stop, and drops what comes nevertheless', () => {
    const { budget, taken, flow } = start();
    let dropped = 0;
    for (let count = 0; count < 1_000; count += 1) if (!budget.offer(USELESS)) dropped += 1;
    expect(taken.length).toBe(10);
    expect(flow).toEqual(['pause']);
    expect(budget.waitingBytes).toBeLessThanOrEqual(400);
    expect(dropped).toBe(1_000 - 10 - 100);
    budget.stop();
  });

  it('refills with time, takes what waits in its order, and lets the peer go on', async () => {
    const { budget, clock, taken, flow } = start();
    for (let count = 0; count < 40; count += 1) budget.offer(USELESS);
    budget.offer(USEFUL);
    expect(taken.length).toBe(10);
    for (let turn = 0; turn < 50 && flow.at(-1) !== 'resume'; turn += 1) {
      clock.nowMs += 100;
      await sleep(12);
    }
    expect(taken.length).toBe(41);
    expect(taken.at(-1)).toBe('news');
    expect(flow).toEqual(['pause', 'resume']);
  });

  it('takes nothing once it has stopped', () => {
    const { budget, taken } = start();
    budget.stop();
    expect(budget.offer(USEFUL)).toBe(false);
    expect(taken).toEqual([]);
  });
});
