import type { BenchProcesses } from '../bench-process.ts';
import { median, quantile, rounded } from '../statistics.ts';
import { startNetwork } from './bench-network.ts';
import { latenciesUs } from './latency.ts';
import type { FloodKind, RogueCommands } from './rogue-process.ts';

const kinds: readonly FloodKind[] = ['garbage', 'forged', 'oversize', 'replayed', 'reordered'];
const honestPerSecond = 500;
const floodFactor = 10;
const instruments = 100;
const levels = 10;
const seconds = 3;
const settleWithinMs = 5_000;

/**
 * What honest quotes lose by a member that floods the node they go to at ten times their rate: their
 * latency without and with it, in turns. Each kind has a rogue of its own, because the first to be
 * found out are banned.
 */
export async function measureFloods(processes: BenchProcesses) {
  const watcher = 'watcher';
  const rogues = kinds.map((kind) => ({ kind, member: `rogue-${kind}` }));
  const members = rogues.map(({ member }) => member);
  const plan = { venues: ['alpha'], observers: [watcher, ...members], instruments, levels };
  const network = await startNetwork(processes, plan, members);
  const [venue] = network.venues;
  const [observer] = network.observers;
  if (!venue || !observer) throw new Error('a process is missing');
  await observer.ask('watch', { instruments });
  let seed = 0;
  const honest = async (): Promise<Float64Array> => {
    seed += 1;
    await observer.ask('sightings', undefined as never);
    const run = { perSecond: honestPerSecond, seconds, seed, timed: true };
    const made = await venue.ask('run', run);
    const latest = await venue.ask('latest', undefined as never);
    await observer.ask('untilLatest', { latest, withinMs: settleWithinMs });
    return latenciesUs(made, await observer.ask('sightings', undefined as never), instruments);
  };
  await honest();
  const floods = [];
  for (const { kind, member } of rogues) {
    const rogue = processes.start<RogueCommands>('quotes/rogue-process.ts');
    await rogue.ask('start', { ...plan, member, peers: network.addresses });
    const calm = [await honest()];
    const flooding = rogue.ask('flood', {
      ...{ kind, victim: watcher, seconds: seconds + 1 },
      perSecond: honestPerSecond * floodFactor,
    });
    const stormy = await honest();
    const { sent } = await flooding;
    calm.push(await honest());
    const calmP50 = median(calm.map((one) => quantile(one, 0.5)));
    floods.push({
      ...{ kind, sent },
      calmP50Us: rounded(calmP50),
      calmP99Us: rounded(median(calm.map((one) => quantile(one, 0.99)))),
      p50Us: rounded(quantile(stormy, 0.5)),
      p99Us: rounded(quantile(stormy, 0.99)),
      p50ToCalm: rounded(quantile(stormy, 0.5) / calmP50, 2),
    });
    await rogue.end();
  }
  return {
    ...{ honestPerSecond, floodPerSecond: honestPerSecond * floodFactor, floods },
    worstP50ToCalm: Math.max(...floods.map(({ p50ToCalm }) => p50ToCalm)),
  };
}
