import { type BenchProcesses, benchProcesses } from '../bench-process.ts';
import { spread } from '../statistics.ts';
import { startNetwork } from './bench-network.ts';
import { nowNs } from './clock.ts';
import type { NetworkPlan } from './network-plan.ts';
import type { ObserverCommands } from './observer-process.ts';

const completeWithinMs = 30_000;
const readyWithinMs = 90_000;
const late = 'late';

const plan: NetworkPlan = {
  venues: ['alpha', 'beta', 'gamma', 'delta', 'epsilon'],
  observers: ['early', late],
  instruments: 1_000,
  levels: 10,
};

/** From a fresh node's start, in a process of its own, to every venue's whole book of everything. */
export async function measureLateJoin(processes: BenchProcesses, rounds: number) {
  const network = await startNetwork(processes, plan, [late]);
  const [early] = network.observers;
  const ready = await early?.ask('untilComplete', { withinMs: readyWithinMs });
  if (ready?.reached !== plan.instruments) throw new Error('the venues show no whole market');
  const fromStartMs: number[] = [];
  const fromSpawnMs: number[] = [];
  const reached: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await using own = benchProcesses();
    const spawnedNs = nowNs();
    const node = own.start<ObserverCommands>('quotes/observer-process.ts');
    const peers = [...network.addresses];
    const { startedAtNs } = await node.ask('start', { ...plan, member: late, peers });
    const end = await node.ask('untilComplete', { withinMs: completeWithinMs });
    fromStartMs.push((end.atNs - startedAtNs) / 1e6);
    fromSpawnMs.push((end.atNs - spawnedNs) / 1e6);
    reached.push(end.reached / plan.instruments);
  }
  const { instruments, levels } = plan;
  return {
    ...{ venues: plan.venues.length, instruments, levels, rounds },
    completeShare: Math.min(...reached),
    fromStartMs: spread(fromStartMs),
    fromSpawnMs: spread(fromSpawnMs),
  };
}
