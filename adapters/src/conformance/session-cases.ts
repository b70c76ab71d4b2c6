import { expect } from 'vitest';
import type { KitCase } from './kit-case.ts';

export const sessionCases: readonly KitCase[] = [
  {
    about:
      'ends the day: day orders expire, others are done for the day and stand again at the next',
    covers: [26],
    drivers: ['endSession', 'startEntry', 'openSession'],
    timesInForce: ['gtc'],
    run: async (bench, drive) => {
      await bench.start();
      const { lotSize } = bench.venue.instrument;
      await bench.enter('day', 'buy', 2, 100);
      await bench.enter('gtc', 'buy', 3, 100, { timeInForce: 'gtc' });
      await bench.enter('hit', 'sell', 1, 100);
      await drive.endSession();
      expect(await bench.sink.done('day')).toMatchObject({ state: 'expired', filled: lotSize });
      expect(await bench.sink.told('gtc', 'done-for-day')).toMatchObject({ filled: 0 });
      await drive.startEntry();
      await drive.openSession();
      expect(await bench.sink.told('gtc', 'order-status')).toMatchObject({ status: 'new' });
      await bench.enter('next', 'sell', 3, 100);
      expect(await bench.sink.done('gtc')).toMatchObject({ state: 'filled', filled: 3 * lotSize });
    },
  },
  {
    about: 'takes no order outside the session, but cancels',
    covers: [27],
    drivers: ['endSession'],
    timesInForce: ['gtc'],
    run: async (bench, drive) => {
      await bench.start();
      await bench.enter('gtc', 'buy', 1, 100, { timeInForce: 'gtc' });
      await bench.sink.until(
        (event) => event.kind === 'book' && event.bids.length === 1,
        'a book with the order',
      );
      await drive.endSession();
      expect(await bench.refusedWith('late', 'sell', 1, 100)).toBeDefined();
      await expect
        .poll(() => bench.sink.of('book').at(-1), { timeout: 15_000 })
        .toMatchObject({ bids: [], offers: [] });
      await bench.send('cancel', 'gtc');
      expect(await bench.sink.done('gtc')).toMatchObject({ state: 'canceled' });
      await bench.expectTrades([]);
      const last = () => bench.sink.of('trading-status').at(-1);
      await expect.poll(last, { timeout: 15_000 }).toMatchObject({ state: 'halted' });
    },
  },
  {
    about: 'collects orders before the opening and trades them at one price',
    covers: [],
    drivers: ['endSession', 'startEntry', 'openSession'],
    run: async (bench, drive) => {
      await bench.start();
      await drive.endSession();
      await drive.startEntry();
      await bench.enter('b1', 'buy', 2, 102);
      await bench.enter('b2', 'buy', 2, 101);
      await bench.enter('o1', 'sell', 2, 99);
      await bench.enter('o2', 'sell', 1, 101);
      await bench.expectTrades([]);
      await drive.openSession();
      await bench.sink.done('o2');
      await bench.expectTrades([
        ['b1', 'o1', 2, 101],
        ['b2', 'o2', 1, 101],
      ]);
      const last = () => bench.sink.of('trading-status').at(-1);
      await expect.poll(last, { timeout: 15_000 }).toMatchObject({ state: 'trading' });
    },
  },
];
