import { expect } from 'vitest';
import type { KitCase } from './kit-case.ts';
import type { Trade, VenueBench } from './venue-bench.ts';

/** An order of three lots, of which one is executed. */
async function partlyFilled(bench: VenueBench): Promise<Trade> {
  await bench.start();
  await bench.enter('a', 'buy', 3, 100);
  await bench.enter('hit', 'sell', 1, 100);
  await bench.sink.done('hit');
  return ['a', 'hit', 1, 100];
}

/** The rest of it is executed, once. */
async function filled(bench: VenueBench, before: readonly Trade[], lots: number): Promise<void> {
  await expect.poll(() => bench.adapter.link, { timeout: 15_000 }).toBe('ready');
  await bench.enter('rest', 'sell', lots, 100);
  expect(await bench.sink.done('a')).toMatchObject({ state: 'filled' });
  await bench.expectTrades([...before, ['a', 'rest', lots, 100]]);
}

/** What wires with numbered messages, such as FIX sessions, do to each other. */
export const sequenceCases: readonly KitCase[] = [
  {
    about: 'takes a replay marked as possible duplicates for what it is',
    covers: [4],
    drivers: ['replayAsPossibleDuplicates'],
    run: async (bench, drive) => {
      const trade = await partlyFilled(bench);
      await drive.replayAsPossibleDuplicates();
      await filled(bench, [trade], 2);
    },
  },
  {
    about: 'counts an execution once that is sent again as possibly sent before',
    covers: [5],
    drivers: ['resendLastExecution'],
    run: async (bench, drive) => {
      const trade = await partlyFilled(bench);
      await drive.resendLastExecution();
      await filled(bench, [trade], 2);
    },
  },
  {
    about: 'asks for what is missing, and takes everything in order',
    covers: [7],
    drivers: ['loseNextMessage'],
    run: async (bench, drive) => {
      const trade = await partlyFilled(bench);
      await drive.loseNextMessage();
      await bench.adapter.submit({ kind: 'new', order: bench.order('lost', 'sell', 1, 100) });
      await bench.adapter.submit({ kind: 'new', order: bench.order('next', 'sell', 1, 100) });
      expect(await bench.sink.done('a')).toMatchObject({ state: 'filled' });
      await bench.expectTrades([trade, ['a', 'lost', 1, 100], ['a', 'next', 1, 100]]);
    },
  },
  {
    about: 'has everything after a crash while something was missing',
    covers: [8],
    drivers: ['loseNextMessage'],
    run: async (bench, drive) => {
      const { lotSize } = bench.venue.instrument;
      const trade = await partlyFilled(bench);
      await drive.loseNextMessage();
      const order = bench.order('lost', 'sell', 1, 100);
      await bench.adapter.submit({ kind: 'new', order });
      await bench.crash({
        openOrders: [
          { order: bench.order('a', 'buy', 3, 100), filled: lotSize },
          { order, filled: 0 },
        ],
        nextTradeNumber: bench.nextTradeNumber(),
      });
      expect(await bench.sink.done('lost')).toMatchObject({ state: 'filled' });
      await filled(bench, [trade, ['a', 'lost', 1, 100]], 1);
    },
  },
  {
    about: 'sends nothing that acts a second time when asked for everything after a restart',
    covers: [13],
    drivers: ['askForResend'],
    run: async (bench, drive) => {
      const { lotSize } = bench.venue.instrument;
      const trade = await partlyFilled(bench);
      await bench.crash({
        openOrders: [{ order: bench.order('a', 'buy', 3, 100), filled: lotSize }],
        nextTradeNumber: bench.nextTradeNumber(),
      });
      await drive.askForResend();
      await filled(bench, [trade], 2);
    },
  },
  {
    about: 'ends a session whose numbers went back, and trades in the next',
    covers: [14],
    drivers: ['sendLowSequence'],
    run: async (bench, drive) => {
      const trade = await partlyFilled(bench);
      await drive.sendLowSequence();
      const down = await bench.sink.until(
        (event) => event.kind === 'link' && event.state !== 'ready' && event.reason !== undefined,
        'the link down, with a reason',
      );
      expect(down).toBeDefined();
      await filled(bench, [trade], 2);
    },
  },
  {
    about: 'goes on after the venue began its numbers anew',
    covers: [15],
    drivers: ['resetSequence'],
    run: async (bench, drive) => {
      const trade = await partlyFilled(bench);
      await drive.resetSequence();
      await filled(bench, [trade], 2);
    },
  },
  {
    about: 'counts once what the order session and the drop copy both tell',
    covers: [31],
    drivers: ['tellOnDropCopy'],
    run: async (bench, drive) => {
      const trade = await partlyFilled(bench);
      await drive.tellOnDropCopy();
      await filled(bench, [trade], 2);
    },
  },
  {
    about: 'reads messages that carry tags it does not know, inside groups too',
    covers: [32],
    drivers: ['addUnknownTags'],
    run: async (bench, drive) => {
      const trade = await partlyFilled(bench);
      await drive.addUnknownTags();
      await bench.enter('second', 'buy', 1, 99);
      const { lotSize, tickSize } = bench.venue.instrument;
      const whole = [
        { price: 100 * tickSize, quantity: 2 * lotSize },
        { price: 99 * tickSize, quantity: lotSize },
      ];
      await bench.sink.until(
        (event) => event.kind === 'book' && JSON.stringify(event.bids) === JSON.stringify(whole),
        'the whole book',
      );
      await filled(bench, [trade], 2);
    },
  },
];
