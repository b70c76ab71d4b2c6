import { expect, it } from 'vitest';
import { runOutage } from './outage.ts';

it('settles every leg exactly once after the chain did not answer while orders went on', {
  timeout: 120_000,
}, async () => {
  const result = await runOutage({ outageMs: 6_000, orders: 12 }, () => undefined);
  expect(result.ordersMeanwhile).toBeGreaterThan(0);
  expect(result).toMatchObject({
    ...{ legs: 24, settledOnChain: 24, lost: 0, doubled: 0, unreconciled: 0, strayUnits: '0' },
  });
});
