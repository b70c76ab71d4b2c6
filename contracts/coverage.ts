/**
 * Line and branch coverage of our contracts by the Solidity tests, file by file; exits 1 when either
 * is below 95 %. Contracts for tests and demonstrations do not count.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runForge } from './forge.ts';

const required = 0.95;

interface Counts {
  lines: number;
  linesHit: number;
  branches: number;
  branchesHit: number;
}

/** Counts by source file, from the LCOV records that end each file. */
function readLcov(text: string): Map<string, Counts> {
  const files = new Map<string, Counts>();
  const keys = { LF: 'lines', LH: 'linesHit', BRF: 'branches', BRH: 'branchesHit' } as const;
  let current: Counts | undefined;
  for (const line of text.split('\n')) {
    const [key, value = ''] = line.split(':');
    if (key === 'SF') {
      current = { lines: 0, linesHit: 0, branches: 0, branchesHit: 0 };
      const [, name] = /^contracts\/solidity\/((?!test\/).*)$/.exec(value) ?? [];
      if (name !== undefined) files.set(name, current);
    } else if (current && key !== undefined && key in keys) {
      current[keys[key as keyof typeof keys]] = Number(value);
    }
  }
  return files;
}

const share = (hit: number, all: number): number => (all === 0 ? 1 : hit / all);
const percent = (hit: number, all: number): string =>
  `${(100 * share(hit, all)).toFixed(1)} %`.padStart(8);

function row(name: string, counts: Counts): string {
  const { lines, linesHit, branches, branchesHit } = counts;
  const text = `${percent(linesHit, lines)} of ${String(lines).padStart(4)} lines`;
  return `${text}  ${percent(branchesHit, branches)} of ${String(branches).padStart(3)} branches  ${name}`;
}

const folder = mkdtempSync(join(tmpdir(), 'stoa-coverage-'));
try {
  const report = join(folder, 'lcov.info');
  const run = runForge(['coverage', '--report', 'lcov', '--report-file', report]);
  if (run.code !== 0) throw new Error(run.output);
  const files = readLcov(readFileSync(report, 'utf8'));
  const total: Counts = { lines: 0, linesHit: 0, branches: 0, branchesHit: 0 };
  for (const [name, counts] of [...files].toSorted(([one], [other]) => one.localeCompare(other))) {
    for (const key of Object.keys(total) as (keyof Counts)[]) total[key] += counts[key];
    console.log(row(name, counts));
  }
  console.log(row('all', total));
  const isEnough =
    share(total.linesHit, total.lines) >= required &&
    share(total.branchesHit, total.branches) >= required;
  if (!isEnough) {
    console.error(`Below ${100 * required} %.`);
    process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
