import type { BenchProcesses } from '../bench-process.ts';
import { median, quantile, rounded, spread } from '../statistics.ts';
import { type BenchNetwork, startNetwork } from './bench-network.ts';
import { latenciesUs } from './latency.ts';
import type { NetworkPlan } from './network-plan.ts';
import { startStockNetwork } from './stock-gossip.ts';

/** So many of the instruments are read at every change by a subscriber at each observer. */
const watched = 20;
const seconds = 3;
const drainWithinMs = 10_000;

/** What the throughput and the stalled peer are measured with: one venue and four observers. */
export const fanOut: NetworkPlan = {
  venues: ['alpha'],
  observers: ['one', 'two', 'three', 'four'],
  instruments: 1_000,
  levels: 10,
};

/** One round of our path. */
interface Round {
  /** Updates of the venue until the slowest observer had every book's latest state. */
  readonly perSecond: number;
  readonly deliveredShare: number;
  /** From the last update to the slowest observer's last book. */
  readonly drainMs: number;
  readonly framesPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly venueCpu: number;
  readonly observerCpu: number;
}

/**
 * One venue's engine to the verified, consolidated books of four observers, at an offered rate; in
 * turns with stock gossipsub, which publishes as fast as it can.
 */
export async function measureThroughput(
  processes: BenchProcesses,
  options: { readonly perSecond: number; readonly rounds: number },
) {
  const network = await startNetwork(processes, fanOut);
  await Promise.all(network.observers.map((one) => one.ask('watch', { instruments: watched })));
  const stock = await startStockNetwork(processes, fanOut);
  const ours: Round[] = [];
  const theirs: { perSecond: number; deliveredShare: number }[] = [];
  for (let round = 0; round <= options.rounds; round += 1) {
    const our = await measureRound(network, options.perSecond, round + 1);
    const their = await stock.measure();
    // One warm-up round, not counted.
    if (round === 0) continue;
    ours.push(our);
    theirs.push(their);
  }
  return summary(options.perSecond, ours, theirs);
}

async function measureRound(
  network: BenchNetwork,
  perSecond: number,
  seed: number,
): Promise<Round> {
  const [venue] = network.venues;
  if (!venue) throw new Error('a process is missing');
  const { observers } = network;
  const cpu = () => Promise.all(observers.map((one) => one.ask('cpuUs', undefined as never)));
  const frames = () => observers[0]?.ask('framesAccepted', undefined as never);
  await Promise.all(observers.map((one) => one.ask('sightings', undefined as never)));
  const cpuBefore = await cpu();
  const framesBefore = (await frames()) ?? 0;
  const made = await venue.ask('run', { perSecond, seconds, seed, timed: true });
  const latest = await venue.ask('latest', undefined as never);
  const ends = await Promise.all(
    observers.map((one) => one.ask('untilLatest', { latest, withinMs: drainWithinMs })),
  );
  const endNs = Math.max(...ends.map(({ atNs }) => atNs));
  const wallUs = (endNs - made.startNs) / 1_000;
  const cpuUs = (await cpu()).map((after, at) => after - (cpuBefore[at] ?? 0));
  const framesTaken = ((await frames()) ?? 0) - framesBefore;
  const seen = await Promise.all(observers.map((one) => one.ask('sightings', undefined as never)));
  const latencies = seen.map((one) => latenciesUs(made, one, network.plan.instruments, watched));
  return {
    perSecond: (made.madeAtNs.length / wallUs) * 1e6,
    deliveredShare:
      ends.reduce((sum, { reached }) => sum + reached, 0) / (latest.length * observers.length),
    drainMs: (endNs - made.endNs) / 1e6,
    framesPerSecond: (framesTaken / wallUs) * 1e6,
    // The slowest observer's.
    p50Us: Math.max(...latencies.map((one) => quantile(one, 0.5))),
    p99Us: Math.max(...latencies.map((one) => quantile(one, 0.99))),
    venueCpu: made.cpuUs / wallUs,
    observerCpu: Math.max(...cpuUs) / wallUs,
  };
}

function summary(
  offeredPerSecond: number,
  ours: readonly Round[],
  theirs: readonly { perSecond: number; deliveredShare: number }[],
) {
  const updatesPerSecond = median(ours.map((one) => one.perSecond));
  const stockUpdatesPerSecond = median(theirs.map((one) => one.perSecond));
  return {
    updatesPerSecond: rounded(updatesPerSecond),
    stockUpdatesPerSecond: rounded(stockUpdatesPerSecond),
    deliveredShare: Math.min(...ours.map((one) => one.deliveredShare)),
    ratio: rounded(updatesPerSecond / stockUpdatesPerSecond, 1),
    offeredPerSecond,
    stockDeliveredShare: Math.min(...theirs.map((one) => one.deliveredShare)),
    ...{ observers: fanOut.observers.length, instruments: fanOut.instruments },
    ...{ levels: fanOut.levels, watched, seconds, rounds: ours.length },
    updatesPerSecondOfRounds: spread(ours.map((one) => one.perSecond)),
    stockUpdatesPerSecondOfRounds: spread(theirs.map((one) => one.perSecond)),
    drainMs: spread(ours.map((one) => one.drainMs)),
    framesPerSecond: spread(ours.map((one) => one.framesPerSecond)),
    p50Us: spread(ours.map((one) => one.p50Us)),
    p99Us: spread(ours.map((one) => one.p99Us)),
    venueCpu: spread(
      ours.map((one) => one.venueCpu),
      2,
    ),
    observerCpu: spread(
      ours.map((one) => one.observerCpu),
      2,
    ),
  };
}
