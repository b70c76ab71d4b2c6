import { seededRandom } from '@stoa/adapters/seeded-random';
import { route } from '@stoa/node/router';
import { realisticInstance } from '@stoa/node/testing/realistic-instances';
import { checkAgainstOracle } from '@stoa/node/testing/router-oracle';
import type { BenchNeeds } from '../bench.ts';
import { quantile, rounded } from '../statistics.ts';

const venues = 16;
const levels = 20;
/** Different orders and books; more would measure the memory and not the router. */
const distinct = 2_000;
const warmCalls = 20_000;
const calls = 100_000;

export interface RouterMeasurement {
  readonly p50Us: number;
  readonly p99Us: number;
  readonly oracleInstances: number;
  readonly oracleMismatches: number;
  readonly seed: number;
}

/**
 * How long one call of the router takes at 16 venues with 20 levels each and random schedules of
 * fees, and whether it equals a search through every allocation on small random instances.
 *
 * @throws Error with seed and instance of the first that differ, or where a search did not end
 */
export function measureRouter(
  say: BenchNeeds['say'],
  { seed, oracleInstances }: { readonly seed: number; readonly oracleInstances: number },
): RouterMeasurement {
  say(`router: ${calls} calls at ${venues} venues and ${levels} levels`);
  const speed = measureSpeed(seed);
  say(`router: ${oracleInstances} instances against every allocation`);
  const { mismatches, inexact, failures } = checkAgainstOracle({
    seed,
    instances: oracleInstances,
    onProgress: (done) => {
      if (done % 20_000 === 0) say(`router: ${done} instances`);
    },
  });
  if (mismatches > 0) {
    throw new Error(`${mismatches} routes differ from the best one: ${JSON.stringify(failures)}`);
  }
  if (inexact > 0) throw new Error(`${inexact} small searches did not end`);
  return { ...speed, oracleInstances, oracleMismatches: mismatches, seed };
}

function measureSpeed(seed: number): Pick<RouterMeasurement, 'p50Us' | 'p99Us'> {
  const random = seededRandom(seed);
  const inputs = Array.from({ length: distinct }, () =>
    realisticInstance(random, { venues, levels }),
  );
  const tookUs = new Float64Array(calls);
  let inexact = 0;
  for (let call = -warmCalls; call < calls; call += 1) {
    const input = inputs[(call + warmCalls) % distinct];
    if (!input) continue;
    const begun = performance.now();
    const { exact } = route(input);
    const us = (performance.now() - begun) * 1_000;
    if (call < 0) continue;
    tookUs[call] = us;
    if (!exact) inexact += 1;
  }
  if (inexact > 0) throw new Error(`seed ${seed}: ${inexact} of ${calls} searches did not end`);
  const at = (share: number): number => rounded(quantile(tookUs, share), 1);
  return { p50Us: at(0.5), p99Us: at(0.99) };
}
