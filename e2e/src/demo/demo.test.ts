import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OnceReport } from '../scenario/once.ts';
import { eventually } from '../scenario/scenario-failure.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

describe('the demo', () => {
  let folder: string;
  let demo: ChildProcess;
  let stdout = '';
  let stderr = '';

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'stoa-demo-'));
  });
  afterEach(() => {
    demo.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  function run(...args: string[]): void {
    stdout = '';
    stderr = '';
    demo = spawn(process.execPath, [MAIN, ...args], { cwd: folder, stdio: 'pipe' });
    demo.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    demo.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  }

  /** Processes that have to do with this run: by command line, environment or working folder. */
  function processesOfRun(): string[] {
    return readdirSync('/proc').filter((pid) => {
      if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
      try {
        const said = ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${pid}/${file}`));
        const where = readlinkSync(`/proc/${pid}/cwd`);
        return Buffer.concat(said).includes(folder) || where.startsWith(folder);
      } catch {
        return false;
      }
    });
  }

  it('runs the scenario once, says what came of it as one JSON object, and leaves nothing behind', {
    timeout: 120_000,
  }, async () => {
    run('--once', '--json');
    const [code] = (await once(demo, 'exit')) as [number];
    expect(code, stderr).toBe(0);
    const report = JSON.parse(stdout) as OnceReport;
    expect(report.ok).toBe(true);
    expect(report.venues.map(({ id }) => id)).toEqual(['alpha', 'beta', 'gamma']);
    const sum = (items: readonly { quantity: string }[]) =>
      items.reduce((total, { quantity }) => total + Number(quantity), 0);
    expect(new Set(report.legs.map(({ venue }) => venue)).size).toBeGreaterThanOrEqual(2);
    expect(sum(report.legs)).toBe(Number(report.order.quantity));
    expect(sum(report.executions)).toBe(Number(report.order.filled));
    expect(report.settlement).toMatchObject({
      state: 'SETTLED',
      transactionHash: expect.stringMatching(/^0x[0-9a-f]{64}$/),
    });
    expect(report.refusals.map(({ code: refusal }) => refusal)).toEqual([
      'CLAIM_MISSING',
      'SIGNATURE_INVALID',
      'TRADE_ALREADY_SETTLED',
    ]);
    expect(processesOfRun()).toEqual([]);
    expect(readdirSync(join(folder, '.stoa'))).toEqual([]);
  });

  it('prints nothing but its result on stdout, also through npm', async () => {
    demo = spawn('npm', ['run', 'demo', '--', '--once', '--json', '--flow', 'alpha=missing'], {
      cwd: fileURLToPath(new URL('../../..', import.meta.url)),
      stdio: 'pipe',
    });
    let said = '';
    demo.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const [code] = (await once(demo, 'exit')) as [number];
    expect(code).toBe(2);
    expect(said).toBe('');
  });

  it('takes every process with it when it is killed', async () => {
    run();
    // Guardian, chain, database, three nodes and the gateway: what comes after starts no more.
    await eventually(
      'The last process of the network',
      async () => (stderr.includes('starting the gateway') ? true : undefined),
      60_000,
    );
    expect(processesOfRun().length).toBeGreaterThan(5);
    demo.kill('SIGKILL');
    await eventually('The end of all processes', async () =>
      processesOfRun().length === 0 ? true : undefined,
    );
    await eventually('The end of its folder', async () =>
      readdirSync(join(folder, '.stoa')).length === 0 ? true : undefined,
    );
  });

  it('stops at once when it is told to while it still starts', async () => {
    run();
    await eventually(
      'The first stage',
      async () => (stderr.includes('starting the nodes') ? true : undefined),
      60_000,
    );
    demo.kill('SIGTERM');
    await once(demo, 'exit');
    expect(processesOfRun()).toEqual([]);
    expect(existsSync(join(folder, '.stoa')) && readdirSync(join(folder, '.stoa'))).toEqual([]);
  });
});
