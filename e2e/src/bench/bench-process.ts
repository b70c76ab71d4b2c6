import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { STEADY_FLAGS } from '../harness/process-flags.ts';
import type { CommandReply, Commands } from './process-commands.ts';

const START_TIMEOUT_MS = 120_000;

/** A process of its own that a bench measures in, and the commands it answers. */
export interface BenchProcess<C extends Commands> {
  /** Rejects when the command throws, the process ends, or no answer came within `withinMs`. */
  ask<K extends keyof C & string>(
    command: K,
    input: Parameters<C[K]>[0],
    withinMs?: number,
  ): Promise<Awaited<ReturnType<C[K]>>>;
  /** Stops the process where it is, or lets it go on (SIGSTOP, SIGCONT). */
  stall(stalled: boolean): void;
  /** Ends it, stalled or not, and resolves when it is gone. */
  end(): Promise<void>;
}

/** Processes that are started as a bench needs them and all ended at its end, however it ends. */
export interface BenchProcesses extends AsyncDisposable {
  /** Starts a TypeScript file of this folder that serves commands (`serveCommands`). */
  start<C extends Commands>(file: string): BenchProcess<C>;
}

export function benchProcesses(): BenchProcesses {
  const started: BenchProcess<Commands>[] = [];
  return {
    start<C extends Commands>(file: string) {
      const one = startProcess<C>(file);
      started.push(one as unknown as BenchProcess<Commands>);
      return one;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(started.map((one) => one.end()));
    },
  };
}

function startProcess<C extends Commands>(file: string): BenchProcess<C> {
  const child = fork(join(import.meta.dirname, file), {
    // What else this process was started with (the check of Node's version, by a relative path) is its own.
    execArgv: [...STEADY_FLAGS],
    // Typed arrays of measurements cross without becoming JSON.
    serialization: 'advanced',
    stdio: ['ignore', 2, 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit');
  const waiting = new Map<number, (reply: CommandReply) => void>();
  let lastId = 0;
  child.on('message', (reply: CommandReply) => waiting.get(reply.id)?.(reply));
  child.on('exit', (code, signal) => {
    for (const [id, resolve] of waiting) {
      resolve({ id, error: `${file} ended with ${signal ?? code}` });
    }
  });
  return {
    async ask(command, input, withinMs = START_TIMEOUT_MS) {
      lastId += 1;
      const id = lastId;
      const reply = await replyTo(child, waiting, { id, command, input, withinMs });
      if ('error' in reply) throw new Error(`${file} ${command}: ${reply.error}`);
      return reply.output as never;
    },
    stall: (stalled) => child.kill(stalled ? 'SIGSTOP' : 'SIGCONT'),
    async end() {
      if (child.exitCode === null && child.signalCode === null) {
        // SIGKILL ends a stalled process too; without the channel's end no profile would be written.
        child.kill('SIGCONT');
        if (child.connected) child.disconnect();
        const timer = setTimeout(() => child.kill('SIGKILL'), 2_000);
        await exited;
        clearTimeout(timer);
      }
    },
  };
}

function replyTo(
  child: ChildProcess,
  waiting: Map<number, (reply: CommandReply) => void>,
  request: { id: number; command: string; input: unknown; withinMs: number },
): Promise<CommandReply> {
  const { id, command, input, withinMs } = request;
  return new Promise((resolve) => {
    const settle = (reply: CommandReply): void => {
      clearTimeout(timer);
      waiting.delete(id);
      resolve(reply);
    };
    const timer = setTimeout(() => settle({ id, error: `no answer in ${withinMs} ms` }), withinMs);
    if (!child.connected) {
      settle({ id, error: 'the process is gone' });
      return;
    }
    waiting.set(id, settle);
    child.send({ id, command, input });
  });
}
