import { measureEngine, measureReplay } from './adapters/engine-part.ts';
import { measureFixKills } from './adapters/fix-kills-part.ts';
import { measureFixPart } from './adapters/fix-part.ts';
import { measureRestKills } from './adapters/rest-kills-part.ts';
import type { Bench, BenchNeeds, BenchResult } from './bench.ts';
import { machineFacts } from './machine.ts';

const parts = ['engine', 'replay', 'rest-kills', 'fix', 'fix-kills'] as const;
type Part = (typeof parts)[number];

/**
 * What connects a venue: the embedded engine beside `nodejs-order-book` on the same input, and with
 * its journal; a million recorded messages through it; FIX messages and round trips.
 */
export const adaptersBench: Bench = {
  name: 'adapters',
  about:
    'venue adapters: the embedded engine beside nodejs-order-book, its journal, recorded flow; FIX',
  options: {
    operations: { about: 'operations of each counted round of the engine', default: 200_000 },
    rounds: { about: 'counted rounds of each engine', default: 9 },
    long: { about: 'operations of a long round, of which two are counted', default: 1_000_000 },
    journalled: { about: 'operations through the journal', default: 500_000 },
    kills: { about: 'SIGKILLs of venues and adapters, for REST and FIX each', default: 100 },
    messages: { about: 'recorded messages, about', default: 1_000_000 },
    roundtrips: { about: 'counted FIX orders and their reports', default: 5_000 },
  },
  choices: { part: { about: 'one part alone', choices: parts } },
  run: async (needs): Promise<BenchResult> => {
    const only = async <T>(part: Part, run: (needs: BenchNeeds) => Promise<T>) =>
      (needs.chosen('part') ?? part) === part ? await run(needs) : undefined;
    const engine = await only('engine', measureEngine);
    const replay = await only('replay', measureReplay);
    const rest = await only('rest-kills', measureRestKills);
    const fix = await only('fix', measureFixPart);
    const kills = await only('fix-kills', measureFixKills);
    return {
      ...(engine && { engine }),
      ...(replay && { replay }),
      ...(rest && { rest }),
      ...((fix || kills !== undefined) && {
        fix: { ...fix, ...(kills !== undefined && { kills }) },
      }),
      machine: machineFacts(),
    };
  },
};
