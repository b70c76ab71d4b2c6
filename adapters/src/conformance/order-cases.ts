import { expect } from 'vitest';
import type { KitCase } from './kit-case.ts';
import { ANNA, BOB, CLEARING } from './venue-bench.ts';

const SAYS_NOTHING_BEFOREHAND = 'the adapter says of no order beforehand that it is accepted';

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
      await bench.expectTrades([['taker', 'maker', 3, 100]], 41);
      const joined = bench.adapter.capabilities.joinsTrades !== false;
      const bought = bench.sink
        .of('executed')
        .find(({ parties }) => parties.buyOrderId === 'taker');
      expect(bought?.execution).toMatchObject({
        ...{ venue: bench.adapter.venue, instrument: bench.venue.instrument.id },
        ...{ buyer: ANNA.account, homeVenue: 'other' },
        // Where each side stands by itself, the other one is the venue.
        seller: joined ? BOB.account : CLEARING,
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
      await bench.expectTrades([
        ['taker', 'first', 2, 100],
        ['taker', 'second', 2, 100],
        ['taker', 'late', 2, 101],
      ]);
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
    timesInForce: ['ioc', 'fok'],
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
      await bench.expectTrades([['ioc', 'maker', 2, 100]]);
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
      for (const [code, more] of [
        ['OFF_TICK', { limitPrice: tickSize * 100 + 1 }],
        ['OFF_LOT', { quantity: lotSize + 1 }],
        ['PRICE_INVALID', { limitPrice: 0 }],
        ['QUANTITY_INVALID', { quantity: 0 }],
        ['UNKNOWN_INSTRUMENT', { instrument: nowhere }],
      ] as const) {
        expect(await bench.refusedWith(code.toLowerCase(), 'buy', 1, 100, more)).toBe(code);
      }
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
      await bench.expectTrades([['a', 'hit', 1, 100]]);
      const again = await bench.adapter.submit({
        kind: 'new',
        order: bench.order('a', 'buy', 1, 100),
      });
      expect(again).toEqual({ outcome: 'taken' });
      await bench.enter('marker', 'buy', 1, 90);
      expect(bench.sink.about('a').map(({ kind }) => kind)).toEqual(['accepted', 'done']);
    },
  },
  {
    about:
      'ends an immediate order that had to rest, also after a crash, and lets a fill come first',
    covers: [10, 19],
    capability: 'immediateAfterMs',
    run: async (bench) => {
      await bench.start();
      const { lotSize } = bench.venue.instrument;
      await bench.enter('late', 'buy', 2, 100, { timeInForce: 'ioc' });
      await bench.enter('hit', 'sell', 2, 100);
      const late = await bench.sink.done('late');
      // Filled while it stood, or canceled before: never both, and told once.
      expect(late.filled).toBe(late.state === 'filled' ? 2 * lotSize : 0);
      if (late.state === 'canceled') await bench.send('cancel', 'hit');
      await bench.sink.done('hit');

      const order = bench.order('crashed', 'buy', 1, 100, { timeInForce: 'ioc' });
      await bench.adapter.submit({ kind: 'new', order });
      await bench.sink.told('crashed', 'accepted');
      const nextTradeNumber = bench.nextTradeNumber();
      await bench.crash({ openOrders: [{ order, filled: 0 }], nextTradeNumber });
      expect(await bench.sink.done('crashed')).toMatchObject({ state: 'canceled', filled: 0 });
      // Nobody hears of cancels that nobody asked for.
      expect(bench.sink.of('cancel-rejected')).toEqual([]);
    },
  },
  {
    about: 'accepts what it said beforehand that it accepts, and saying so does nothing',
    covers: [],
    run: async (bench, _drive, skip) => {
      await bench.start();
      const { tickSize, lotSize } = bench.venue.instrument;
      const orders = [
        bench.order('rests', 'buy', 2, 90),
        bench.order('off-tick', 'buy', 1, 90, { limitPrice: tickSize * 90 + 1 }),
        bench.order('off-lot', 'buy', 1, 90, { quantity: lotSize + 1 }),
        bench.order('meets-it', 'sell', 1, 90),
      ];
      let promised = 0;
      for (const order of orders) {
        const { orderId } = order;
        const isPromised = bench.adapter.accepts?.(order) ?? false;
        // Asked again it says the same: the first question has left nothing behind.
        expect(bench.adapter.accepts?.(order) ?? false).toBe(isPromised);
        if (!isPromised) continue;
        promised += 1;
        expect(bench.sink.about(orderId)).toEqual([]);
        expect(await bench.adapter.submit({ kind: 'new', order })).toEqual({ outcome: 'taken' });
        await bench.sink.until((one) => 'orderId' in one && one.orderId === orderId, orderId);
        expect(bench.sink.about(orderId)[0]).toEqual({ kind: 'accepted', orderId });
        // One that it has is not accepted a second time.
        expect(bench.adapter.accepts?.(order)).toBe(false);
      }
      if (promised === 0) skip(SAYS_NOTHING_BEFOREHAND);
    },
  },
  {
    about: 'does not say beforehand that it accepts what it rejects while it is halted',
    covers: [],
    drivers: ['halt'],
    run: async (bench, drive, skip) => {
      await bench.start();
      const order = ['halted', 'buy', 1, 90] as const;
      if (!bench.adapter.accepts?.(bench.order(...order))) skip(SAYS_NOTHING_BEFOREHAND);
      await drive.halt();
      await bench.sink.until(
        (event) => event.kind === 'trading-status' && event.state === 'halted',
        'halted',
      );
      const isPromised = bench.adapter.accepts?.(bench.order(...order)) ?? false;
      const rejection = await bench.refusedWith(...order);
      expect(isPromised && rejection !== undefined).toBe(false);
    },
  },
];
