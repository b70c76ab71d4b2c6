import { expect } from 'vitest';
import type { KitCase } from './kit-case.ts';

export const recoveryCases: readonly KitCase[] = [
  {
    about: 'has open orders again after a restart: place, executed part and trade numbers go on',
    covers: [11],
    run: async (bench) => {
      const { lotSize } = bench.venue.instrument;
      await bench.start();
      await bench.enter('a', 'buy', 3, 100);
      await bench.enter('b', 'buy', 3, 100);
      await bench.enter('hit', 'sell', 1, 100);
      await bench.sink.done('hit');
      await bench.expectTrades([['a', 'hit', 1, 100]]);
      await bench.adapter.stop();

      bench.adapter = bench.venue.newAdapter();
      await bench.start({
        openOrders: [
          { order: bench.order('a', 'buy', 3, 100), filled: lotSize },
          { order: bench.order('b', 'buy', 3, 100), filled: 0 },
        ],
        nextTradeNumber: bench.nextTradeNumber(),
      });
      await bench.enter('hit-2', 'sell', 3, 100);
      expect(await bench.sink.done('a')).toMatchObject({ state: 'filled', filled: 3 * lotSize });
      await bench.expectTrades([
        ['a', 'hit', 1, 100],
        ['a', 'hit-2', 2, 100],
        ['b', 'hit-2', 1, 100],
      ]);
      expect(bench.sink.about('a').filter(({ kind }) => kind === 'accepted')).toHaveLength(1);
      const repeated = { kind: 'new', order: bench.order('b', 'buy', 3, 100) } as const;
      expect(await bench.adapter.submit(repeated)).toEqual({ outcome: 'taken' });
      // Had it been entered again, more of it would be there.
      await bench.enter('probe', 'sell', 3, 100);
      await bench.sink.done('b');
      await bench.send('cancel', 'probe');
      const { filled } = await bench.sink.done('probe');
      expect(filled).toBe(2 * lotSize);
    },
  },

  {
    about: 'reconciles by saying where every open order stands',
    covers: [30],
    run: async (bench) => {
      await bench.start();
      await bench.enter('a', 'buy', 1, 100);
      await bench.enter('b', 'buy', 1, 99);
      await bench.enter('c', 'buy', 1, 98);
      await bench.send('cancel', 'b');
      await bench.sink.done('b');
      await bench.adapter.reconcile();
      const told = bench.sink.of('order-status').map(({ orderId }) => orderId);
      expect(told.toSorted()).toEqual(['a', 'c']);
    },
  },
  {
    about: 'reconciles without a word where nothing is open',
    covers: [30],
    run: async (bench) => {
      await bench.start();
      await bench.adapter.reconcile();
      expect(bench.sink.of('order-status')).toEqual([]);
    },
  },
  {
    about: 'tells again, or does again, the trade of a new order that a crash left unrecorded',
    covers: [9],
    run: async (bench) => {
      await bench.start();
      await bench.enter('a', 'buy', 2, 100);
      bench.sink.failNext(Number.POSITIVE_INFINITY);
      await bench.adapter.submit({ kind: 'new', order: bench.order('b', 'sell', 2, 100) });
      await new Promise((resolve) => setTimeout(resolve, 50));
      bench.sink.failNext(0);
      await bench.crash({ openOrders: [{ order: bench.order('a', 'buy', 2, 100), filled: 0 }] });
      const again = { kind: 'new', order: bench.order('b', 'sell', 2, 100) } as const;
      expect(await bench.adapter.submit(again)).toEqual({ outcome: 'taken' });
      expect(await bench.sink.done('a')).toMatchObject({ state: 'filled' });
      expect(await bench.sink.done('b')).toMatchObject({ state: 'filled' });
      await bench.expectTrades([['a', 'b', 2, 100]]);
    },
  },
  {
    about: 'tells again, or does again, what a crash left unrecorded of a replacement',
    covers: [9],
    capability: 'replace',
    run: async (bench) => {
      await bench.start();
      await bench.enter('a', 'buy', 2, 100);
      await bench.enter('b', 'sell', 2, 101);
      bench.sink.failNext(Number.POSITIVE_INFINITY);
      await bench.replace('b', 2, 100);
      await new Promise((resolve) => setTimeout(resolve, 50));
      await bench.expectTrades([]);
      const openOrders = [
        { order: bench.order('a', 'buy', 2, 100), filled: 0 },
        { order: bench.order('b', 'sell', 2, 100), filled: 0 },
      ];
      bench.sink.failNext(0);
      await bench.crash({ openOrders });
      expect(await bench.sink.done('a')).toMatchObject({ state: 'filled' });
      expect(await bench.sink.done('b')).toMatchObject({ state: 'filled' });
      await bench.expectTrades([['a', 'b', 2, 100]]);
    },
  },
  {
    about: 'does once what was asked before a crash and is asked again after it',
    covers: [10],
    run: async (bench) => {
      await bench.start();
      bench.sink.failNext(Number.POSITIVE_INFINITY);
      const order = bench.order('a', 'buy', 1, 100);
      await bench.adapter.submit({ kind: 'new', order });
      await new Promise((resolve) => setTimeout(resolve, 50));
      bench.sink.failNext(0);
      await bench.crash();
      await bench.enter('a', 'buy', 1, 100);
      await bench.enter('hit', 'sell', 2, 100);
      await bench.sink.done('a');
      await bench.expectTrades([['a', 'hit', 1, 100]]);
    },
  },
  {
    about:
      'has an order in its journal before the venue has it: a crash in between forgets nothing',
    covers: [10],
    drivers: ['loseNextAnswer'],
    run: async (bench, drive) => {
      await bench.start();
      const order = bench.order('a', 'buy', 1, 100);
      await drive.loseNextAnswer();
      // Not waited for: its answer never comes.
      void bench.adapter.submit({ kind: 'new', order });
      await bench.sink.until(
        (event) => event.kind === 'book' && event.bids.length > 0,
        'the order in the book of the venue',
      );
      await bench.crash();
      // Who does not know the id would send this to the venue.
      const other = bench.order('a', 'buy', 2, 99);
      expect(await bench.adapter.submit({ kind: 'new', order: other })).toMatchObject({
        ...{ outcome: 'refused', rejection: { code: 'DUPLICATE_ORDER_ID' } },
      });
      await bench.sink.told('a', 'accepted');
      await bench.enter('hit', 'sell', 2, 100);
      await bench.sink.done('a');
      await bench.expectTrades([['a', 'hit', 1, 100]]);
    },
  },
  {
    about: 'says an execution once that the venue tells twice',
    covers: [3],
    drivers: ['repeatExecutions'],
    run: async (bench, drive) => {
      await bench.start();
      await bench.enter('a', 'buy', 2, 100);
      await bench.enter('hit', 'sell', 1, 100);
      await bench.sink.done('hit');
      await drive.repeatExecutions();
      await bench.enter('hit-2', 'sell', 1, 100);
      expect(await bench.sink.done('a')).toMatchObject({ state: 'filled' });
      await bench.expectTrades([
        ['a', 'hit', 1, 100],
        ['a', 'hit-2', 1, 100],
      ]);
    },
  },
];
