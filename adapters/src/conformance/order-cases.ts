import { expect } from 'vitest';
import type { KitCase } from './kit-case.ts';
import { ANNA, BOB } from './venue-bench.ts';

export const orderCases: readonly KitCase[] = [
  {
    about:
      'accepts an order, then fills it: one execution names both orders, wallets and the taker',
    covers: [1],
    run: async (bench) => {
      await bench.start({ nextTradeNumber: 41 });
      await bench.enter('maker', 'sell', 3, 100);
      await bench.enter('taker', 'buy', 3, 101, { homeVenue: 'other' });
      expect(await bench.sink.done('taker')).toMatchObject({ state: 'filled' });
      expect(await bench.sink.done('maker')).toMatchObject({ state: 'filled' });
      expect(bench.executions()).toEqual([[41, 'taker', 'maker', 3, 100]]);
      expect(bench.sink.of('executed')[0]?.execution).toMatchObject({
        venue: bench.adapter.venue,
        instrument: bench.venue.instrument.id,
        buyer: ANNA.account,
        seller: BOB.account,
        homeVenue: 'other',
      });
    },
  },

  {
    about: 'fills in parts, by price and then by time, under dense trade numbers',
    covers: [2],
    run: async (bench) => {
      await bench.start();
      await bench.enter('late', 'sell', 2, 101);
      await bench.enter('first', 'sell', 2, 100);
      await bench.enter('second', 'sell', 2, 100);
      await bench.enter('taker', 'buy', 7, 101);
      await bench.sink.done('late');
      expect(bench.executions()).toEqual([
        [1, 'taker', 'first', 2, 100],
        [2, 'taker', 'second', 2, 100],
        [3, 'taker', 'late', 2, 101],
      ]);
      expect(new Set(bench.sink.of('executed').map((one) => one.execution.executionId)).size).toBe(
        3,
      );
      await bench.enter('rest', 'sell', 1, 101);
      expect(await bench.sink.done('taker')).toMatchObject({
        state: 'filled',
        filled: 7 * bench.venue.instrument.lotSize,
      });
    },
  },

  {
    about: 'cancels what an immediate-or-cancel cannot fill, and all of an unfillable fill-or-kill',
    covers: [],
    run: async (bench) => {
      await bench.start();
      const { lotSize } = bench.venue.instrument;
      await bench.enter('maker', 'sell', 2, 100);
      await bench.enter('fok', 'buy', 3, 100, { timeInForce: 'fok' });
      expect(await bench.sink.done('fok')).toMatchObject({ state: 'canceled', filled: 0 });
      await bench.enter('ioc', 'buy', 3, 100, { timeInForce: 'ioc' });
      expect(await bench.sink.done('ioc')).toMatchObject({
        state: 'canceled',
        filled: 2 * lotSize,
      });
      expect(bench.executions()).toEqual([[1, 'ioc', 'maker', 2, 100]]);
    },
  },

  {
    about: 'says where an order stands, and that it never saw one it never saw',
    covers: [30],
    run: async (bench) => {
      await bench.start();
      const { lotSize } = bench.venue.instrument;
      await bench.enter('open', 'buy', 1, 90);
      await bench.enter('part', 'buy', 3, 100);
      await bench.enter('full', 'sell', 2, 100);
      for (const orderId of ['open', 'part', 'full', 'never']) await bench.send('status', orderId);
      await bench.sink.told('never', 'order-status');
      expect(bench.sink.of('order-status')).toEqual([
        { kind: 'order-status', orderId: 'open', status: 'new', filled: 0 },
        { kind: 'order-status', orderId: 'part', status: 'partially-filled', filled: 2 * lotSize },
        { kind: 'order-status', orderId: 'full', status: 'filled', filled: 2 * lotSize },
        { kind: 'order-status', orderId: 'never', status: 'unknown-order', filled: 0 },
      ]);
    },
  },
  {
    about: 'rejects what the instrument does not allow, each with its own code',
    covers: [16],
    run: async (bench) => {
      await bench.start();
      const { tickSize, lotSize } = bench.venue.instrument;
      const nowhere = 'eip155:1/erc20:0x00000000000000000000000000000000000000ff';
      await bench.enter('tick', 'buy', 1, 100, { limitPrice: tickSize * 100 + 1 });
      await bench.enter('lot', 'buy', 1, 100, { quantity: lotSize + 1 });
      await bench.enter('price', 'buy', 1, 100, { limitPrice: 0 });
      await bench.enter('quantity', 'buy', 1, 100, { quantity: 0 });
      await bench.enter('nowhere', 'buy', 1, 100, { instrument: nowhere });
      expect(
        bench.sink.of('rejected').map((event) => [event.orderId, event.rejection.code]),
      ).toEqual([
        ['tick', 'OFF_TICK'],
        ['lot', 'OFF_LOT'],
        ['price', 'PRICE_INVALID'],
        ['quantity', 'QUANTITY_INVALID'],
        ['nowhere', 'UNKNOWN_INSTRUMENT'],
      ]);
    },
  },

  {
    about: 'takes the same order id twice as one order, and refuses it with other content',
    covers: [28],
    run: async (bench) => {
      await bench.start();
      await bench.enter('a', 'buy', 1, 100);
      const same = await bench.adapter.submit({
        kind: 'new',
        order: bench.order('a', 'buy', 1, 100),
      });
      expect(same).toEqual({ outcome: 'taken' });
      const other = await bench.adapter.submit({
        kind: 'new',
        order: bench.order('a', 'buy', 2, 100),
      });
      expect(other).toMatchObject({
        outcome: 'refused',
        rejection: { code: 'DUPLICATE_ORDER_ID' },
      });
      await bench.enter('hit', 'sell', 2, 100);
      await bench.sink.done('a');
      expect(bench.executions()).toEqual([[1, 'a', 'hit', 1, 100]]);
      const again = await bench.adapter.submit({
        kind: 'new',
        order: bench.order('a', 'buy', 1, 100),
      });
      expect(again).toEqual({ outcome: 'taken' });
      await bench.enter('marker', 'buy', 1, 90);
      expect(bench.sink.about('a').map(({ kind }) => kind)).toEqual(['accepted', 'done']);
    },
  },
];
