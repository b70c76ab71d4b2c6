import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningProcess } from '../../harness/network-processes.ts';
import { readMetric } from '../../scenario/node-metrics.ts';
import { rounded } from '../statistics.ts';

const metrics = {
  statements: 'stoa_store_statements_total',
  writes: 'stoa_store_writes_total',
  cpuSeconds: 'process_cpu_seconds_total',
} as const;
const orders = 20;
/** Between two orders: their trades settle meanwhile. */
const pauseMs = 700;
const idleMs = 5_000;

type Costs = Record<keyof typeof metrics, number>;

/**
 * What one order costs each node from its placing until its trade is settled, without what the node does
 * anyway: statements and pieces written to its database, which no other load of the machine changes, and
 * CPU time, which it changes little.
 */
export async function measureCosts(
  nodes: Readonly<Record<string, RunningProcess>>,
  place: () => Promise<unknown>,
) {
  const idle = await during(nodes, () => sleep(idleMs));
  const busy = await during(nodes, async () => {
    for (let order = 0; order < orders; order += 1) {
      await place();
      await sleep(pauseMs);
    }
    await sleep(2 * pauseMs);
  });
  return Object.fromEntries(
    Object.keys(nodes).map((name) => {
      const of = (which: keyof Costs): number => {
        const perMs = (idle.costs.get(name)?.[which] ?? 0) / idle.ms;
        return ((busy.costs.get(name)?.[which] ?? 0) - perMs * busy.ms) / orders;
      };
      return [
        name,
        {
          statements: rounded(of('statements'), 1),
          writes: rounded(of('writes'), 1),
          cpuMs: rounded(of('cpuSeconds') * 1_000, 1),
        },
      ];
    }),
  );
}

async function during(
  nodes: Readonly<Record<string, RunningProcess>>,
  work: () => Promise<unknown>,
) {
  const before = await costsOf(nodes);
  const begunMs = performance.now();
  await work();
  const ms = performance.now() - begunMs;
  const after = await costsOf(nodes);
  const costs = new Map<string, Costs>();
  for (const [name, now] of after) {
    const then = before.get(name);
    const spent = Object.entries(now).map(([which, value]) => [
      which,
      value - (then?.[which as keyof Costs] ?? 0),
    ]);
    costs.set(name, Object.fromEntries(spent) as Costs);
  }
  return { ms, costs };
}

async function costsOf(
  nodes: Readonly<Record<string, RunningProcess>>,
): Promise<ReadonlyMap<string, Costs>> {
  const read = Object.entries(nodes).map(async ([name, node]) => {
    const values = Object.entries(metrics).map(async ([which, metric]) => {
      return [which, await readMetric(node, metric)] as const;
    });
    return [name, Object.fromEntries(await Promise.all(values)) as Costs] as const;
  });
  return new Map(await Promise.all(read));
}
