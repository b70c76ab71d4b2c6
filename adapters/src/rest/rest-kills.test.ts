import { describe, expect, it } from 'vitest';
import { runKillLoop } from '../stand-ins/testing/kill-loop.ts';

const SOUND = { lost: 0, doubled: 0, mispriced: 0, denied: 0, numbersBroken: 0 };

// `npm run bench -- adapters` kills a hundred times.
describe('a REST venue and its adapter, killed in the middle of a stream of orders', () => {
  it.each(['ppex-like', 'inx-like'] as const)('lose and double nothing (%s)', async (dialect) => {
    const result = await runKillLoop({ dialect, kills: 3, seed: 41, ordersAKill: 8 });
    expect(result).toMatchObject(SOUND);
    expect(result.executions).toBeGreaterThan(0);
  });
});
