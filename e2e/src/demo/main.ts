import { CodedError, isRefusal } from '@stoa/schema';
import type { NetworkOptions } from '../harness/network.ts';
import { DEMO_HELP, readDemoArguments } from './arguments.ts';
import { runLive } from './live.ts';
import { runOnceCommand } from './once-command.ts';

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
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => interrupted.abort());
  }
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
    return asked.once
      ? await runOnceCommand(options, asked.json)
      : await runLive(options, interrupted.signal);
  } catch (error) {
    if (interrupted.signal.aborted) return 130;
    say(error instanceof CodedError ? `${error.code}: ${error.message}` : String(error));
    return 1;
  }
}

/** Everything human goes to stderr: stdout is the result's alone. */
function say(message: string): void {
  process.stderr.write(`${message}\n`);
}

process.exitCode = await main();
