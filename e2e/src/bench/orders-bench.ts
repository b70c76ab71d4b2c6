import type { Bench, BenchResult } from './bench.ts';
import { benchProcesses } from './bench-process.ts';
import { machineFacts } from './machine.ts';
import { measureAccept } from './orders/accept.ts';
import { measureCrashes } from './orders/crash.ts';
import { measureRoundTrip, measureRoundTripInDemo } from './orders/round-trip.ts';
import { measureRouter } from './orders/router-bench.ts';

const PARTS = 5;

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
    part: {
      about:
        'one part: 1 router, 2 accept, 3 round trip, 4 crashes, 5 round trip in the demo; 6 all',
      default: 6,
    },
    kills: { about: 'nodes killed while orders flow', default: 1_000 },
    seed: { about: 'what instances and kills are chosen by', default: 20_261_123 },
  },
  run: async ({ say, option }): Promise<BenchResult> => {
    const seed = option('seed');
    const part = option('part');
    const only = async <T>(number: number, what: string, run: () => Promise<T>) => {
      if (part !== number && part <= PARTS) return undefined;
      say(`orders: ${what}`);
      return await run();
    };
    const router = await only(1, 'router, beside every allocation', async () =>
      measureRouter(say, { seed, oracleInstances: option('oracle') }),
    );
    const accept = await only(2, 'durable accept, beside pgbench', async () => {
      await using processes = benchProcesses();
      return await measureAccept(processes, option('rounds'));
    });
    const roundTrip = await only(3, 'round trip over another venue', () => measureRoundTrip(say));
    const crash = await only(4, `${option('kills')} kills`, () =>
      measureCrashes(say, { seed, kills: option('kills') }),
    );
    const roundTripInDemo = await only(5, 'round trip within the whole demo network', () =>
      measureRoundTripInDemo(say),
    );
    return { router, accept, roundTrip, crash, roundTripInDemo, machine: machineFacts() };
  },
};
