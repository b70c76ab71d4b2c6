import type { BenchProcess, BenchProcesses } from '../bench-process.ts';
import { median, quantile, rounded, spread } from '../statistics.ts';
import { startNetwork } from './bench-network.ts';
import { nowNs } from './clock.ts';
import type { EchoCommands } from './echo-process.ts';
import { type Floors, measureFloors } from './floors.ts';
import type { ObserverCommands, Sightings } from './observer-process.ts';
import type { PacerPlan } from './pacer-thread.ts';
import type { VenueCommands } from './venue-process.ts';

const perSecond = 1_000;
const instruments = 100;
const levels = 10;
const seconds = 3;
const settleWithinMs = 5_000;
/** A node runs for months: it is measured once its code is compiled as it will stay. */
const warmUp = { perSecond: 5_000, seconds: 10 };

/**
 * From the call into the venue's engine to the book that a reader of another node's consolidated
 * market gets, of every update: one that a later one overtook counts until that one is seen.
 */
export async function measureLatency(processes: BenchProcesses, rounds: number) {
  const echo = processes.start<EchoCommands>('quotes/echo-process.ts');
  const port = await echo.ask('listen', undefined as never);
  const network = await startNetwork(processes, {
    ...{ venues: ['alpha'], observers: ['watcher'], instruments, levels },
  });
  const [venue] = network.venues;
  const [observer] = network.observers;
  if (!venue || !observer) throw new Error('a process is missing');
  await observer.ask('watch', { instruments });
  const echoKey = await venue.ask('echoKey', undefined as never);
  const echoPort = await observer.ask('listenEcho', echoKey);
  const floors: Floors[] = [];
  const latencies: Float64Array[] = [];
  const steady: Float64Array[] = [];
  const paced: PacedFloor[] = [];
  let clockSlackUs = 0;
  await venue.ask('run', { ...warmUp, seed: 100, timed: false });
  await observer.ask('sightings', undefined as never);
  // One more round is not counted; floors and latencies in turns, so that both meet the same load.
  for (let round = 0; round <= rounds; round += 1) {
    const before = await measureFloors(port);
    const beforeNs = nowNs();
    const thereNs = await observer.ask('nowNs', undefined as never);
    const afterNs = nowNs();
    if (thereNs < beforeNs || thereNs > afterNs) throw new Error('the processes differ in clock');
    clockSlackUs = Math.max(clockSlackUs, (afterNs - beforeNs) / 1_000);
    const plan = { perSecond, seconds, seed: round + 1 };
    const poissonUs = await measureRound(venue, observer, plan);
    const steadyUs = await measureRound(venue, observer, { ...plan, arrivals: 'steady' });
    const roundTripUs = await venue.ask('echo', { ...plan, port: echoPort });
    const signedUs = await observer.ask('echoArrivals', undefined as never);
    if (round === 0) continue;
    paced.push({ roundTripUs, signedUs });
    floors.push(before);
    latencies.push(poissonUs);
    steady.push(steadyUs);
  }
  return summary({ floors, latencies, steady, paced }, clockSlackUs);
}

/** Of each update of one run, in the order in which they were made; microseconds. */
async function measureRound(
  venue: BenchProcess<VenueCommands>,
  observer: BenchProcess<ObserverCommands>,
  plan: PacerPlan,
): Promise<Float64Array> {
  await observer.ask('sightings', undefined as never);
  const made = await venue.ask('run', { ...plan, timed: true });
  const latest = await venue.ask('latest', undefined as never);
  await observer.ask('untilLatest', { latest, withinMs: settleWithinMs });
  const seen = await observer.ask('sightings', undefined as never);
  return latenciesUs(made, seen, instruments);
}

/** What a plain socket needs at the quotes' pace, in their processes and between their rounds. */
interface PacedFloor {
  /** There and back. */
  readonly roundTripUs: Float64Array;
  /** One way, with a signature made and checked. */
  readonly signedUs: Float64Array;
}

