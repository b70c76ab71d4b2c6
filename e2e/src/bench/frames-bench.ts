import { availableParallelism } from 'node:os';
import type { Bench, BenchResult } from './bench.ts';
import { benchProcesses } from './bench-process.ts';
import type { Failure, MutationCommands, MutationReport } from './frames/mutation-process.ts';
import { rounded } from './statistics.ts';

const seed = 20_260_101;
/** Of what a node may need for a case, many times over: a process that hangs is a finding too. */
const maxMsPerCase = 20;
/** After so many cases it is told how far they are. */
const toldEvery = 20_000;

/**
 * Frames that somebody tampered with, judged by the market of a node that follows the venues and by
 * that of one that has heard nothing. Fails if one was accepted, one threw, or what either node
 * holds is another afterwards.
 */
export const framesBench: Bench = {
  name: 'frames',
  about: 'mutated frames through the judge: by kind, how they were refused',
  options: { cases: { about: 'how many', default: 1_000_000 } },
  run: async ({ say, option }): Promise<BenchResult> => {
    const cases = option('cases');
    const step = Math.min(availableParallelism(), cases);
    say(`frames: ${cases} cases in ${step} processes`);
    await using processes = benchProcesses();
    const begun = performance.now();
    const running = Array.from({ length: step }, () =>
      processes.start<MutationCommands>('frames/mutation-process.ts'),
    );
    const reports: MutationReport[] = [];
    for (let first = 0; first < cases; first += toldEvery) {
      const to = Math.min(first + toldEvery, cases);
      const withinMs = 60_000 + toldEvery * maxMsPerCase;
      const some = running.map((one, at) =>
        one.ask('run', { seed, from: first + at, to, step }, withinMs),
      );
      reports.push(...(await Promise.all(some)));
      say(`  ${to} of ${cases} cases`);
    }
    const seconds = (performance.now() - begun) / 1_000;
    const total = (count: (report: MutationReport) => number): number =>
      reports.reduce((sum, report) => sum + count(report), 0);
    const failures: readonly Failure[] = reports.flatMap((report) => report.failures);
    if (failures.length > 0) throw new Error(`seed ${seed}: ${JSON.stringify(failures)}`);
    return {
      cases,
      accepted: total((report) => report.accepted),
      threw: total((report) => report.threw),
      ...{ seed, processes: step, casesPerSecond: rounded(cases / seconds) },
      unchangedAndDrawnAgain: total((report) => report.unchanged),
      kinds: joined(reports),
    };
  },
};

/** By kind: how many cases, and how many by the code they were refused with, the most frequent first. */
function joined(reports: readonly MutationReport[]) {
  const kinds: Record<string, { cases: number; codes: Record<string, number> }> = {};
  for (const report of reports) {
    for (const [kind, codes] of Object.entries(report.kinds)) {
      const sums = (kinds[kind] ??= { cases: 0, codes: {} });
      for (const [code, count] of Object.entries(codes)) {
        sums.cases += count;
        sums.codes[code] = (sums.codes[code] ?? 0) + count;
      }
    }
  }
  for (const sums of Object.values(kinds)) {
    sums.codes = Object.fromEntries(
      Object.entries(sums.codes).toSorted(([, one], [, other]) => other - one),
    );
  }
  return kinds;
}
