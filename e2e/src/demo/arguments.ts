import { accessSync, constants, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Refusal, refuse } from '@stoa/schema';
import { DEMO_VENUES, shippedFlow } from '../harness/demo-venues.ts';

/** What the demo was asked to do. */
export interface DemoArguments {
  readonly help: boolean;
  readonly once: boolean;
  readonly json: boolean;
  /** Keep the run's folder (logs, chain state, database) after the end. */
  readonly keep: boolean;
  /** Port of the gateway; 0 asks the system for a free one. */
  readonly port: number;
  /** Multiplies recorded time, or flat out. */
  readonly speed: number | 'max';
  readonly flows: ReadonlyMap<string, string>;
  /** A PostgreSQL server to use in place of one of our own. */
  readonly databaseUrl?: string;
}

export const DEMO_HELP = `Runs the whole network on this machine: a chain, a database server, three venues and a gateway.

  npm run demo                                     live, until Ctrl-C; prints a URL to look at
  npm run demo -- --once                           one order across the venues, settled, then exit
  npm run demo -- --once --json                    the same, one JSON object on stdout
  npm run demo -- --flow alpha=FILE.csv --speed 10 your own recorded order flow, ten times as fast

Options
  --once               run the scenario and exit: 0 if everything held, 1 if not
  --json               print one JSON object on stdout and nothing else (with --once)
  --flow VENUE=FILE    order flow of a venue (${DEMO_VENUES.join(', ')}), in LOBSTER's message format;
                       may stand once per venue; the others replay the small files that come with this
  --speed N            multiply recorded time by N, or "max" (live: 1; with --once: max, and the order
                       is placed on the book that the whole flow leaves)
  --port N             port of the gateway (default: a free one)
  --keep               keep the run's folder: logs, chain state, database
  --help               this text

DATABASE_URL, where set, names a PostgreSQL server to use: the demo makes databases of its own on it
and drops them at the end. Otherwise it starts a PostgreSQL of its own.
`;

/** Reads the command line; every flow file is looked at before anything starts. */
export function readDemoArguments(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): DemoArguments | Refusal<'ARGUMENT_INVALID' | 'FLOW_UNREADABLE'> {
  let values: ReturnType<typeof parse>['values'];
  try {
    ({ values } = parse(argv));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return badArgument(message.endsWith('.') ? message : `${message}.`);
  }
  const speed = values.speed ?? (values.once ? 'max' : '1');
  if (speed !== 'max' && !(Number(speed) > 0 && Number.isFinite(Number(speed)))) {
    return badArgument(`--speed ${speed} is neither a positive number nor "max".`);
  }
  const port = values.port === '' ? Number.NaN : Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    return badArgument(`--port ${values.port} is not a port.`);
  }
  if (values.json && !values.once) return badArgument('--json needs --once.');
  const flows = readFlows(values.flow, env.INIT_CWD ?? '.');
  if ('refused' in flows) return flows;
  return {
    help: values.help,
    once: values.once,
    json: values.json,
    keep: values.keep,
    port,
    speed: speed === 'max' ? 'max' : Number(speed),
    flows,
    ...(env.DATABASE_URL && { databaseUrl: env.DATABASE_URL }),
  };
}

function parse(argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    options: {
      help: { type: 'boolean', default: false },
      once: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      port: { type: 'string', default: '0' },
      speed: { type: 'string' },
      flow: { type: 'string', multiple: true, default: [] },
    },
  });
}

function badArgument(message: string): Refusal<'ARGUMENT_INVALID'> {
  return refuse('ARGUMENT_INVALID', message, 'See npm run demo -- --help.');
}

function readFlows(
  given: readonly string[],
  folder: string,
): Map<string, string> | Refusal<'ARGUMENT_INVALID' | 'FLOW_UNREADABLE'> {
  const flows = new Map<string, string>(DEMO_VENUES.map((venue) => [venue, shippedFlow(venue)]));
  const seen = new Set<string>();
  for (const item of given) {
    const [venue = '', ...rest] = item.split('=');
    if (!flows.has(venue) || rest.join('=') === '' || seen.has(venue)) {
      return badArgument(
        `--flow ${item}: expected VENUE=FILE, once per venue, of ${DEMO_VENUES.join(', ')}.`,
      );
    }
    seen.add(venue);
    // npm runs scripts in the project's folder; INIT_CWD is where the user stood when typing.
    flows.set(venue, resolve(folder, rest.join('=')));
  }
  for (const [venue, file] of flows) {
    const problem = unreadable(file);
    if (problem) {
      return refuse(
        'FLOW_UNREADABLE',
        `The order flow of ${venue} cannot be read: ${problem}.`,
        "Name a readable file in LOBSTER's message format.",
      );
    }
  }
  return flows;
}

function unreadable(file: string): string | undefined {
  try {
    accessSync(file, constants.R_OK);
    return statSync(file).isFile() ? undefined : `${file} is not a file`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
