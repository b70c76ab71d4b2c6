import { CodedError, isRefusal } from '@stoa/schema';
import type { NetworkOptions } from '../harness/network.ts';
import { isPortFree } from '../harness/ports.ts';
import { DEMO_HELP, readDemoArguments } from './arguments.ts';

/** Exit codes: 0 all held, 1 it did not, 2 it was asked wrongly, 130 it was interrupted. */
async function main(): Promise<number> {
  const asked = readDemoArguments(process.argv.slice(2), process.env);
  if (isRefusal(asked)) {
    say(`${asked.message} ${asked.action}`);
    return 2;
  }
  if (asked.help) {
    process.stdout.write(DEMO_HELP);
    return 0;
  }
  if (asked.port !== 0 && !(await isPortFree(asked.port))) {
    say(`Port ${asked.port} is in use. Choose another, or none to have a free one chosen.`);
    return 2;
  }
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => interrupted.abort());
  }
  abortWithParent(interrupted);
  const options: NetworkOptions = {
    baseFolder: '.stoa',
    flows: asked.flows,
    flowSpeed: asked.speed,
    gatewayPort: asked.port,
    keepFolder: asked.keep,
    ...(asked.databaseUrl !== undefined && { databaseUrl: asked.databaseUrl }),
    onProgress: say,
    onCrash: (name, how) => say(`${name} ended (${how}); the others go on`),
    signal: interrupted.signal,
  };
  try {
    // Only now: a wrong option is to be told at once, and the network is a lot of code to load.
    if (asked.once) {
      const { runOnceCommand } = await import('./once-command.ts');
      return await runOnceCommand(options, asked.json);
    }
    const { runLive } = await import('./live.ts');
    return await runLive(options, interrupted.signal);
  } catch (error) {
    if (interrupted.signal.aborted) return 130;
    say(error instanceof CodedError ? `${error.code}: ${error.message}` : String(error));
    return 1;
  }
}

/** npm killed alone passes nothing on: a demo whose parent has gone ends itself. */
function abortWithParent(interrupted: AbortController): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) interrupted.abort();
  }, 500).unref();
}

/** Everything human goes to stderr: stdout is the result's alone. */
function say(message: string): void {
  process.stderr.write(`${message}\n`);
}

process.exitCode = await main();
