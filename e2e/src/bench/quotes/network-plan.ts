import {
  type MemoryDirectory,
  memoryDirectory,
  testInstrument,
} from '@stoa/node/testing/memory-directory';
import type { Instrument } from '@stoa/schema';

/** Who takes part in a bench's network and what is traded: every process builds the same from it. */
export interface NetworkPlan {
  readonly venues: readonly string[];
  readonly observers: readonly string[];
  /** Every venue lists them all. */
  readonly instruments: number;
  /** Price levels of each side of a venue's book. */
  readonly levels: number;
}

/** Where one process stands in the network. */
export interface Place extends NetworkPlan {
  readonly member: string;
  /** Multiaddrs of those that are up already. */
  readonly peers: readonly string[];
}

export const heartbeatMs = 1_000;
export const staleAfterMs = 3_000;

export function instrumentsOf(plan: NetworkPlan): Instrument[] {
  return Array.from({ length: plan.instruments }, (_, index) => testInstrument(index + 1));
}

export function directoryOf(plan: NetworkPlan): MemoryDirectory {
  return memoryDirectory(plan.venues, plan.observers, instrumentsOf(plan));
}
