import type { Bench, BenchResult } from './bench.ts';
import { machineFacts } from './machine.ts';
import { measureGas } from './settlement/gas.ts';
import { measureIndex } from './settlement/index-speed.ts';
import { runKillLoop } from './settlement/kill-loop.ts';
import { measureLegsPerSecond } from './settlement/legs-speed.ts';
import type { SettlementAudit } from './settlement/operator-world.ts';
import { runOutage } from './settlement/outage.ts';
import { measurePreTrade } from './settlement/pre-trade.ts';

const seed = 20_250_705;
const parts = ['gas', 'legs', 'index', 'pretrade', 'kills', 'outage'] as const;
type Part = (typeof parts)[number];

/**
 * Settlement on the local chain: gas beside the bare transfers and beside T-REX's own delivery against
 * payment, legs a second from instruction to finality, the index of transfers and its cap table,
 * pre-trade checks; an operator that is killed again and again; and a chain that is away for a minute.
 * Fails where a leg is lost or settles twice.
 */
export const settlementBench: Bench = {
  name: 'settlement',
  about:
    'settlement: gas, legs a second, index and cap table, pre-trade checks, killed operator, chain away',
  options: {
    orders: { about: 'orders of fifty legs in each counted round', default: 100 },
    rounds: { about: 'counted rounds of legs a second', default: 3 },
    transfers: { about: 'transfers to index', default: 20_000 },
    kills: { about: 'times that the operator is killed', default: 20 },
    batches: { about: 'batches that it settles meanwhile', default: 100 },
    outage: { about: 'seconds for which the chain does not answer', default: 60 },
  },
  choices: { part: { about: 'one part alone', choices: parts } },
  run: async ({ say, option, chosen }): Promise<BenchResult> => {
    const only = async <T>(part: Part, what: string, run: () => Promise<T>) => {
      if ((chosen('part') ?? part) !== part) return undefined;
      say(`settlement: ${what}`);
      return await run();
    };
    const gas = await only('gas', 'gas', () => measureGas());
    const legs = await only('legs', 'legs a second', () =>
      measureLegsPerSecond(option('orders'), option('rounds'), say),
    );
    const indexed = await only('index', 'index and cap table', () =>
      measureIndex(option('transfers')),
    );
    const preTrade = await only('pretrade', 'pre-trade checks', () => measurePreTrade());
    const killed = await only('kills', 'the operator is killed', async () => {
      const plan = { seed, kills: option('kills'), batches: option('batches') };
      return settledOnce(await runKillLoop(plan, say));
    });
    const outage = await only('outage', 'the chain does not answer', async () => {
      const plan = { outageMs: option('outage') * 1_000, orders: option('batches') };
      return settledOnce(await runOutage(plan, say));
    });
    return {
      ...(gas && { gas }),
      ...(legs && { legsPerSecond: legs.legsPerSecond.median, legs }),
      ...indexed,
      ...(preTrade && { preTrade }),
      ...(killed && { killed }),
      ...(outage && { outage }),
      machine: machineFacts(),
    };
  },
};

/** @throws Error where a leg was lost, settled twice, or is not on record as it is on chain */
function settledOnce<Audited extends SettlementAudit>(audited: Audited): Audited {
  const { lost, doubled, unreconciled, strayUnits } = audited;
  if (lost + doubled + unreconciled > 0 || strayUnits !== '0') {
    throw new Error(`not every leg settled exactly once: ${JSON.stringify(audited)}`);
  }
  return audited;
}
