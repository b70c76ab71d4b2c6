import { fitsTransaction } from '@stoa/contracts';
import type { VenueId } from '@stoa/schema';

/** A group of an order's trades that waits for a batch. */
export interface WaitingGroup {
  readonly orderId: string;
  readonly groupNumber: number;
  /** Unix milliseconds since when. */
  readonly readyAtMs: number;
  readonly legs: number;
  /** Executing venues, in order. */
  readonly venues: readonly VenueId[];
  /** Tokens that it trades. */
  readonly tokens: readonly string[];
}

/** How batches are made of groups. */
export interface BatchPolicy {
  readonly nowMs: number;
  readonly waitMs: number;
  readonly legsPerBatch: number;
  readonly home: VenueId;
  readonly gasPerLeg?: bigint | undefined;
}

/** What is to be composed now, and when to look again. */
export interface BatchPlan {
  readonly due: readonly (readonly WaitingGroup[])[];
  /** Milliseconds until a batch that is not full has waited long enough; undefined where none waits. */
  readonly nextInMs: number | undefined;
}

/**
 * Puts groups into batches, oldest first. Only groups at the same venues share one: a venue that does
 * not answer holds up nobody who does not trade there. A batch goes when it is full, by its legs or by
 * the gas of one transaction, or when its oldest group has waited long enough. Pure.
 */
export function planBatches(waiting: readonly WaitingGroup[], policy: BatchPolicy): BatchPlan {
  const due: (readonly WaitingGroup[])[] = [];
  let nextInMs: number | undefined;
  const oldestFirst = waiting.toSorted((one, other) => one.readyAtMs - other.readyAtMs);
  for (const groups of Map.groupBy(oldestFirst, ({ venues }) => venues.join(' ')).values()) {
    let open: WaitingGroup[] = [];
    for (const group of groups) {
      if (open.length > 0 && !fits([...open, group], policy)) {
        due.push(open);
        open = [];
      }
      open.push(group);
    }
    const leftMs = (open[0]?.readyAtMs ?? 0) + policy.waitMs - policy.nowMs;
    if (leftMs <= 0 || legsOf(open) >= policy.legsPerBatch) due.push(open);
    else nextInMs = Math.min(nextInMs ?? leftMs, leftMs);
  }
  return { due, nextInMs };
}

function fits(groups: readonly WaitingGroup[], policy: BatchPolicy): boolean {
  if (legsOf(groups) > policy.legsPerBatch) return false;
  const size = {
    ...{ groups: groups.length, legs: legsOf(groups) },
    venues: new Set([policy.home, ...groups.flatMap(({ venues }) => venues)]).size,
    tokens: new Set(groups.flatMap(({ tokens }) => tokens)).size,
  };
  return fitsTransaction(size, policy.gasPerLeg);
}

function legsOf(groups: readonly WaitingGroup[]): number {
  return groups.reduce((sum, { legs }) => sum + legs, 0);
}
