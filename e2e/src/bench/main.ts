import { parseArgs } from 'node:util';
import type { Bench } from './bench.ts';
import { benchList } from './bench-list.ts';
import { installPeers, loadPeer } from './bench-peers.ts';
import { machineFacts } from './machine.ts';

const benches = benchList
  .flatMap(({ name, about, options = {}, choices = {} }) => [
    `  ${name.padEnd(10)}${about}`,
    ...Object.entries(options).map(
      ([option, { about: meaning, default: value }]) =>
        `${''.padEnd(12)}--${option} N  ${meaning} (${value})`,
    ),
    ...Object.entries(choices).map(
      ([choice, { about: meaning, choices: words }]) =>
        `${''.padEnd(12)}--${choice} WORD  ${meaning} (${words.join(', ')})`,
    ),
  ])
  .join('\n');

const help = `npm run bench -- NAME [--json]

The one door to the benchmarks:
${benches}

  --json   one JSON object on standard output, nothing else: {bench, at, ok, ms, machine, result}
  --help   this text

Examples
  npm run bench -- engine
  npm run --silent bench -- engine --json > engine.json
  npm run bench -- quotes --seconds 600
  npm run bench -- settlement --part legs

Peers that a bench compares with are installed from e2e/bench-peers when it first needs them.
Exit code 0 if the bench ran, 1 if it failed, 2 for a wrong argument.
`;

function refuse(reason: string): number {
  process.stderr.write(`${reason}\n\n${help}`);
  return 2;
}

interface Given {
  readonly numbers: Readonly<Record<string, number>>;
  readonly words: Readonly<Record<string, string>>;
}

async function runBench(bench: Bench, given: Given, json: boolean): Promise<number> {
  const say = (text: string) => process.stderr.write(`${text}\n`);
  const at = new Date().toISOString();
  // Taken before the bench, whose own load is no news.
  const machine = machineFacts();
  const begun = performance.now();
  try {
    const result = await bench.run({
      say,
      async peer(name) {
        await installPeers(say);
        return loadPeer(name);
      },
      option: (name) => given.numbers[name] ?? bench.options?.[name]?.default ?? Number.NaN,
      chosen: (name) => given.words[name],
    });
    const ms = Math.round(performance.now() - begun);
    const report = { bench: bench.name, at, ok: true, ms, machine, result };
    process.stdout.write(`${JSON.stringify(report, undefined, json ? undefined : 2)}\n`);
    return 0;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    say(`bench ${bench.name} failed: ${reason}`);
    if (json) {
      const ms = Math.round(performance.now() - begun);
      const report = { bench: bench.name, at, ok: false, ms, machine, error: reason };
      process.stdout.write(`${JSON.stringify(report)}\n`);
    }
    return 1;
  }
}

/** What was given to a bench, or why it cannot be. */
function readOptions(bench: Bench, values: Readonly<Record<string, unknown>>): Given | string {
  const numbers: Record<string, number> = {};
  const words: Record<string, string> = {};
  for (const [name, text] of Object.entries(values)) {
    if (typeof text !== 'string') continue;
    const choice = Object.hasOwn(bench.choices ?? {}, name) ? bench.choices?.[name] : undefined;
    if (choice) {
      if (!choice.choices.includes(text))
        return `--${name} is one of ${choice.choices.join(', ')}.`;
      words[name] = text;
      continue;
    }
    if (!Object.hasOwn(bench.options ?? {}, name)) return `${bench.name} has no option --${name}.`;
    const value = Number(text);
    if (!Number.isSafeInteger(value) || value <= 0) return `--${name} is a whole number above 0.`;
    numbers[name] = value;
  }
  return { numbers, words };
}

async function main(): Promise<number> {
  const names = benchList.flatMap(({ options = {}, choices = {} }) =>
    Object.keys({ ...options, ...choices }),
  );
  let parsed: { values: Readonly<Record<string, unknown>>; positionals: string[] };
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        ...Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
      },
    });
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
  if (parsed.values['help'] === true) {
    process.stdout.write(help);
    return 0;
  }
  const [name, ...more] = parsed.positionals;
  if (name === undefined) return refuse('Which bench?');
  if (more.length > 0) return refuse(`One bench at a time, not also: ${more.join(', ')}`);
  const bench = benchList.find((one) => one.name === name);
  if (bench === undefined) return refuse(`There is no bench named ${name}.`);
  const options = readOptions(bench, parsed.values);
  if (typeof options === 'string') return refuse(options);
  return runBench(bench, options, parsed.values['json'] === true);
}

process.exitCode = await main();
