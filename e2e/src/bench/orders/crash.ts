import { tmpdir } from 'node:os';
import { CRASH_POINTS } from '@stoa/node/crash-points';
import { DEMO_VENUES, shippedFlow } from '../../harness/demo-venues.ts';
import { startNetwork } from '../../harness/network.ts';
import { openBrokerDesk } from '../../scenario/broker-desk.ts';
import { runCrashLoop } from '../../scenario/crash-loop.ts';
import { awaitReplayedMarket } from '../../scenario/market-ready.ts';
import type { BenchNeeds } from '../bench.ts';

/** Kills nodes of a whole network under a stream of orders; see `runCrashLoop`. */
export async function measureCrashes(
  say: BenchNeeds['say'],
  { kills, seed }: { readonly kills: number; readonly seed: number },
) {
  const network = await startNetwork({
    baseFolder: `${tmpdir()}/stoa-bench`,
    flows: new Map(DEMO_VENUES.map((venue) => [venue, shippedFlow(venue)])),
    flowSpeed: 'max',
    logLevel: 'error',
    compileCache: `${tmpdir()}/stoa-bench/compile-cache`,
  });
  try {
    // One that ends by itself leaves its compiled code to all that are killed.
    await network.venues.get('gamma')?.process.stop();
    await network.restartVenue('gamma');
    const desk = await openBrokerDesk(network);
    const book = await awaitReplayedMarket(network, desk, say);
    const plan = { seed, kills, crashPoints: CRASH_POINTS, onProgress: say };
    const { unreconciled, ...result } = await runCrashLoop(network, desk, book, plan);
    for (const one of unreconciled.slice(0, 20)) say(`unreconciled: ${one}`);
    return { ...result, unreconciled: unreconciled.length };
  } finally {
    await network.stop();
  }
}
