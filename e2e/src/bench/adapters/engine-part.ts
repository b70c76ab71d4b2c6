import type { BenchNeeds } from '../bench.ts';
import { benchProcesses } from '../bench-process.ts';
import type { PeerOrderBook } from '../engine/engine-contenders.ts';
import type { EngineCommands } from '../engine/engine-process.ts';
import { measureEngineSpeed } from '../engine/engine-speed.ts';

const seed = 20_250_301;
const withinMs = 3_600_000;

/**
 * The embedded engine as an adapter's figures: operations a second without and with its journal,
 * beside `nodejs-order-book` on the same flow; and recorded order flow through the whole venue, with
 * time and memory. Each in a process of its own, so that one's memory is not the next one's.
 */
export async function measureEnginePart({ peer, say, option }: BenchNeeds) {
  const operations = option('operations');
  say(`adapters: engine, ${operations} operations beside nodejs-order-book`);
  const { OrderBook } = (await peer('nodejs-order-book')) as { OrderBook: new () => PeerOrderBook };
  const speed = measureEngineSpeed(OrderBook, { seed, operations, rounds: option('rounds') });

  await using processes = benchProcesses();
  const own = () => processes.start<EngineCommands>('engine/engine-process.ts');
  say('adapters: engine with its journal');
  const journalled = { seed, operations: option('journalled') };
  const journal = await own().ask('measureJournal', journalled, withinMs);
  say('adapters: recorded order flow');
  const messages = option('messages');
  const written = await own().ask('writeFlow', { messages, seed: 11 }, withinMs);
  const replay = await own().ask('measureFlowReplay', written, withinMs);
  return {
    engine: { ...speed, journalledOpsPerSecond: journal.opsPerSecond, journal },
    replay,
  };
}
