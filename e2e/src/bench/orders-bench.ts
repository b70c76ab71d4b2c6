import type { Bench, BenchResult } from './bench.ts';
import { benchProcesses } from './bench-process.ts';
import { machineFacts } from './machine.ts';
import { measureAccept } from './orders/accept.ts';
import { measureCrashes } from './orders/crash.ts';
import { measureRoundTrip } from './orders/round-trip.ts';
import { measureRouter } from './orders/router-bench.ts';

/**
 * Orders: the router alone and against an oracle, durable acceptance beside pgbench with the same
 * writes, a mutation's way over another venue, and what kills at any moment leave behind.
 */
export const ordersBench: Bench = {
  name: 'orders',
  about: 'orders: router and oracle, durable accept beside pgbench, round trip, crashes',
  options: {
    rounds: { about: 'counted rounds of durable acceptance', default: 5 },
    oracle: {
      about: 'instances that the router is compared on with every allocation',
      default: 100_000,
    },
    kills: { about: 'nodes killed while orders flow', default: 1_000 },
    seed: { about: 'what instances and kills are chosen by', default: 20_261_123 },
  },
  run: async ({ say, option }): Promise<BenchResult> => {
    const seed = option('seed');
    const router = measureRouter(say, { seed, oracleInstances: option('oracle') });
    say('orders: durable accept, beside pgbench');
    await using processes = benchProcesses();
    const accept = await measureAccept(processes, option('rounds'));
    say('orders: round trip over another venue');
    const roundTrip = await measureRoundTrip(say);
    say(`orders: ${option('kills')} kills`);
    const crash = await measureCrashes(say, { seed, kills: option('kills') });
    return { router, accept, roundTrip, crash, machine: machineFacts() };
  },
};
