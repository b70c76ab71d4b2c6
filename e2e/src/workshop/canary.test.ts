import { describe, expect, it } from 'vitest';
import { judgeCanary, runCanary } from './canary.ts';
import { runCommand } from './run-command.ts';

const timeoutMs = 60_000;

async function lintWithout(rule: string): Promise<string[]> {
  const args = ['--type-aware', '--format', 'json', '--allow', rule, 'e2e/canary'];
  return judgeCanary((await runCommand('oxlint', args, timeoutMs)).output);
}

describe('the canary', () => {
  it('is content with the project’s linter as it is', async () => {
    expect(await runCanary(timeoutMs)).toMatchObject({ ok: true, output: '' });
  });

  it.each([
    ['typescript/no-floating-promises', ['a floating promise', 'a floating thenable']],
    ['import/no-cycle', ['an import cycle through types']],
  ])('misses %s when it is turned off', async (rule, faults) => {
    const missed = await lintWithout(rule);

    expect(missed.map((sentence) => sentence.split(':')[0])).toEqual(faults);
  });

  it('misses what needs types when the linter runs without them', async () => {
    const lint = await runCommand('oxlint', ['--format', 'json', 'e2e/canary'], timeoutMs);

    expect(judgeCanary(lint.output)).toHaveLength(2);
  });

  it('misses everything when nothing is linted, and says so when there is no report', () => {
    expect(judgeCanary('{"diagnostics":[]}').length).toBeGreaterThan(5);
    expect(judgeCanary('oxlint: not found')[0]).toContain('no report');
  });
});
