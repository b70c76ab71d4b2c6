import type { BenchNeeds } from '../bench.ts';
import { benchProcesses } from '../bench-process.ts';
import type { PeerOrderBook } from '../engine/engine-contenders.ts';
import type { EngineCommands } from '../engine/engine-process.ts';
import { measureEngineSpeeds } from '../engine/engine-speed.ts';

const seed = 20_250_301;
const withinMs = 3_600_000;

/**
 * The embedded engine as an adapter's figures: operations a second without and with its journal,
 * beside `nodejs-order-book` on the same flow. The journal in a process of its own, so that one's
 * memory is not the next one's.
 */
export async function measureEngine({ peer, say, option }: BenchNeeds) {
  const operations = option('operations');
  say(`adapters: engine, ${operations} operations beside nodejs-order-book`);
  const { OrderBook } = (await peer('nodejs-order-book')) as { OrderBook: new () => PeerOrderBook };
  const lengths = { operations, longOperations: option('long') };
  const speed = measureEngineSpeeds(OrderBook, { seed, rounds: option('rounds'), ...lengths });
  await using processes = benchProcesses();
  say('adapters: engine with its journal');
  const journal = await processes
    .start<EngineCommands>('engine/engine-process.ts')
    .ask('measureJournal', { seed, operations: option('journalled') }, withinMs);
  return { ...speed, journalledOpsPerSecond: journal.opsPerSecond, journal };
}

/**
 * Recorded order flow through the whole venue, time and memory of one run, in a process that did
 * nothing else before.
 */
export async function measureReplay({ say, option }: BenchNeeds) {
  await using processes = benchProcesses();
  const own = () => processes.start<EngineCommands>('engine/engine-process.ts');
  say('adapters: recorded order flow');
  const written = await own().ask(
    'writeFlow',
    { messages: option('messages'), seed: 11 },
    withinMs,
  );
  return await own().ask('measureFlowReplay', written, withinMs);
}
