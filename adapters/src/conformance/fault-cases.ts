import { expect } from 'vitest';
import type { KitCase } from './kit-case.ts';

export const faultCases: readonly KitCase[] = [
  {
    about: 'takes a fill that comes before the acceptance',
    covers: [6],
    drivers: ['fillBeforeAccept'],
    run: async (bench, drive) => {
      await bench.start();
      await bench.enter('maker', 'sell', 1, 100);
      await drive.fillBeforeAccept();
      await bench.adapter.submit({ kind: 'new', order: bench.order('a', 'buy', 1, 100) });
      expect(await bench.sink.done('a')).toMatchObject({ state: 'filled' });
      await bench.expectTrades([['a', 'maker', 1, 100]]);
    },
  },
  {
    about: 'says each code of rejection of the venue in the network’s own words',
    covers: [16],
    drivers: ['rejections', 'rejectNextWith'],
    run: async (bench, drive) => {
      await bench.start();
      for (const [index, [theirs, ours]] of Object.entries(drive.rejections()).entries()) {
        await drive.rejectNextWith(theirs);
        expect([theirs, await bench.refusedWith(`no-${index}`, 'buy', 1, 100)]).toEqual([
          theirs,
          ours,
        ]);
      }
      await bench.enter('a', 'buy', 1, 100);
      expect(bench.sink.about('a')).toMatchObject([{ kind: 'accepted' }]);
    },
  },
  {
    about: 'passes on a rejection whose code it does not know',
    covers: [17],
    drivers: ['rejectNextOddly'],
    run: async (bench, drive) => {
      await bench.start();
      await drive.rejectNextOddly();
      await bench.enter('a', 'buy', 1, 100);
      const rejected = await bench.sink.told('a', 'rejected');
      expect(rejected).toMatchObject({
        rejection: { code: expect.stringMatching(/^[A-Z][A-Z0-9_]*$/) },
      });
    },
  },
  {
    about: 'finds its orders open again at a venue that restarted',
    covers: [11],
    drivers: ['restartVenue'],
    run: async (bench, drive) => {
      await bench.start();
      await bench.enter('a', 'buy', 1, 100);
      await drive.restartVenue();
      await expect.poll(() => bench.adapter.link, { timeout: 15_000 }).toBe('ready');
      await bench.enter('hit', 'sell', 1, 100);
      expect(await bench.sink.done('a')).toMatchObject({ state: 'filled' });
      await bench.expectTrades([['a', 'hit', 1, 100]]);
    },
  },
  {
    about: 'says what became of its orders when a connection is back, and shows the whole book',
    covers: [12, 41],
    drivers: ['dropLink', 'restoreLink', 'cancelsOnDisconnect'],
    run: async (bench, drive) => {
      await bench.start();
      await bench.enter('a', 'buy', 1, 100);
      await drive.dropLink();
      await expect.poll(() => bench.adapter.link, { timeout: 15_000 }).not.toBe('ready');
      const order = bench.order('meanwhile', 'buy', 1, 100);
      const receipt = await bench.adapter.submit({ kind: 'new', order });
      expect(receipt).toMatchObject({ outcome: 'refused' });
      const books = bench.sink.of('book').length;
      await drive.restoreLink();
      await expect.poll(() => bench.adapter.link, { timeout: 15_000 }).toBe('ready');
      await expect
        .poll(() => bench.sink.of('book').length, { timeout: 15_000 })
        .toBeGreaterThan(books);
      if (drive.cancelsOnDisconnect()) {
        expect(await bench.sink.done('a')).toMatchObject({ state: 'canceled' });
        return;
      }
      await bench.enter('hit', 'sell', 1, 100);
      expect(await bench.sink.done('a')).toMatchObject({ state: 'filled' });
    },
  },
  {
    about: 'goes on after something that is no message',
    covers: [34],
    drivers: ['garble'],
    run: async (bench, drive) => {
      await bench.start();
      await bench.enter('a', 'buy', 1, 100);
      await drive.garble();
      await expect.poll(() => bench.adapter.link, { timeout: 15_000 }).toBe('ready');
      await bench.enter('hit', 'sell', 1, 100);
      expect(await bench.sink.done('a')).toMatchObject({ state: 'filled' });
      await bench.expectTrades([['a', 'hit', 1, 100]]);
    },
  },
  {
    about: 'says that an outcome is unknown, finds it out, and sends nothing twice',
    covers: [40],
    drivers: ['loseNextAnswer'],
    run: async (bench, drive) => {
      await bench.start();
      await drive.loseNextAnswer();
      const order = bench.order('a', 'buy', 1, 100);
      const receipt = await bench.adapter.submit({ kind: 'new', order });
      expect(['taken', 'outcome-unknown']).toContain(receipt.outcome);
      await bench.adapter.reconcile();
      await bench.enter('hit', 'sell', 2, 100);
      await bench.sink.until((event) => event.kind === 'executed', 'the one fill');
      await bench.send('cancel', 'hit');
      const { lotSize } = bench.venue.instrument;
      expect(await bench.sink.done('hit')).toMatchObject({ filled: lotSize });
      await bench.expectTrades([['a', 'hit', 1, 100]]);
    },
  },
  {
    about: 'finds out what became of orders whose answers were broken, and sends none twice',
    covers: [34, 40],
    drivers: ['brokenAnswers', 'breakNextAnswer'],
    run: async (bench, drive) => {
      await bench.start();
      const ways = drive.brokenAnswers();
      for (const [index, how] of ways.entries()) {
        await drive.breakNextAnswer(how);
        const order = bench.order(`a-${index}`, 'buy', 1, 100);
        const { outcome } = await bench.adapter.submit({ kind: 'new', order });
        if (outcome === 'outcome-unknown') await bench.adapter.reconcile();
        else expect([how, outcome]).toEqual([how, 'taken']);
        await bench.sink.told(order.orderId, 'accepted');
        await expect.poll(() => bench.adapter.link, { timeout: 15_000 }).toBe('ready');
      }
      // Whatever was sent twice would take more of it.
      await bench.enter('hit', 'sell', ways.length + 1, 100);
      await bench.expectTrades(ways.map((_, index) => [`a-${index}`, 'hit', 1, 100]));
      await bench.send('cancel', 'hit');
      const { lotSize } = bench.venue.instrument;
      expect(await bench.sink.done('hit')).toMatchObject({ filled: ways.length * lotSize });
    },
  },
  {
    about: 'slows down for a venue that wants fewer requests, and loses none',
    covers: [36],
    drivers: ['throttleNext'],
    run: async (bench, drive) => {
      await bench.start();
      await drive.throttleNext();
      const order = bench.order('a', 'buy', 1, 100);
      const receipt = await bench.adapter.submit({ kind: 'new', order });
      if (receipt.outcome === 'refused') await bench.enter('a', 'buy', 1, 100);
      else await bench.sink.told('a', 'accepted');
      await bench.enter('hit', 'sell', 1, 100);
      expect(await bench.sink.done('a')).toMatchObject({ state: 'filled' });
    },
  },
  {
    about: 'has the whole book again after a message of market data was lost',
    covers: [37],
    drivers: ['loseMarketData'],
    run: async (bench, drive) => {
      await bench.start();
      await drive.loseMarketData();
      await bench.enter('a', 'buy', 1, 100);
      await bench.enter('b', 'buy', 1, 99);
      const { lotSize, tickSize } = bench.venue.instrument;
      const whole = [100, 99].map((ticks) => ({ price: ticks * tickSize, quantity: lotSize }));
      await bench.sink.until(
        (event) => event.kind === 'book' && JSON.stringify(event.bids) === JSON.stringify(whole),
        'the whole book',
      );
    },
  },
];
