import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ChildProcessOptions, startChildProcess } from './child-process.ts';
import { freePorts } from './ports.ts';
import { startTimeOf } from './process-identity.ts';

let folder: string;
let programs = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-child-test-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Options that run this TypeScript. */
async function program(text: string): Promise<ChildProcessOptions> {
  programs += 1;
  const file = join(folder, `program-${programs}.mts`);
  await writeFile(file, text);
  const ready = { kind: 'json-line', with: { event: 'ready' } } as const;
  return {
    name: `p${programs}`,
    args: [file],
    logFile: `${file}.log`,
    ready,
    readyTimeoutMs: 10_000,
  };
}

const sayReady = `console.log(JSON.stringify({ event: 'ready', extra: process.env['EXTRA'] }));`;
const stay = `setInterval(() => {}, 1_000);`;

describe('a child process', () => {
  it('is ready with the JSON line it announces, and ends by itself with its code', async () => {
    const options = await program(`
      console.log('not JSON'); console.log('{"event":"starting"}'); console.error('café');
      ${sayReady} setTimeout(() => process.exit(3), 50);`);
    const child = await startChildProcess({ ...options, env: { EXTRA: 'yes' } });

    expect(child.announced).toEqual({ event: 'ready', extra: 'yes' });
    expect(await child.exited).toEqual({
      name: options.name,
      code: 3,
      signal: null,
      wanted: false,
    });
    await expect
      .poll(() => readFile(options.logFile, 'utf8'))
      .toContain(`[${options.name}] café\n`);
  });

  it('is ready when its URL answers with success, and not before', async () => {
    const [port] = await freePorts(1);
    const options = await program(`
      import { createServer } from 'node:http';
      const begun = Date.now();
      createServer((_, response) => {
        response.statusCode = Date.now() - begun < 300 ? 503 : 200;
        response.end();
      }).listen(${port}, '127.0.0.1');`);
    const begun = performance.now();
    const child = await startChildProcess({
      ...options,
      ready: { kind: 'http', url: `http://127.0.0.1:${port}/readyz` },
    });

    expect(performance.now() - begun).toBeGreaterThan(300);
    expect(await child.stop()).toMatchObject({ signal: 'SIGTERM', wanted: true });
  });

  it('is ended by SIGKILL when it does not heed SIGTERM', async () => {
    const options = await program(`process.on('SIGTERM', () => {}); ${sayReady} ${stay}`);
    const child = await startChildProcess(options);
    const begun = performance.now();

    expect(await child.stop(300)).toMatchObject({ signal: 'SIGKILL', wanted: true });
    expect(performance.now() - begun).toBeLessThan(1_500);
    expect(await child.stop()).toMatchObject({ signal: 'SIGKILL' });
  });

  it.each([
    ['is killed', stay, 'SIGKILL'],
    ['ends by itself', 'setTimeout(() => process.exit(0), 200);', null],
  ])('takes the processes that it started with it when it %s', async (...[, rest, signal]) => {
    const options = await program(`
      import { spawn } from 'node:child_process';
      const inner = spawn('/bin/sleep', ['60'], { stdio: 'ignore' });
      console.log(JSON.stringify({ event: 'ready', inner: inner.pid })); ${rest}`);
    const child = await startChildProcess(options);
    const inner = Number(child.announced['inner']);
    expect(startTimeOf(inner)).toBeDefined();
    if (signal !== null) child.kill('SIGKILL');

    expect((await child.exited).signal).toBe(signal);
    await expect.poll(() => startTimeOf(inner)).toBeUndefined();
  });

  it('that ends before it is ready is an error with its last words', async () => {
    const options = await program(`console.error('no database'); process.exit(7);`);

    await expect(startChildProcess(options)).rejects.toMatchObject({
      code: 'PROCESS_NOT_READY',
      message: expect.stringMatching(/ended \(code 7\).*no database/s),
    });
  });

  it('that is not ready at the deadline is ended', async () => {
    const options = await program(`console.log(String(process.pid)); ${stay}`);
    const lines: string[] = [];
    const starting = startChildProcess({
      ...options,
      readyTimeoutMs: 700,
      onLine: (line) => lines.push(line),
    });

    await expect(starting).rejects.toMatchObject({
      code: 'PROCESS_NOT_READY',
      message: expect.stringContaining('not ready within 700 ms'),
    });
    expect(startTimeOf(Number(lines[0]))).toBeUndefined();
  });

  it('that is not waited for any longer is ended', async () => {
    const options = await program(stay);
    const abort = new AbortController();
    const starting = startChildProcess({ ...options, signal: abort.signal });
    const outcome = expect(starting).rejects.toMatchObject({ code: 'PROCESS_NOT_READY' });
    await sleep(200);
    abort.abort();
    await outcome;
  });

  it('that cannot be started at all is an error, not a crash', async () => {
    const options = await program('');

    await expect(
      startChildProcess({ ...options, command: join(folder, 'missing') }),
    ).rejects.toMatchObject({ code: 'PROCESS_NOT_READY' });
  });
});
