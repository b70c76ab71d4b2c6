import { seededRandom } from '@stoa/adapters/seeded-random';
import type { Route, RouteInput } from '../route.ts';
import { routeInputToJson } from '../route-json.ts';
import { route } from '../router.ts';
import { bruteForceRoute, type ExpectedRoute } from './brute-force-router.ts';
import { randomInstance } from './random-instances.ts';

/** A case in which the router and the oracle disagree, enough to repeat it. */
export interface OracleMismatch {
  /** Of this one instance. */
  readonly seed: number;
  readonly instance: number;
  /** The input, as {@link routeInputToJson} writes it. */
  readonly input: unknown;
  readonly routed: Route | undefined;
  readonly expected: ExpectedRoute;
  /** What the router threw, if it did. */
  readonly error?: string;
}

export interface OracleResult {
  readonly instances: number;
  /** Cases that disagree, in all. */
  readonly mismatches: number;
  /** Cases in which the search did not come to its end. */
  readonly inexact: number;
  /** The first few that disagree. */
  readonly failures: readonly OracleMismatch[];
}

const KEPT_FAILURES = 5;

/** The instance of a seed: the same number, the same case. */
export function instanceOf(seed: number): RouteInput {
  return randomInstance(seededRandom(seed));
}

/**
 * Routes random instances and tries every allocation of each: the two must agree to the lot.
 * Instance n has the seed `seed + n`, so that a single one can be repeated by {@link instanceOf}.
 */
export function checkAgainstOracle(given: {
  readonly seed: number;
  readonly instances: number;
  /** Told how many are done, every thousand. */
  readonly onProgress?: (done: number) => void;
}): OracleResult {
  const failures: OracleMismatch[] = [];
  let mismatches = 0;
  let inexact = 0;
  for (let instance = 0; instance < given.instances; instance += 1) {
    const seed = given.seed + instance;
    const input = instanceOf(seed);
    const expected = bruteForceRoute(input);
    const { routed, error } = tried(input);
    if (routed?.exact === false) inexact += 1;
    if (!agrees(routed, expected)) {
      mismatches += 1;
      if (failures.length < KEPT_FAILURES) {
        const about = { seed, instance, input: routeInputToJson(input), routed, expected };
        failures.push({ ...about, ...(error !== undefined && { error }) });
      }
    }
    if ((instance + 1) % 1_000 === 0) given.onProgress?.(instance + 1);
  }
  return { instances: given.instances, mismatches, inexact, failures };
}

function tried(input: RouteInput): { routed: Route | undefined; error?: string } {
  try {
    return { routed: route(input) };
  } catch (error) {
    return { routed: undefined, error: String(error) };
  }
}

function agrees(routed: Route | undefined, expected: ExpectedRoute): boolean {
  if (routed === undefined || routed.unrouted !== expected.unrouted) return false;
  const legs = routed.legs.toSorted((a, b) => (a.venue < b.venue ? -1 : 1));
  return (
    legs.length === expected.legs.length &&
    legs.every((leg, index) => {
      const other = expected.legs[index];
      return (
        leg.venue === other?.venue &&
        leg.quantity === other.quantity &&
        leg.limitPrice === other.limitPrice
      );
    })
  );
}
