import type { Bench, BenchResult } from './bench.ts';
import { type BenchProcesses, benchProcesses } from './bench-process.ts';
import { machineFacts } from './machine.ts';
import { measureFloods } from './quotes/flood.ts';
import { measureLateJoin } from './quotes/late-join.ts';
import { measureLatency } from './quotes/latency.ts';
import { measureStalledPeer } from './quotes/stalled-peer.ts';
import { measureThroughput } from './quotes/throughput.ts';

const parts = ['latency', 'throughput', 'late-join', 'floods', 'stalled-peer'] as const;

/**
 * The quote network between processes: engine, publisher, signature, libp2p, judge, book. Figures
 * only; every ratio is of things that were measured in the same run, in turns.
 */
export const quotesBench: Bench = {
  name: 'quotes',
  about:
    'quote network: latency, throughput beside stock gossipsub, late join, floods, a stalled peer',
  options: {
    seconds: { about: 'how long a peer is stalled', default: 60 },
    rate: { about: 'updates a second that are offered at full rate', default: 60_000 },
    rounds: { about: 'counted rounds of each measurement', default: 5 },
  },
  choices: { part: { about: 'only this part', choices: parts } },
  run: async ({ say, option, chosen }): Promise<BenchResult> => {
    const part = chosen('part');
    const rounds = option('rounds');
    const perSecond = option('rate');
    const seconds = option('seconds');
    // Each in processes of its own: what one left in a heap is not the next one's.
    const measure = async <T>(
      name: (typeof parts)[number],
      what: string,
      run: (processes: BenchProcesses) => Promise<T>,
    ): Promise<T | undefined> => {
      if (part !== undefined && part !== name) return undefined;
      say(`quotes: ${what}`);
      await using processes = benchProcesses();
      return await run(processes);
    };
    const latency = await measure('latency', 'latency', (own) => measureLatency(own, rounds));
    const throughput = await measure('throughput', 'throughput, beside stock gossipsub', (own) =>
      measureThroughput(own, { perSecond, rounds }),
    );
    const lateJoin = await measure('late-join', 'late join', (own) => measureLateJoin(own, rounds));
    const floods = await measure('floods', 'floods at ten times the honest rate', measureFloods);
    const stalledPeer = await measure('stalled-peer', `a stalled peer, ${seconds} s`, (own) =>
      measureStalledPeer(own, { perSecond, seconds }),
    );
    return {
      latency,
      throughput,
      lateJoinMs: lateJoin?.fromStartMs.median,
      stalledPeerGrowthMiB: stalledPeer?.growthMiB,
      machine: machineFacts(),
      ...{ lateJoin, floods, stalledPeer },
    };
  },
};
