import type { BenchProcesses } from '../bench-process.ts';
import { median, rounded } from '../statistics.ts';
import { startNetwork } from './bench-network.ts';
import { fanOut } from './throughput.ts';

/** Long enough at full rate for the heaps to reach the size they keep. */
const warmUpSeconds = 60;
const sampleEveryMs = 500;
const samplesEachEnd = 10;
const recoverWithinMs = 30_000;
const bytesPerMiB = 1_048_576;

/** Full rate with one of four observers stopped where it is (SIGSTOP): what memory the others take. */
export async function measureStalledPeer(
  processes: BenchProcesses,
  options: { readonly perSecond: number; readonly seconds: number },
) {
  const { perSecond, seconds } = options;
  const network = await startNetwork(processes, fanOut);
  const [venue] = network.venues;
  const stalled = network.observers.at(-1);
  if (!venue || !stalled) throw new Error('a process is missing');
  const others = [venue, ...network.observers.slice(0, -1)];
  const samples: number[][] = others.map(() => []);
  const names = [...fanOut.venues, ...fanOut.observers.slice(0, -1)];
  const sample = async (): Promise<void> => {
    const bytes = await Promise.all(others.map((one) => memoryOf(one)));
    bytes.forEach((value, at) => samples[at]?.push(value));
  };
  await venue.ask(
    'run',
    { perSecond, seconds: warmUpSeconds, seed: 1, timed: false },
    withinMs(warmUpSeconds),
  );
  const timer = setInterval(() => void sample().catch(() => undefined), sampleEveryMs);
  const total = seconds + (2 * samplesEachEnd * sampleEveryMs) / 1_000;
  const running = venue.ask(
    'run',
    { perSecond, seconds: total, seed: 2, timed: false },
    withinMs(total),
  );
  await new Promise((resolve) => setTimeout(resolve, samplesEachEnd * sampleEveryMs));
  stalled.stall(true);
  const before = samples.map((one) => median(one));
  const run = await running;
  clearInterval(timer);
  const after = samples.map((one) => median(one.slice(-samplesEachEnd)));
  const latest = await venue.ask('latest', undefined as never);
  const ends = await Promise.all(
    network.observers
      .slice(0, -1)
      .map((one) => one.ask('untilLatest', { latest, withinMs: recoverWithinMs })),
  );
  const begun = performance.now();
  stalled.stall(false);
  const recovered = await stalled.ask('untilLatest', { latest, withinMs: recoverWithinMs });
  const growthMiB = after.map((bytes, at) => (bytes - (before[at] ?? 0)) / bytesPerMiB);
  return {
    ...{ seconds, offeredPerSecond: perSecond, warmUpSeconds },
    updatesPerSecond: rounded((perSecond * total) / ((run.endNs - run.startNs) / 1e9)),
    growthMiB: Math.max(...growthMiB.map((one) => rounded(one, 1))),
    growthMiBOf: Object.fromEntries(
      names.map((name, at) => [name, rounded(growthMiB[at] ?? 0, 1)]),
    ),
    memoryMiBOf: Object.fromEntries(
      names.map((name, at) => [name, rounded((after[at] ?? 0) / bytesPerMiB)]),
    ),
    othersDeliveredShare: Math.min(...ends.map(({ reached }) => reached / latest.length)),
    stalledRecovered: {
      share: recovered.reached / latest.length,
      ms: rounded(performance.now() - begun),
    },
  };
}

function memoryOf(one: { ask(command: 'memoryBytes', input: never): Promise<number> }) {
  return one.ask('memoryBytes', undefined as never);
}

function withinMs(seconds: number): number {
  return seconds * 2_000 + 60_000;
}
