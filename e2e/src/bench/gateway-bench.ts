import type { Bench, BenchResult } from './bench.ts';
import { measureEndToEnd } from './gateway-load/end-to-end.ts';
import { measureFanout } from './gateway-load/fanout.ts';
import { measureQueries } from './gateway-load/query.ts';
import { machineFacts } from './machine.ts';

/**
 * The gateway: one book to a thousand readers, queries beside the gateways that others use, and the
 * whole way from a venue's engine to a broker's subscription.
 */
export const gatewayBench: Bench = {
  name: 'gateway',
  about:
    'gateway: subscriptions to many readers, queries beside Apollo and Hive, engine to subscriber',
  options: {
    seconds: { about: 'how long each measurement takes', default: 10 },
    rounds: { about: 'counted rounds of each comparison', default: 3 },
    readers: { about: 'readers of one book', default: 1_000 },
  },
  run: async ({ say, option }): Promise<BenchResult> => {
    const [seconds, rounds, readers] = [option('seconds'), option('rounds'), option('readers')];
    const fanout = await measureFanout({ seconds, rounds, readers }, say);
    const query = await measureQueries({ seconds, rounds }, say);
    say('gateway: from engine to subscriber');
    const endToEnd = await measureEndToEnd(seconds);
    return { fanout, query, endToEnd, machine: machineFacts() };
  },
};
