import type { Bench, BenchResult } from './bench.ts';
import { benchProcesses } from './bench-process.ts';
import type { PeerOrderBook } from './engine/engine-contenders.ts';
import type { EngineCommands } from './engine/engine-process.ts';
import { measureEngineSpeeds } from './engine/engine-speed.ts';
import { machineFacts } from './machine.ts';

const seed = 20_250_301;
const withinMs = 3_600_000;
const twins = [
  [1, 'cancel-newest'],
  [2, 'cancel-oldest'],
  [3, 'cancel-both'],
  [4, 'cancel-newest'],
] as const;

/**
 * The matching engine: its speed beside `nodejs-order-book` on the same input, with the journal, on
 * recorded flow; and random operations of every kind compared with the naive twin. Fails where books
 * or events differ.
 */
export const engineBench: Bench = {
  name: 'engine',
  about: 'matching engine: speed beside nodejs-order-book, journal, recorded flow, naive twin',
  options: {
    operations: { about: 'operations of each counted round', default: 200_000 },
    rounds: { about: 'counted rounds of each engine', default: 9 },
    long: { about: 'operations of a long round, of which two are counted', default: 1_000_000 },
    journalled: { about: 'operations through the journal', default: 500_000 },
    messages: { about: 'recorded messages, about', default: 1_000_000 },
    twin: { about: 'random operations beside the naive twin', default: 1_000_000 },
  },
  run: async ({ peer, say, option }): Promise<BenchResult> => {
    const operations = option('operations');
    const rounds = option('rounds');
    const { OrderBook } = (await peer('nodejs-order-book')) as {
      OrderBook: new () => PeerOrderBook;
    };
    say(`engine: ${operations} operations, ${rounds} rounds`);
    const lengths = { operations, longOperations: option('long') };
    const engine = measureEngineSpeeds(OrderBook, { seed, rounds, ...lengths });

    await using processes = benchProcesses();
    const own = () => processes.start<EngineCommands>('engine/engine-process.ts');
    say('engine: journal');
    const journalled = { seed, operations: option('journalled') };
    const journal = await own().ask('measureJournal', journalled, withinMs);
    say('engine: recorded flow');
    const messages = option('messages');
    const written = await own().ask('writeFlow', { messages, seed: 11 }, withinMs);
    const replay = await own().ask('measureFlowReplay', written, withinMs);
    const twin = { operations: 0, trades: 0 };
    for (const [one, onSelfTrade] of twins) {
      const share = Math.ceil(option('twin') / twins.length);
      say(`engine: ${share} random operations beside the naive twin, seed ${one}`);
      const comparison = { seed: one, operations: share, onSelfTrade, booksEvery: 500 };
      const result = await own().ask('compareEngines', comparison, withinMs);
      if (result.disagreement) throw new Error(JSON.stringify(result.disagreement));
      twin.operations += share;
      twin.trades += result.trades;
    }
    const { opsPerSecond: journalledOpsPerSecond } = journal;
    return {
      engine: { ...engine, journalledOpsPerSecond },
      ...{ journal, replay, twin, machine: machineFacts() },
    };
  },
};
