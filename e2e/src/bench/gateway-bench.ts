import type { Bench, BenchResult } from './bench.ts';
import { measureEndToEnd } from './gateway-load/end-to-end.ts';
import { measureReaders, measureSaturated } from './gateway-load/fanout.ts';
import { measureMarketQueries, measurePrivateQueries } from './gateway-load/query.ts';
import { machineFacts } from './machine.ts';

const parts = ['readers', 'saturation', 'market-queries', 'private-queries', 'end-to-end'] as const;
type Part = (typeof parts)[number];

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
  choices: { part: { about: 'one part alone', choices: parts } },
  run: async ({ say, option, chosen }): Promise<BenchResult> => {
    const only = async <T>(part: Part, run: () => Promise<T>) =>
      (chosen('part') ?? part) === part ? await run() : undefined;
    const [seconds, rounds, readers] = [option('seconds'), option('rounds'), option('readers')];
    const plan = { seconds, rounds, readers };
    const held = await only('readers', () => measureReaders(plan, say));
    const saturated = await only('saturation', () => measureSaturated(plan, say));
    const market = await only('market-queries', () => measureMarketQueries(plan, say));
    const orders = await only('private-queries', () => measurePrivateQueries(plan, say));
    const endToEnd = await only('end-to-end', () => measureEndToEnd(seconds, say));
    return {
      ...((held || saturated) && { fanout: { ...held, ...saturated } }),
      ...((market || orders) && { query: { ...market, ...orders } }),
      ...(endToEnd && { endToEnd }),
      machine: machineFacts(),
    };
  },
};
