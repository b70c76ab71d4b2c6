import { expect } from 'vitest';
import type { KitCase } from './kit-case.ts';

export const linkCases: readonly KitCase[] = [
  {
    about: 'takes requests only between start and stop',
    covers: [],
    run: async (bench) => {
      const order = bench.order('a', 'buy', 1, 100);
      const refusal = { outcome: 'refused', rejection: { code: 'VENUE_NOT_READY' } };
      expect(await bench.adapter.submit({ kind: 'new', order })).toMatchObject(refusal);
      await bench.start();
      expect(bench.adapter.link).toBe('ready');
      expect(bench.sink.of('link').at(-1)).toEqual({ kind: 'link', state: 'ready' });
      expect(await bench.adapter.submit({ kind: 'new', order })).toEqual({ outcome: 'taken' });
      await bench.adapter.stop();
      expect(bench.adapter.link).toBe('stopped');
      expect(await bench.adapter.submit({ kind: 'new', order })).toMatchObject(refusal);
    },
  },

  {
    about: 'delivers nothing more until the last delivery is durable, then all of it in order',
    covers: [35],
    run: async (bench) => {
      await bench.start();
      bench.sink.hold();
      const before = bench.sink.deliveries;
      const orderIds = Array.from({ length: 50 }, (_, index) => `order-${index}`);
      for (const orderId of orderIds) {
        await bench.adapter.submit({ kind: 'new', order: bench.order(orderId, 'buy', 1, 100) });
        await new Promise((resolve) => setImmediate(resolve));
      }
      // The venue may be another process: its first answer is waited for, and is all there is.
      await expect.poll(() => bench.sink.deliveries, { timeout: 5_000 }).toBeGreaterThan(before);
      expect(bench.sink.deliveries).toBe(before + 1);
      bench.sink.release();
      await bench.sink.told('order-49', 'accepted');
      expect(bench.sink.of('accepted').map(({ orderId }) => orderId)).toEqual(orderIds);
    },
  },

  {
    about: 'repeats a delivery that failed, and loses nothing',
    covers: [9],
    run: async (bench) => {
      await bench.start();
      bench.sink.failNext(2);
      await bench.adapter.submit({ kind: 'new', order: bench.order('a', 'buy', 1, 100) });
      await bench.sink.told('a', 'accepted');
      expect(bench.sink.about('a')).toHaveLength(1);
      await bench.sink.until(
        (event) => event.kind === 'link' && event.state === 'degraded',
        'link degraded',
      );
    },
  },
];
