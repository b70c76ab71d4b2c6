import { expect } from 'vitest';
import type { KitCase } from './kit-case.ts';

export const changeCases: readonly KitCase[] = [
  {
    about: 'cancels what is open of an order',
    covers: [18],
    run: async (bench) => {
      await bench.start();
      const { lotSize } = bench.venue.instrument;
      await bench.enter('a', 'buy', 3, 100);
      await bench.enter('hit', 'sell', 1, 100);
      await bench.send('cancel', 'a');
      expect(await bench.sink.done('a')).toMatchObject({ state: 'canceled', filled: lotSize });
      await bench.enter('late', 'sell', 1, 100);
      await bench.expectTrades([['a', 'hit', 1, 100]]);
    },
  },

  {
    about: 'rejects a cancel that lost to a fill, and one of an order it never saw',
    covers: [18, 19],
    run: async (bench) => {
      await bench.start();
      await bench.enter('a', 'buy', 1, 100);
      await bench.enter('hit', 'sell', 1, 100);
      await bench.send('cancel', 'a');
      await bench.send('cancel', 'never');
      await bench.sink.told('never', 'cancel-rejected');
      const rejections = bench.sink.of('cancel-rejected');
      expect(rejections.map(({ orderId, rejection }) => [orderId, rejection.code])).toEqual([
        ['a', 'TOO_LATE'],
        ['never', 'UNKNOWN_ORDER'],
      ]);
      expect(await bench.sink.done('a')).toMatchObject({ state: 'filled' });
    },
  },

  {
    about: 'replaces price and quantity: less keeps the place in the queue, more loses it',
    covers: [20],
    capability: 'replace',
    run: async (bench) => {
      await bench.start();
      await bench.enter('a', 'buy', 4, 100);
      await bench.enter('b', 'buy', 4, 100);
      await bench.replace('a', 3, 100);
      await bench.enter('hit-1', 'sell', 1, 100);
      await bench.replace('a', 5, 100);
      await bench.enter('hit-2', 'sell', 5, 100);
      await bench.sink.done('hit-2');
      await bench.expectTrades([
        ['a', 'hit-1', 1, 100],
        ['b', 'hit-2', 4, 100],
        ['a', 'hit-2', 1, 100],
      ]);
    },
  },

  {
    about: 'trades a replacement at its new price, and refuses one below what is executed',
    covers: [20],
    capability: 'replace',
    run: async (bench) => {
      await bench.start();
      const { lotSize } = bench.venue.instrument;
      await bench.enter('a', 'buy', 4, 100);
      await bench.enter('hit', 'sell', 2, 100);
      await bench.replace('a', 2, 100);
      expect(await bench.sink.told('a', 'replace-rejected')).toMatchObject({
        rejection: { code: 'QUANTITY_BELOW_EXECUTED' },
      });
      await bench.enter('offer', 'sell', 2, 101);
      await bench.replace('a', 4, 101);
      expect(await bench.sink.done('a')).toMatchObject({ state: 'filled', filled: 4 * lotSize });
      await bench.expectTrades([
        ['a', 'hit', 2, 100],
        ['a', 'offer', 2, 101],
      ]);
    },
  },
  {
    about: 'rejects a replacement of an order that is done, and of one it never saw',
    covers: [20],
    capability: 'replace',
    run: async (bench) => {
      await bench.start();
      await bench.enter('a', 'buy', 1, 100);
      await bench.enter('hit', 'sell', 1, 100);
      await bench.replace('a', 2, 100);
      await bench.replace('never', 2, 100);
      await bench.sink.told('never', 'replace-rejected');
      const rejections = bench.sink.of('replace-rejected');
      expect(rejections.map(({ orderId, rejection }) => [orderId, rejection.code])).toEqual([
        ['a', 'TOO_LATE'],
        ['never', 'UNKNOWN_ORDER'],
      ]);
    },
  },
  {
    about: 'replaces one order many times, and says each',
    covers: [20],
    capability: 'replace',
    run: async (bench) => {
      await bench.start();
      const { lotSize, tickSize } = bench.venue.instrument;
      await bench.enter('a', 'buy', 1, 90);
      for (let step = 1; step <= 5; step += 1) await bench.replace('a', 1 + step, 90 + step);
      await bench.enter('hit', 'sell', 6, 95);
      expect(await bench.sink.done('a')).toMatchObject({ state: 'filled', filled: 6 * lotSize });
      expect(
        bench.sink.of('replaced').map(({ quantity, limitPrice }) => [quantity, limitPrice]),
      ).toEqual([1, 2, 3, 4, 5].map((step) => [(1 + step) * lotSize, (90 + step) * tickSize]));
    },
  },
  {
    about: 'cancels every open order at once, filled ones not',
    covers: [29],
    capability: 'massCancel',
    run: async (bench) => {
      await bench.start();
      await bench.massCancel();
      await bench.enter('a', 'buy', 2, 100);
      await bench.enter('b', 'buy', 1, 99);
      await bench.enter('c', 'sell', 1, 110);
      await bench.enter('hit', 'sell', 1, 100);
      await bench.massCancel(bench.venue.instrument.id);
      const { lotSize } = bench.venue.instrument;
      expect(await bench.sink.done('c')).toMatchObject({ state: 'canceled', filled: 0 });
      expect(await bench.sink.done('a')).toMatchObject({ state: 'canceled', filled: lotSize });
      expect(await bench.sink.done('b')).toMatchObject({ state: 'canceled' });
      expect(await bench.sink.done('hit')).toMatchObject({ state: 'filled' });
      await bench.enter('after', 'buy', 1, 100);
      await bench.massCancel();
      expect(await bench.sink.done('after')).toMatchObject({ state: 'canceled' });
    },
  },
  {
    about: 'says so when the venue cancels an order by itself',
    covers: [21],
    drivers: ['cancelUnasked'],
    run: async (bench, drive) => {
      await bench.start();
      await bench.enter('a', 'buy', 3, 100);
      await bench.enter('hit', 'sell', 1, 100);
      await drive.cancelUnasked('a');
      const { lotSize } = bench.venue.instrument;
      expect(await bench.sink.done('a')).toMatchObject({ state: 'canceled', filled: lotSize });
      expect(bench.sink.of('cancel-rejected')).toEqual([]);
    },
  },
  {
    about: 'ends a cancel and a fill at once in one of the two, and says which',
    covers: [19],
    run: async (bench) => {
      await bench.start();
      await bench.enter('a', 'buy', 1, 100);
      await Promise.all([bench.enterImmediate('hit', 'sell', 1, 100), bench.send('cancel', 'a')]);
      const { state, filled } = await bench.sink.done('a');
      await bench.sink.done('hit');
      const traded = filled > 0;
      expect(state).toBe(traded ? 'filled' : 'canceled');
      await bench.expectTrades(traded ? [['a', 'hit', 1, 100]] : []);
      if (traded) await bench.sink.told('a', 'cancel-rejected');
    },
  },
];
