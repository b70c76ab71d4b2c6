import { runKillLoop } from '@stoa/adapters/kill-loop';
import type { BenchNeeds } from '../bench.ts';

const SEED = 20_261_129;

/**
 * REST venues and their adapters, killed (SIGKILL) in the middle of a stream of orders: how often
 * which side, and what of the orders was lost, doubled, mispriced or denied.
 */
export async function measureRestKills({ say, option }: BenchNeeds) {
  const kills = Math.ceil(option('kills') / 2);
  say(`adapters: ${kills} SIGKILLs around a polled REST venue`);
  const polled = await runKillLoop({ dialect: 'ppex-like', kills, seed: SEED });
  say(`adapters: ${kills} SIGKILLs around a REST venue with a stream`);
  const streamed = await runKillLoop({ dialect: 'inx-like', kills, seed: SEED + 1 });
  return { polled, streamed };
}
