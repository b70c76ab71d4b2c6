import { expect } from 'vitest';
import type { KitCase } from './kit-case.ts';

export const marketCases: readonly KitCase[] = [
  {
    about: 'shows the whole depth, best first, ten levels a side, and the prints',
    covers: [],
    run: async (bench) => {
      await bench.start();
      const { lotSize, tickSize } = bench.venue.instrument;
      for (let away = 1; away <= 12; away += 1) {
        await bench.enter(`bid-${away}`, 'buy', 1, 100 - away);
        await bench.enter(`offer-${away}`, 'sell', 1, 100 + away);
      }
      await bench.enter('more', 'buy', 2, 99);
      await bench.enter('hit', 'sell', 1, 99);
      await bench.sink.until(
        (event) => event.kind === 'book' && event.bids[0]?.quantity === 2 * lotSize,
        'the book after the trade',
      );
      await bench.sink.until(({ kind }) => kind === 'print', 'the print');
      const book = bench.sink.of('book').at(-1);
      const ticks = Array.from({ length: 10 }, (_, index) => index + 1);
      expect(book?.bids.map(({ price }) => price)).toEqual(ticks.map((n) => (100 - n) * tickSize));
      expect(book?.offers.map(({ price }) => price)).toEqual(
        ticks.map((n) => (100 + n) * tickSize),
      );
      const [print] = bench.sink.of('print');
      const [executed] = bench.sink.of('executed');
      expect(print).toMatchObject({ price: 99 * tickSize, quantity: lotSize });
      if (bench.adapter.capabilities.joinsTrades !== false) {
        expect(print?.executionId).toBe(executed?.execution.executionId);
      }
    },
  },

  {
    about: 'halts: refuses orders, takes cancels, says so; and resumes',
    covers: [25],
    drivers: ['halt', 'resume'],
    run: async (bench, drive) => {
      await bench.start();
      await bench.enter('a', 'buy', 1, 100);
      await bench.enter('b', 'buy', 1, 99);
      await drive.halt();
      await bench.sink.until(
        (event) => event.kind === 'trading-status' && event.state === 'halted',
        'halted',
      );
      expect(await bench.refusedWith('during', 'sell', 1, 99)).toBe('HALTED');
      await bench.send('cancel', 'a');
      await bench.sink.done('a');
      await drive.resume();
      await bench.enter('after', 'sell', 1, 99);
      await bench.sink.done('after');
      await bench.expectTrades([['b', 'after', 1, 99]]);
      const states = () => bench.sink.of('trading-status').map(({ state }) => state);
      await expect.poll(states, { timeout: 15_000 }).toEqual(['trading', 'halted', 'trading']);
    },
  },
];