/** Of each update whose instrument is watched (the first so many), in order. */
export function latenciesUs(
  made: { readonly first: number; readonly madeAtNs: Float64Array },
  seen: Sightings,
  all: number,
  watched = all,
): Float64Array {
  const sightings = new Map<number, { update: number; atNs: number }[]>();
  seen.updates.forEach((update, at) => {
    const index = update % all;
    const known = sightings.get(index) ?? [];
    sightings.set(index, known);
    known.push({ update, atNs: seen.seenAtNs[at] ?? Number.NaN });
  });
  const cursors = new Map<number, number>();
  const latencies: number[] = [];
  made.madeAtNs.forEach((atNs, offset) => {
    const update = made.first + offset;
    const index = update % all;
    if (index >= watched) return;
    const list = sightings.get(index) ?? [];
    let cursor = cursors.get(index) ?? 0;
    while (cursor < list.length && (list[cursor]?.update ?? 0) < update) cursor += 1;
    cursors.set(index, cursor);
    const sighting = list[cursor];
    // Never seen, nor any later one: worse than any number.
    latencies.push(sighting ? (sighting.atNs - atNs) / 1_000 : Number.POSITIVE_INFINITY);
  });
  return Float64Array.from(latencies);
}

function pacedSummary(paced: readonly PacedFloor[]) {
  const of = (name: keyof PacedFloor, share: number) =>
    spread(paced.map((one) => quantile(one[name], share)));
  return {
    roundTripP50Us: of('roundTripUs', 0.5),
    roundTripP99Us: of('roundTripUs', 0.99),
    signedOneWayP50Us: of('signedUs', 0.5),
    signedOneWayP99Us: of('signedUs', 0.99),
  };
}

interface Rounds {
  readonly floors: readonly Floors[];
  /** Of updates that come as independent traders make them. */
  readonly latencies: readonly Float64Array[];
  /** Of updates that come evenly. */
  readonly steady: readonly Float64Array[];
  readonly paced: readonly PacedFloor[];
}

function steadySummary(steady: readonly Float64Array[], floorUs: number) {
  const p50Us = spread(steady.map((one) => quantile(one, 0.5)));
  const p99Us = spread(steady.map((one) => quantile(one, 0.99)));
  return {
    ...{ p50Us, p99Us },
    p50ToFloor: rounded(p50Us.median / floorUs, 2),
    p99ToFloor: rounded(p99Us.median / floorUs, 2),
  };
}

function summary({ floors, latencies, steady, paced }: Rounds, clockSlackUs: number) {
  const pacedP99 = paced.map((one) => quantile(one.signedUs, 0.99));
  const floorUs = median(floors.map((one) => one.floorUs));
  const p50 = latencies.map((one) => quantile(one, 0.5));
  const p99 = latencies.map((one) => quantile(one, 0.99));
  return {
    floorUs: rounded(floorUs),
    p50Us: rounded(median(p50)),
    p99Us: rounded(median(p99)),
    p50ToFloor: rounded(median(p50) / floorUs, 2),
    p99ToFloor: rounded(median(p99) / floorUs, 2),
    // The floor is of an idle machine; this is what the same work takes at the quotes' pace.
    p99ToPacedFloorP99: rounded(median(p99) / median(pacedP99), 2),
    ...{ updatesPerSecond: perSecond, instruments, levels, seconds, rounds: latencies.length },
    floor: {
      roundTripUs: spread(
        floors.map((one) => one.roundTripUs),
        1,
      ),
      signUs: spread(
        floors.map((one) => one.signUs),
        1,
      ),
      verifyUs: spread(
        floors.map((one) => one.verifyUs),
        1,
      ),
    },
    paced: pacedSummary(paced),
    steady: steadySummary(steady, floorUs),
    p50UsOfRounds: spread(p50),
    p99UsOfRounds: spread(p99),
    maxUs: rounded(Math.max(...latencies.map((one) => quantile(one, 1)))),
    clock: 'one monotonic clock, read by both processes',
    clockSlackUs: rounded(clockSlackUs),
  };
}
