import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createWriteStream, type WriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@stoa/schema';
import type { Guardian } from './guardian.ts';
import { readLines } from './line-reader.ts';

/** How to tell that a process is ready for work. */
export type Readiness =
  /** It prints a line on standard output that is a JSON object with these members. */
  | { readonly kind: 'json-line'; readonly with: Readonly<Record<string, unknown>> }
  /** This URL answers a GET with a 2xx status. */
  | { readonly kind: 'http'; readonly url: string };

export interface ChildProcessOptions {
  /** Stands before each of its lines in the log. */
  readonly name: string;
  /** A program; leave it out to run a TypeScript file, `args[0]`, with the Node we run on. */
  readonly command?: string;
  readonly args: readonly string[];
  /** Its whole environment; PATH, HOME, TZ, LANG and Node's compile cache are ours unless given. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** What it prints, standard output and error, is appended to this file. */
  readonly logFile: string;
  /** Told of each line it prints. */
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
  readonly ready: Readiness;
  /** Default 30 s. */
  readonly readyTimeoutMs?: number;
  /** Ends the process if we are killed. */
  readonly guardian?: Guardian;
  /** Stops waiting for readiness, and the process with it. */
  readonly signal?: AbortSignal;
}

/** How a process ended. */
export interface ProcessExit {
  readonly name: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** True where it ended after `stop()` or `kill()`, and so not by itself. */
  readonly wanted: boolean;
}

/** A process that is ready, or has been. */
export interface ManagedProcess {
  readonly name: string;
  readonly pid: number;
  /** The JSON object that said it was ready; empty where readiness came by HTTP. */
  readonly announced: Readonly<Record<string, unknown>>;
  /** Resolves once it has ended, however it ended; never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** SIGTERM, and SIGKILL after `graceMs` (default 2 s). Safe to call twice. */
  stop(graceMs?: number): Promise<ProcessExit>;
  /** Send a signal to it and to the processes it started in its group. */
  kill(signal: NodeJS.Signals): void;
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

/** The last lines are kept for the error of a process that does not become ready. */
const keptLines = 20;

const notWaitedFor = 'was not waited for any longer';

/**
 * Start one process and wait until it is ready. It leads a process group of its own: a terminal's
 * Ctrl-C reaches only us, who then stop it in order, and a wrapper's children end with it.
 *
 * @throws CodedError PROCESS_NOT_READY where it ended, or was ended at the deadline or the abort,
 * before it was ready; the message holds the last lines it printed.
 */
export async function startChildProcess(options: ChildProcessOptions): Promise<ManagedProcess> {
  const child = spawn(options.command ?? process.execPath, options.args, {
    cwd: options.cwd,
    env: { ...inheritedEnvironment(), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  if (child.pid !== undefined) options.guardian?.guard(child.pid);
  const lastLines: string[] = [];
  const log = createWriteStream(options.logFile, { flags: 'a' });
  const announcement = Promise.withResolvers<Readonly<Record<string, unknown>>>();
  const take = (line: string, stream: 'stdout' | 'stderr') => {
    writeLog(log, child, `[${options.name}] ${line}\n`);
    lastLines.push(line);
    if (lastLines.length > keptLines) lastLines.shift();
    options.onLine?.(line, stream);
    const said = stream === 'stdout' ? announcedBy(line, options.ready) : undefined;
    if (said !== undefined) announcement.resolve(said);
  };
  readLines(child.stdout, (line) => take(line, 'stdout'));
  readLines(child.stderr, (line) => take(line, 'stderr'));
  const managed = manage(child, options, log);
  const outcome = await untilReady(managed, announcement.promise, options);
  if (typeof outcome !== 'string') return { ...managed, announced: outcome };
  await managed.stop();
  const message = `${options.name} ${outcome}: ${lastLines.join('\n') || '(it printed nothing)'}`;
  throw new CodedError('PROCESS_NOT_READY', message, { data: { name: options.name } });
}

function inheritedEnvironment(): Record<string, string> {
  const names = ['PATH', 'HOME', 'TZ', 'LANG', 'TMPDIR', 'NODE_COMPILE_CACHE'];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

/** A log that cannot keep up pauses the process that writes it, and nothing is buffered for long. */
function writeLog(log: WriteStream, child: Child, text: string): void {
  if (log.write(text)) return;
  child.stdout.pause();
  child.stderr.pause();
  log.once('drain', () => {
    child.stdout.resume();
    child.stderr.resume();
  });
}

type Unready = Omit<ManagedProcess, 'announced'>;

function manage(child: Child, options: ChildProcessOptions, log: WriteStream): Unready {
  const { name } = options;
  let wanted = false;
  const { promise: exited, resolve } = Promise.withResolvers<ProcessExit>();
  const ended = (code: number | null, signal: NodeJS.Signals | null) => {
    if (child.pid !== undefined) {
      // What the process itself started must not outlive it.
      signalGroup(child.pid, 'SIGKILL');
      options.guardian?.release(child.pid);
    }
    resolve({ name, code, signal, wanted });
  };
  child.once('error', (error) => {
    log.write(`[${name}] ${error.message}\n`);
    if (child.pid === undefined) ended(null, null);
  });
  child.once('exit', ended);
  child.once('close', () => log.end());
  const kill = (signal: NodeJS.Signals) => {
    wanted = true;
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      signalGroup(child.pid, signal);
    }
  };
  const stop = async (graceMs = 2_000) => {
    kill('SIGTERM');
    const timer = setTimeout(() => kill('SIGKILL'), graceMs);
    const exit = await exited;
    clearTimeout(timer);
    return exit;
  };
  return { name, pid: child.pid ?? 0, exited, stop, kill };
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** What the process announced, or in words why it is not ready. */
async function untilReady(
  managed: Unready,
  announcement: Promise<Readonly<Record<string, unknown>>>,
  options: ChildProcessOptions,
): Promise<Readonly<Record<string, unknown>> | string> {
  const over = new AbortController();
  const timeoutMs = options.readyTimeoutMs ?? 30_000;
  const signals = [over.signal, ...(options.signal === undefined ? [] : [options.signal])];
  const either = AbortSignal.any(signals);
  const aborted = sleep(timeoutMs, undefined, { signal: either }).then(
    () => `was not ready within ${timeoutMs} ms`,
    () => notWaitedFor,
  );
  const { ready } = options;
  try {
    return await Promise.race([
      ready.kind === 'http' ? untilAnswers(ready.url, either) : announcement,
      managed.exited.then(({ code, signal }) => `ended (${signal ?? `code ${code}`})`),
      aborted,
    ]);
  } finally {
    over.abort();
  }
}

async function untilAnswers(
  url: string,
  signal: AbortSignal,
): Promise<Record<string, unknown> | typeof notWaitedFor> {
  while (!signal.aborted) {
    try {
      const response = await fetch(url, {
        signal: AbortSignal.any([signal, AbortSignal.timeout(2_000)]),
      });
      await response.body?.cancel();
      if (response.ok) return {};
    } catch {
      // Not listening yet.
    }
    await sleep(50, undefined, { signal }).catch(() => {});
  }
  return notWaitedFor;
}

function announcedBy(line: string, ready: Readiness): Record<string, unknown> | undefined {
  if (ready.kind !== 'json-line' || !line.startsWith('{')) return undefined;
  let said: unknown;
  try {
    said = JSON.parse(line);
  } catch {
    return undefined;
  }
  const object = said as Record<string, unknown>;
  const matches = Object.entries(ready.with).every(([name, value]) => object[name] === value);
  return matches ? object : undefined;
}
