import type { Bench, BenchResult } from './bench.ts';
import { machineFacts } from './machine.ts';
import { measureGas } from './settlement/gas.ts';
import { measureIndex } from './settlement/index-speed.ts';
import { runKillLoop } from './settlement/kill-loop.ts';
import { measureLegsPerSecond } from './settlement/legs-speed.ts';
import { measurePreTrade } from './settlement/pre-trade.ts';

const seed = 20_250_705;

/**
 * Settlement on the local chain: gas beside the bare transfers and beside T-REX's own delivery against
 * payment, legs a second from instruction to finality, the index of transfers and its cap table,
 * pre-trade checks; and an operator that is killed again and again. Fails where a leg is lost or
 * settles twice.
 */
export const settlementBench: Bench = {
  name: 'settlement',
  about: 'settlement: gas, legs a second, index and cap table, pre-trade checks, killed operator',
  options: {
    orders: { about: 'orders of fifty legs in each counted round', default: 100 },
    rounds: { about: 'counted rounds of legs a second', default: 3 },
    transfers: { about: 'transfers to index', default: 20_000 },
    kills: { about: 'times that the operator is killed', default: 20 },
    batches: { about: 'batches that it settles meanwhile', default: 100 },
  },
  run: async ({ say, option }): Promise<BenchResult> => {
    say('settlement: gas');
    const gas = await measureGas();
    say('settlement: legs a second');
    const legs = await measureLegsPerSecond(option('orders'), option('rounds'), say);
    say('settlement: index and cap table');
    const { index, capTableMs, capTableAtBlockMs } = await measureIndex(option('transfers'));
    say('settlement: pre-trade checks');
    const preTrade = await measurePreTrade();
    say('settlement: the operator is killed');
    const plan = { seed, kills: option('kills'), batches: option('batches') };
    const killed = await runKillLoop(plan, say);
    if (killed.lost + killed.doubled + killed.unreconciled > 0 || killed.strayUnits !== '0') {
      throw new Error(`not every leg settled exactly once: ${JSON.stringify(killed)}`);
    }
    return {
      gas,
      legsPerSecond: legs.legsPerSecond.median,
      index,
      capTableMs,
      preTrade,
      machine: machineFacts(),
      ...{ legs, capTableAtBlockMs, killed },
    };
  },
};
