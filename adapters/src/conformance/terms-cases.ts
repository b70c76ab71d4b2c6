import { expect } from 'vitest';
import type { VenueOrder } from '../venue-adapter.ts';
import type { KitCase } from './kit-case.ts';

export const termsCases: readonly KitCase[] = [
  {
    about: 'fills an all-or-none order whole, by several orders together, or not at all',
    covers: [2],
    capability: 'allOrNone',
    run: async (bench) => {
      await bench.start();
      await bench.enter('aon', 'buy', 3, 100, { allOrNone: true });
      await bench.enter('one', 'sell', 2, 100);
      await bench.send('status', 'aon');
      expect(await bench.sink.told('aon', 'order-status')).toMatchObject({ filled: 0 });
      await bench.enter('two', 'sell', 1, 100);
      const { lotSize } = bench.venue.instrument;
      expect(await bench.sink.done('aon')).toMatchObject({ state: 'filled', filled: 3 * lotSize });
      await bench.expectTrades([
        ['aon', 'one', 2, 100],
        ['aon', 'two', 1, 100],
      ]);
    },
  },
  {
    about: 'shows no all-or-none order in its book',
    covers: [],
    capability: 'allOrNone',
    run: async (bench) => {
      await bench.start();
      await bench.enter('aon', 'buy', 3, 100, { allOrNone: true });
      await bench.enter('plain', 'buy', 1, 99);
      await bench.sink.until(
        (event) => event.kind === 'book' && event.bids.length > 0,
        'a book with the plain order',
      );
      const { lotSize, tickSize } = bench.venue.instrument;
      expect(bench.sink.of('book').at(-1)?.bids).toEqual([
        { price: 99 * tickSize, quantity: lotSize },
      ]);
    },
  },
  {
    about: 'cancels an order whose minimum is not there, and rests the rest of one whose is',
    covers: [2],
    capability: 'minQuantity',
    run: async (bench) => {
      await bench.start();
      const { lotSize } = bench.venue.instrument;
      await bench.enter('maker', 'sell', 2, 100);
      await bench.enter('short', 'buy', 5, 100, { minQuantity: 3 * lotSize });
      expect(await bench.sink.done('short')).toMatchObject({ state: 'canceled', filled: 0 });
      await bench.enter('met', 'buy', 5, 100, { minQuantity: 2 * lotSize });
      expect(await bench.sink.done('maker')).toMatchObject({ state: 'filled' });
      await bench.enter('hit', 'sell', 3, 100);
      expect(await bench.sink.done('met')).toMatchObject({ state: 'filled', filled: 5 * lotSize });
    },
  },
  {
    about: 'shows no more of an order than it is asked to',
    covers: [],
    capability: 'displayQuantity',
    run: async (bench) => {
      await bench.start();
      const { lotSize, tickSize } = bench.venue.instrument;
      await bench.enter('hidden', 'sell', 5, 100, { displayQuantity: lotSize });
      await bench.enter('shown', 'sell', 1, 100);
      await bench.sink.until(
        (event) => event.kind === 'book' && event.offers[0]?.quantity === 2 * lotSize,
        'a book with one slice and the shown order',
      );
      expect(bench.sink.of('book').at(-1)?.offers).toEqual([
        { price: 100 * tickSize, quantity: 2 * lotSize },
      ]);
      await bench.enter('taker', 'buy', 6, 100);
      expect(await bench.sink.done('hidden')).toMatchObject({
        state: 'filled',
        filled: 5 * lotSize,
      });
      expect(await bench.sink.done('shown')).toMatchObject({ state: 'filled' });
    },
  },
  {
    about: 'ends an order that is good till a time after that time and not at it',
    covers: [26],
    drivers: ['nowMs', 'passUntil'],
    run: async (bench, drive) => {
      await bench.start();
      if (!bench.adapter.capabilities.timesInForce.includes('gtd')) return;
      const expireAtMs = drive.nowMs() + 1_000;
      await bench.enter('gtd', 'buy', 2, 100, { timeInForce: 'gtd', expireAtMs });
      await drive.passUntil(expireAtMs);
      await bench.enter('hit', 'sell', 1, 100);
      await bench.sink.done('hit');
      await drive.passUntil(expireAtMs + 1);
      const { lotSize } = bench.venue.instrument;
      expect(await bench.sink.done('gtd')).toMatchObject({ state: 'expired', filled: lotSize });
      await bench.enter('late', 'buy', 1, 100, { timeInForce: 'gtd', expireAtMs });
      expect(await bench.sink.told('late', 'rejected')).toBeDefined();
    },
  },
  {
    about: 'refuses, before the wire, what it says it is not capable of',
    covers: [],
    run: async (bench) => {
      await bench.start();
      const { capabilities } = bench.adapter;
      const { lotSize } = bench.venue.instrument;
      const beyond: Partial<VenueOrder>[] = [];
      if (!capabilities.allOrNone) beyond.push({ allOrNone: true });
      if (!capabilities.minQuantity) beyond.push({ minQuantity: lotSize });
      if (capabilities.displayQuantity !== true) beyond.push({ displayQuantity: lotSize });
      for (const timeInForce of ['day', 'gtc', 'ioc', 'fok'] as const) {
        if (!capabilities.timesInForce.includes(timeInForce)) beyond.push({ timeInForce });
      }
      for (const [index, more] of beyond.entries()) {
        const order = bench.order(`beyond-${index}`, 'buy', 2, 100, more);
        const receipt = await bench.adapter.submit({ kind: 'new', order });
        expect(receipt, JSON.stringify(more)).toMatchObject({ outcome: 'refused' });
      }
    },
  },
  {
    about: 'keeps amounts exact, as large as they may be',
    covers: [33],
    run: async (bench) => {
      await bench.start();
      const { lotSize, tickSize } = bench.venue.instrument;
      const lots = Math.floor(Number.MAX_SAFE_INTEGER / lotSize);
      const ticks = Math.floor(Number.MAX_SAFE_INTEGER / tickSize);
      await bench.enter('maker', 'sell', lots, ticks);
      await bench.enter('taker', 'buy', lots - 1, ticks);
      const done = await bench.sink.done('taker');
      expect(done).toMatchObject({ state: 'filled', filled: (lots - 1) * lotSize });
      expect(bench.sink.of('executed')[0]?.execution).toMatchObject({
        quantity: (lots - 1) * lotSize,
        price: ticks * tickSize,
      });
    },
  },
];
