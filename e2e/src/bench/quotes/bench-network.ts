import type { BenchProcess, BenchProcesses } from '../bench-process.ts';
import type { NetworkPlan } from './network-plan.ts';
import type { ObserverCommands } from './observer-process.ts';
import type { VenueCommands } from './venue-process.ts';

const meetWithinMs = 20_000;

/** A network of processes, all connected to each other. */
export interface BenchNetwork {
  readonly plan: NetworkPlan;
  readonly venues: readonly BenchProcess<VenueCommands>[];
  readonly observers: readonly BenchProcess<ObserverCommands>[];
  /** Multiaddrs of all of them. */
  readonly addresses: readonly string[];
}

/** Starts all venues, and those observers that are not left for later; resolves when all have met. */
export async function startNetwork(
  processes: BenchProcesses,
  plan: NetworkPlan,
  later: readonly string[] = [],
): Promise<BenchNetwork> {
  const addresses: string[] = [];
  const venues: BenchProcess<VenueCommands>[] = [];
  const observers: BenchProcess<ObserverCommands>[] = [];
  for (const member of plan.venues) {
    const venue = processes.start<VenueCommands>('quotes/venue-process.ts');
    const started = await venue.ask('start', { ...plan, member, peers: [...addresses] });
    addresses.push(...started.addresses);
    venues.push(venue);
  }
  for (const member of plan.observers.filter((one) => !later.includes(one))) {
    const observer = processes.start<ObserverCommands>('quotes/observer-process.ts');
    const started = await observer.ask('start', { ...plan, member, peers: [...addresses] });
    addresses.push(...started.addresses);
    observers.push(observer);
  }
  const others = venues.length + observers.length - 1;
  const deadline = performance.now() + meetWithinMs;
  for (const one of [...venues, ...observers]) {
    while ((await peersOf(one)).length < others) {
      if (performance.now() > deadline) throw new Error('the processes did not all meet');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  return { plan, venues, observers, addresses };
}

function peersOf(one: BenchProcess<VenueCommands> | BenchProcess<ObserverCommands>) {
  return (one as BenchProcess<VenueCommands>).ask('peers', undefined as never);
}
