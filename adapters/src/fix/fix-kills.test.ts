import { expect, it } from 'vitest';
import { killFixProcesses, whyNoQuickFix } from './testing/fix-kills.ts';

it('loses and doubles no execution, whichever side is killed in the middle of a stream of orders', async ({
  skip,
}) => {
  const reason = whyNoQuickFix();
  if (reason !== undefined) skip(reason);
  const report = await killFixProcesses({ dialect: 'fix42', kills: 6, seed: 1 });
  expect(report).toMatchObject({ kills: 6, lost: 0, doubled: 0, misnumbered: 0 });
  expect(report.executions).toBe(report.orders);
  expect(Math.min(report.adapterKills, report.venueKills)).toBeGreaterThan(0);
});
