import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CRASH_POINTS } from '@stoa/node/crash-points';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openingFlows } from '../harness/demo-venues.ts';
import { type Network, startNetwork } from '../harness/network.ts';
import { type BookAnswer, type BrokerDesk, openBrokerDesk } from './broker-desk.ts';
import { runCrashLoop } from './crash-loop.ts';
import { awaitReplayedMarket } from './market-ready.ts';

/** Enough for every venue to die at several places; the bench goes on for a thousand. */
const KILLS = 9;

describe('a stream of orders while nodes are killed and started again', () => {
  let folder: string;
  let network: Network;
  let desk: BrokerDesk;
  let book: BookAnswer;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stoa-crash-'));
    network = await startNetwork({
      baseFolder: `${tmpdir()}/stoa-e2e`,
      flows: await openingFlows(folder),
      flowSpeed: 'max',
    });
    desk = await openBrokerDesk(network);
    book = await awaitReplayedMarket(network, desk, () => undefined);
  }, 120_000);
  afterAll(async () => {
    await network?.stop();
    await rm(folder, { recursive: true });
  });

  it('ends every order, and settles every trade exactly once', async ({ onTestFailed }) => {
    const seed = Number(process.env['STOA_CRASH_SEED'] ?? Date.now() % 1_000_000);
    onTestFailed(() => console.error(`again with STOA_CRASH_SEED=${seed}`));
    const plan = { seed, kills: KILLS, crashPoints: CRASH_POINTS };
    const result = await runCrashLoop(network, desk, book, plan);
    expect(result).toMatchObject({ lost: 0, doubled: 0, unreconciled: [] });
    expect(result.kills).toBeGreaterThanOrEqual(KILLS);
    expect(result.executions).toBeGreaterThan(0);
  }, 180_000);
});
