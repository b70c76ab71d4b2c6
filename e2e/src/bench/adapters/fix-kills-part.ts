import { killFixProcesses, whyNoQuickFix } from '@stoa/adapters/fix-kills';
import type { BenchNeeds } from '../bench.ts';

const SEED = 20_261_130;

/**
 * The FIX adapter and a venue behind QuickFIX C++, either killed (SIGKILL) in the middle of a stream of
 * orders: what was lost or doubled. Null where QuickFIX is not installed.
 */
export async function measureFixKills({ say, option }: BenchNeeds) {
  const reason = whyNoQuickFix();
  if (reason !== undefined) {
    say(`adapters: no SIGKILLs around FIX: ${reason}`);
    return null;
  }
  const kills = Math.ceil(option('kills') / 2);
  say(`adapters: ${2 * kills} SIGKILLs around FIX 4.2 and 5.0 SP2`);
  const fix42 = await killFixProcesses({ dialect: 'fix42', kills, seed: SEED });
  const fix50sp2 = await killFixProcesses({ dialect: 'fix50sp2', kills, seed: SEED + 1 });
  return { fix42, fix50sp2 };
}
