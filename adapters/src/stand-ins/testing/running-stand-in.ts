import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Instrument } from '@stoa/schema';

export interface RunningStandInOptions {
  readonly dialect: 'ppex-like' | 'inx-like';
  readonly instrument: Instrument;
  /** Where it notes what it took; the same folder and port stand for the same venue. */
  readonly folder: string;
  /** Whether a test moves its clock, and it has hours. */
  readonly sessions: boolean;
  /** PEM of the key that an INX-like venue's client signs with, and its limits: [requests, within ms]. */
  readonly publicKey?: string;
  readonly limits?: readonly (readonly [number, number])[];
}

const PROGRAM = fileURLToPath(new URL('./stand-in-process.ts', import.meta.url));

interface Answer {
  readonly id?: number;
  readonly port?: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** A stand-in venue in a process of its own, as its test sees it. */
export class RunningStandIn {
  readonly #options: RunningStandInOptions;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #process: ChildProcess;
  #commands = 0;
  #name = 'first';
  port: number;

  private constructor(options: RunningStandInOptions, child: ChildProcess, port: number) {
    this.#options = options;
    this.#process = child;
    this.port = port;
    this.#listen(child);
  }

  static async start(options: RunningStandInOptions): Promise<RunningStandIn> {
    const { child, port } = await launch(options, 0);
    return new RunningStandIn(options, child, port);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async command(name: string, ...input: readonly unknown[]): Promise<unknown> {
    this.#commands += 1;
    // After a kill it is that venue again.
    if (name === 'reset') this.#name = String(input[0]);
    const id = this.#commands;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    this.#process.send({ id, name, input });
    const { result, error } = await answered;
    if (error !== undefined) throw new Error(error);
    return result;
  }

  /** SIGKILL, and the same venue again at the same port. */
  async killAndRestart(): Promise<void> {
    this.#process.kill('SIGKILL');
    await once(this.#process, 'exit');
    const { child } = await launch(this.#options, this.port, this.#name);
    this.#process = child;
    this.#listen(child);
  }

  async stop(): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null) return;
    this.#process.kill('SIGKILL');
    await once(this.#process, 'exit');
  }

  #listen(child: ChildProcess): void {
    child.on('message', (answer: Answer) => {
      const id = answer.id ?? 0;
      this.#waiting.get(id)?.(answer);
      this.#waiting.delete(id);
    });
  }
}

async function launch(
  options: RunningStandInOptions,
  port: number,
  name = 'first',
): Promise<{ child: ChildProcess; port: number }> {
  const child = fork(PROGRAM, [JSON.stringify({ ...options, port, name })], { execArgv: [] });
  const ready = new Promise<Answer>((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`the stand-in ended with ${code}`)));
  });
  const answer = await ready;
  return { child, port: answer.port ?? 0 };
}
