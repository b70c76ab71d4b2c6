import { parseArgs } from 'node:util';
import { runCanary } from './canary.ts';
import { type CommandOutcome, runCommand } from './run-command.ts';

const help = `npm run check [-- --json]

The gate: every change passes it before it is kept. It runs, at the root of the repository,
  types    tsc: strict TypeScript over all packages, and the client without Node's types
  lint     oxlint with types: floating promises, import cycles, direction of imports, sizes
  format   biome: layout of the code and order of the imports (npm run format mends both)
  unused   knip: unused files, exports and dependencies, and undeclared ones
  api      the API against its published SDL: no breaking change that is not declared; the client
           follows from it (npm run api)
  canary   oxlint over the faults seeded in e2e/canary: fails unless each is found

  --json   one JSON object on standard output: {ok, ms, steps: [{name, ok, ms, output}]}
  --help   this text

Exit code 0 if every step passed, 1 if one failed, 2 for a wrong argument.
`;

/** A step that takes longer than this on two cores hangs. */
const stepTimeoutMs = 180_000;

const apiProgram = 'e2e/src/workshop/api.ts';

interface Step {
  readonly name: string;
  readonly run: () => Promise<CommandOutcome>;
}

interface StepResult {
  readonly name: string;
  readonly ok: boolean;
  readonly ms: number;
  readonly output: string;
}

// Two lanes, one a core, of about the same length: the tools take both type checkers' time in one
// lane each, and no step waits for another's answer.
const lanes: readonly (readonly Step[])[] = [
  [
    { name: 'types', run: checkTypes },
    { name: 'unused', run: () => runCommand('knip', ['--no-progress'], stepTimeoutMs) },
  ],
  [
    {
      name: 'lint',
      run: () =>
        runCommand(
          'oxlint',
          ['--type-aware', '--deny-warnings', '--ignore-pattern', 'e2e/canary/**', '.'],
          stepTimeoutMs,
        ),
    },
    { name: 'format', run: () => runCommand('biome', ['check', '.'], stepTimeoutMs) },
    { name: 'api', run: () => runCommand('node', [apiProgram, '--check'], stepTimeoutMs) },
    { name: 'canary', run: () => runCanary(stepTimeoutMs) },
  ],
];

/** Everything, and then what runs in browsers again, as a browser has it: without Node's types. */
async function checkTypes(): Promise<CommandOutcome> {
  const all = await runCommand('tsc', ['-p', '.', '--noEmit'], stepTimeoutMs);
  return all.ok ? runCommand('tsc', ['-p', 'gateway/client'], stepTimeoutMs) : all;
}

async function runLane(
  steps: readonly Step[],
  report: (result: StepResult) => void,
): Promise<StepResult[]> {
  const results: StepResult[] = [];
  for (const step of steps) {
    const started = performance.now();
    const outcome = await step.run();
    const result = {
      name: step.name,
      ok: outcome.ok,
      ms: Math.round(performance.now() - started),
      output: outcome.ok ? '' : outcome.output.trim(),
    };
    report(result);
    results.push(result);
  }
  return results;
}

function printResult(result: StepResult): void {
  const time = `${(result.ms / 1000).toFixed(1)} s`.padStart(7);
  process.stdout.write(`${result.ok ? 'ok  ' : 'FAIL'} ${result.name.padEnd(7)}${time}\n`);
  if (!result.ok) process.stdout.write(`${result.output.replace(/^/gm, '     ')}\n`);
}

function readArguments(): { json: boolean; help: boolean } | undefined {
  try {
    const { values } = parseArgs({
      options: {
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    return values;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${help}`);
    return undefined;
  }
}

async function main(): Promise<number> {
  const options = readArguments();
  if (options === undefined) return 2;
  if (options.help) {
    process.stdout.write(help);
    return 0;
  }
  const started = performance.now();
  const report = options.json ? () => {} : printResult;
  const results = (await Promise.all(lanes.map((lane) => runLane(lane, report)))).flat();
  const ms = Math.round(performance.now() - started);
  const failed = results.filter((result) => !result.ok);
  const ok = failed.length === 0;
  if (options.json) {
    process.stdout.write(`${JSON.stringify({ ok, ms, steps: results })}\n`);
  } else {
    const summary = ok
      ? 'check passed'
      : `check failed: ${failed.map((one) => one.name).join(', ')}`;
    process.stdout.write(`${summary} (${(ms / 1000).toFixed(1)} s)\n`);
  }
  return ok ? 0 : 1;
}

process.exitCode = await main();
