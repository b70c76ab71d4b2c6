import { parentPort, workerData } from 'node:worker_threads';
import { seededRandom } from '@stoa/adapters/seeded-random';

/** Sets the pace: says at the right moments how many updates are due. */
export interface PacerPlan {
  readonly perSecond: number;
  readonly seconds: number;
  readonly seed: number;
  /**
   * How updates that are a millisecond or more apart follow each other: as those of independent traders
   * (a Poisson process: of a thousand a second, a tenth come within 0.1 ms of the one before), or evenly.
   */
  readonly arrivals?: 'poisson' | 'steady';
}

/** Below this gap, what is due comes together: a message a gap would itself be the load. */
const SHORTEST_GAP_MS = 1;

const { perSecond, seconds, seed, arrivals = 'poisson' } = workerData as PacerPlan;
const random = seededRandom(seed);
const sleeper = new Int32Array(new SharedArrayBuffer(4));
const meanGapMs = 1_000 / perSecond;
const isSparse = meanGapMs >= SHORTEST_GAP_MS;
const total = Math.round(perSecond * seconds);
const begunMs = performance.now();

// A thread that sleeps in Atomics.wait is exact to some tens of microseconds and costs nothing,
// where a timer of the event loop is exact to a millisecond and a loop that polls takes a core.
let dueMs = 0;
for (let sent = 0; sent < total; ) {
  if (!isSparse) dueMs += SHORTEST_GAP_MS;
  else dueMs += arrivals === 'steady' ? meanGapMs : -Math.log(1 - random.next()) * meanGapMs;
  const waitMs = begunMs + dueMs - performance.now();
  if (waitMs > 0) Atomics.wait(sleeper, 0, 0, waitMs);
  const elapsedMs = performance.now() - begunMs;
  const count = isSparse ? 1 : Math.min(total, Math.floor((elapsedMs * perSecond) / 1_000)) - sent;
  if (count <= 0) continue;
  sent += count;
  parentPort?.postMessage(count);
}
parentPort?.close();
