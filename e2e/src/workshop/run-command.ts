import { spawn } from 'node:child_process';
import { delimiter, join, resolve } from 'node:path';

/** The root of the repository. */
const root = resolve(import.meta.dirname, '../../..');

/** More output than this says nothing new; it is cut, so that a runaway tool cannot fill memory. */
const maxOutputCharacters = 2_000_000;

export interface CommandOutcome {
  readonly ok: boolean;
  readonly exitCode: number | null;
  readonly output: string;
}

/**
 * Run one of the workshop's tools (an npm binary) at the root of the repository and collect what
 * it prints, standard output and standard error in the order they came.
 *
 * @throws Never: a tool that cannot be started is an outcome that is not ok.
 */
export function runCommand(command: string, args: readonly string[], timeoutMs: number) {
  const { promise, resolve: settle } = Promise.withResolvers<CommandOutcome>();
  const bin = join(root, 'node_modules', '.bin');
  const child = spawn(command, args, {
    cwd: root,
    env: {
      ...process.env,
      PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}`,
      FORCE_COLOR: '0',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  });
  let output = '';
  const collect = (chunk: Buffer) => {
    if (output.length < maxOutputCharacters) output += chunk.toString('utf8');
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  child.once('error', (error) => {
    settle({
      ok: false,
      exitCode: null,
      output: `${command}: ${error.message} (run npm ci first)`,
    });
  });
  child.once('close', (exitCode, signal) => {
    if (signal !== null) output += `\n${command} was ended by ${signal} (limit ${timeoutMs} ms)`;
    settle({ ok: exitCode === 0, exitCode, output });
  });
  return promise;
}
