import type { BenchProcess, BenchProcesses } from '../bench-process.ts';
import type { NetworkPlan } from './network-plan.ts';
import type { StockCommands } from './stock-process.ts';

const messages = 1_000;
const deliverWithinMs = 60_000;
const meetWithinMs = 20_000;

/** A full mesh of stock gossipsub: one publisher, the others subscribers. */
export interface StockNetwork {
  /** Messages a second until the slowest subscriber had them all, and the share that came. */
  measure(): Promise<{ perSecond: number; deliveredShare: number }>;
}

export async function startStockNetwork(
  processes: BenchProcesses,
  plan: NetworkPlan,
): Promise<StockNetwork> {
  const size = plan.venues.length + plan.observers.length;
  const nodes: BenchProcess<StockCommands>[] = [];
  const addresses: string[] = [];
  for (let count = 0; count < size; count += 1) {
    const node = processes.start<StockCommands>('quotes/stock-process.ts');
    const started = await node.ask('start', { peers: [...addresses] });
    const [address] = started.addresses;
    if (address !== undefined) addresses.push(address);
    nodes.push(node);
  }
  await untilMeshed(nodes);
  const [publisher, ...subscribers] = nodes;
  let first = 1;
  return {
    async measure() {
      if (!publisher) throw new Error('a process is missing');
      await Promise.all(subscribers.map((one) => one.ask('forget', undefined as never)));
      const wanted = { count: messages, withinMs: deliverWithinMs };
      const received = subscribers.map((one) => one.ask('untilReceived', wanted));
      const { startNs } = await publisher.ask('publish', { plan, count: messages, first });
      first += messages;
      const ends = await Promise.all(received);
      const seconds = (Math.max(...ends.map((end) => end.atNs)) - startNs) / 1e9;
      const fewest = Math.min(...ends.map((end) => end.received));
      const delivered = ends.reduce((sum, end) => sum + end.received, 0);
      return {
        perSecond: fewest / seconds,
        deliveredShare: delivered / (messages * subscribers.length),
      };
    },
  };
}

/** Gossipsub builds its mesh over a few heartbeats; before that it would be measured at its worst. */
async function untilMeshed(nodes: readonly BenchProcess<StockCommands>[]): Promise<void> {
  const deadline = performance.now() + meetWithinMs;
  for (const node of nodes) {
    while ((await node.ask('meshPeers', undefined as never)) < nodes.length - 1) {
      if (performance.now() > deadline) throw new Error('stock gossipsub built no full mesh');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
