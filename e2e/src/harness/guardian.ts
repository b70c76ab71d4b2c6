import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { startTimeOf } from './process-identity.ts';

/** Ends the registered processes when this process ends, however it ends, SIGKILL included. */
export interface Guardian {
  /** Its own process id. */
  readonly pid: number;
  /**
   * Guard a process from now on. Call it in the same tick that started the process.
   *
   * @param signal what asks this process to end; SIGKILL follows two seconds later
   */
  guard(pid: number, signal?: NodeJS.Signals): void;
  /** Guard it no longer, because it has ended or is to outlive us. */
  release(pid: number): void;
  /** Remove a folder after the processes have ended. */
  clean(folder: string): void;
  /** End the processes that are still guarded, then the guardian; resolves when it has ended. */
  close(): Promise<void>;
}

/**
 * Start the guardian, a small process that holds one end of a pipe whose other end only we hold:
 * the pipe's end is the one message that even a process killed by SIGKILL still sends.
 */
export async function startGuardian(): Promise<Guardian> {
  const child = spawn(
    process.execPath,
    ['--max-old-space-size=16', join(import.meta.dirname, 'guardian-process.ts')],
    // A session of its own, so that a terminal's Ctrl-C or hang-up does not end it with us.
    { stdio: ['pipe', 'pipe', 'inherit'], detached: true, env: {} },
  );
  const ended = once(child, 'exit');
  // The pipe breaks only if somebody kills the guardian; the processes then go unguarded, and ours
  // is to run on.
  child.stdin.on('error', () => {});
  const [first] = (await Promise.race([once(child.stdout, 'data'), ended])) as [unknown];
  if (child.pid === undefined || !(first instanceof Buffer)) {
    throw new Error(`the guardian did not start: ${String(first)}`);
  }
  // It must never be what keeps us running.
  child.unref();
  child.stdout.destroy();
  const tell = (line: string) => {
    if (child.stdin.writable) child.stdin.write(`${line}\n`);
  };
  return {
    pid: child.pid,
    guard: (pid, signal = 'SIGTERM') => {
      const startTime = startTimeOf(pid);
      if (startTime !== undefined) tell(`guard ${pid} ${startTime} ${signal}`);
    },
    release: (pid) => tell(`release ${pid}`),
    clean: (folder) => tell(`clean ${folder}`),
    close: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.ref();
      child.stdin.end();
      await ended;
    },
  };
}
