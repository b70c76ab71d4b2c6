import { expect, it } from 'vitest';
import { runKillLoop } from './kill-loop.ts';

it('settles every leg exactly once, however often the operator is killed', {
  timeout: 180_000,
}, async () => {
  const result = await runKillLoop({ seed: 5, kills: 3, batches: 12 }, () => undefined);
  expect(result.legs).toBeGreaterThanOrEqual(12);
  expect(result).toMatchObject({
    ...{ kills: 3, batches: 12, lost: 0, doubled: 0, unreconciled: 0, strayUnits: '0' },
    settledOnChain: result.legs,
  });
});
