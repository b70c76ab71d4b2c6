import { type CommandOutcome, runCommand } from './run-command.ts';

/** A place in the fixture, and whether the linter has to report this rule there. */
interface Expectation {
  readonly fault: string;
  readonly code: string;
  readonly file: string;
  readonly line: number;
  readonly reported: boolean;
}

const expectations: readonly Expectation[] = [
  {
    fault: 'a package imports one above it',
    code: 'eslint(no-restricted-imports)',
    file: 'schema/src/upward.ts',
    line: 2,
    reported: true,
  },
  {
    fault: 'a room of the node imports one above it',
    code: 'eslint(no-restricted-imports)',
    file: 'node/src/market/upward-room.ts',
    line: 2,
    reported: true,
  },
  {
    fault: 'the gateway imports the node past its observer',
    code: 'eslint(no-restricted-imports)',
    file: 'gateway/src/upward.ts',
    line: 3,
    reported: true,
  },
  {
    fault: 'the gateway imports the observer, as it may',
    code: 'eslint(no-restricted-imports)',
    file: 'gateway/src/upward.ts',
    line: 4,
    reported: false,
  },
  {
    fault: 'an import cycle through types',
    code: 'import(no-cycle)',
    file: 'node/src/market/cycle-a.ts',
    line: 2,
    reported: true,
  },
  {
    fault: 'a floating promise',
    code: 'typescript(no-floating-promises)',
    file: 'node/src/market/floating-promise.ts',
    line: 9,
    reported: true,
  },
  {
    fault: 'a floating thenable',
    code: 'typescript(no-floating-promises)',
    file: 'node/src/market/floating-promise.ts',
    line: 10,
    reported: true,
  },
];

interface Diagnostic {
  readonly code: string;
  readonly filename: string;
  readonly labels: readonly { readonly span: { readonly line: number } }[];
}

/**
 * Lint the seeded faults with the project's own linter configuration and fail unless each of them
 * is reported where it stands: the proof that the gate is not passing in silence.
 */
export async function runCanary(timeoutMs: number): Promise<CommandOutcome> {
  const lint = await runCommand(
    'oxlint',
    ['--type-aware', '--format', 'json', 'e2e/canary'],
    timeoutMs,
  );
  const missed = judgeCanary(lint.output);
  return { ok: missed.length === 0, exitCode: lint.exitCode, output: missed.join('\n') };
}

/** The expectations that the linter's JSON report does not meet, one sentence each. */
export function judgeCanary(report: string): string[] {
  let diagnostics: readonly Diagnostic[];
  try {
    diagnostics = (JSON.parse(report) as { diagnostics: readonly Diagnostic[] }).diagnostics;
  } catch {
    return [`the linter gave no report:\n${report.slice(0, 2_000)}`];
  }
  return expectations
    .filter((expected) => diagnostics.some((one) => isAt(one, expected)) !== expected.reported)
    .map(({ fault, code, file, line, reported }) =>
      reported
        ? `${fault}: ${code} was not reported at e2e/canary/${file}:${line}`
        : `${fault}: ${code} was reported at e2e/canary/${file}:${line}`,
    );
}

function isAt(one: Diagnostic, expected: Expectation): boolean {
  return (
    one.code === expected.code &&
    one.filename === `e2e/canary/${expected.file}` &&
    one.labels.some((label) => label.span.line === expected.line)
  );
}
