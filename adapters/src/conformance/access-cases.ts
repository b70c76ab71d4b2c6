import { expect } from 'vitest';
import type { KitCase } from './kit-case.ts';
import type { VenueBench } from './venue-bench.ts';

const SKEW_MS = 600_000;

/** The adapter trades with what rested before, once, and takes new orders. */
async function trades(bench: VenueBench): Promise<void> {
  await expect.poll(() => bench.adapter.link, { timeout: 15_000 }).toBe('ready');
  await bench.enter('hit', 'sell', 1, 100);
  expect(await bench.sink.done('a')).toMatchObject({ state: 'filled' });
  await bench.expectTrades([['a', 'hit', 1, 100]]);
}

/** What goes wrong with who one is and when it is. */
export const accessCases: readonly KitCase[] = [
  {
    about: 'says so when somebody else logs in as it, and has its orders when it is back',
    covers: [38],
    drivers: ['loginElsewhere'],
    run: async (bench, drive) => {
      await bench.start();
      await bench.enter('a', 'buy', 1, 100);
      await drive.loginElsewhere();
      await bench.sink.until(
        (event) => event.kind === 'link' && event.state !== 'ready' && event.reason !== undefined,
        'the link down, with a reason',
      );
      await trades(bench);
    },
  },
  {
    about: 'trades with a venue whose clock is off, or says that it cannot until it is right',
    covers: [39],
    drivers: ['skewClock'],
    run: async (bench, drive) => {
      await bench.start();
      await bench.enter('a', 'buy', 1, 100);
      await drive.skewClock(SKEW_MS);
      const order = bench.order('skewed', 'buy', 1, 99);
      const { outcome } = await bench.adapter.submit({ kind: 'new', order });
      if (outcome === 'taken') {
        await bench.sink.until(
          (event) => 'orderId' in event && event.orderId === 'skewed',
          'what became of an order that was taken',
        );
      } else {
        await bench.sink.until(
          (event) => event.kind === 'link' && event.reason !== undefined,
          'why it was not taken',
        );
      }
      await drive.skewClock(0);
      await trades(bench);
    },
  },
  {
    about: 'logs in again when its credential has run out, and does once what it was asked then',
    covers: [42],
    drivers: ['expireCredential'],
    run: async (bench, drive) => {
      await bench.start();
      await drive.expireCredential();
      await bench.enter('a', 'buy', 1, 100);
      expect(bench.sink.about('a')).toMatchObject([{ kind: 'accepted' }]);
      await trades(bench);
    },
  },
];
