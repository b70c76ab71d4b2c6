import { expect } from 'vitest';
import type { VenueOrder, VenueQuoteEvent, VenueRequest } from '../venue-adapter.ts';
import type { KitCase } from './kit-case.ts';
import type { VenueBench } from './venue-bench.ts';

const FAR_MS = 600_000;

function asked(bench: VenueBench, requestId: string, expireAtMs: number): VenueRequest {
  const { id: instrument, lotSize } = bench.venue.instrument;
  const request = { requestId, instrument, side: 'buy', quantity: 5 * lotSize } as const;
  return { kind: 'quote-request', request: { ...request, expireAtMs, member: 'broker' } };
}

/** The order that takes a quote: whole and at once. */
function taking(bench: VenueBench, orderId: string, lots: number, ticks: number): VenueOrder {
  return bench.order(orderId, 'buy', lots, ticks, { timeInForce: 'fok' });
}

async function told<Kind extends VenueQuoteEvent['kind']>(
  bench: VenueBench,
  kind: Kind,
  requestId: string,
): Promise<Extract<VenueQuoteEvent, { kind: Kind }>> {
  const found = await bench.sink.until(
    (event) =>
      event.kind === kind &&
      (event.kind === 'quote' ? event.quote.requestId : 'requestId' in event && event.requestId) ===
        requestId,
    `${kind} of ${requestId}`,
  );
  return found as Extract<VenueQuoteEvent, { kind: Kind }>;
}

/** What an adapter must do whose venue takes requests for quote. */
export const quoteCases: readonly KitCase[] = [
  {
    about: 'executes what two members agreed on: once, whole, beside the book, and printed as that',
    covers: [43],
    rfq: 'memberQuotes',
    run: async (bench) => {
      await bench.start({ nextTradeNumber: 7 });
      await bench.enter('better', 'sell', 5, 99);
      const order = { ...taking(bench, 'taker', 5, 100), homeVenue: 'other' };
      const maker = bench.order('maker', 'sell', 5, 100, { timeInForce: 'fok' });
      const request: VenueRequest = { kind: 'quote-accept', quoteId: 'q1', order, maker };
      for (let time = 0; time < 2; time += 1) {
        expect(await bench.adapter.submit(request)).toEqual({ outcome: 'taken' });
      }
      const { lotSize } = bench.venue.instrument;
      expect(await bench.sink.done('taker')).toMatchObject({
        ...{ state: 'filled', filled: 5 * lotSize },
      });
      expect(await bench.sink.done('maker')).toMatchObject({ state: 'filled' });
      await bench.expectTrades([['taker', 'maker', 5, 100]], 7);
      expect(bench.sink.of('executed')[0]?.execution.homeVenue).toBe('other');
      expect(bench.sink.of('print')).toMatchObject([{ negotiated: true, quantity: 5 * lotSize }]);
      await bench.send('status', 'taker');
      expect(await bench.sink.told('taker', 'order-status')).toMatchObject({ status: 'filled' });
    },
  },
  {
    about: 'rejects what two members did not agree on, and an agreement of one with himself',
    covers: [43],
    rfq: 'memberQuotes',
    run: async (bench) => {
      await bench.start();
      const other = bench.order('other', 'sell', 5, 101, { timeInForce: 'fok' });
      const own = bench.order('own', 'sell', 5, 100, {
        ...{ timeInForce: 'fok', owner: bench.order('x', 'buy', 1, 1).owner },
      });
      for (const [id, maker] of [
        ['one', other],
        ['two', own],
      ] as const) {
        const order = taking(bench, id, 5, 100);
        await bench.adapter.submit({ kind: 'quote-accept', quoteId: id, order, maker });
        expect(await bench.sink.told(id, 'rejected')).toBeDefined();
        expect(await bench.sink.told(maker.orderId, 'rejected')).toBeDefined();
      }
      await bench.expectTrades([]);
    },
  },
  {
    about: 'rejects an agreement while trading is halted',
    covers: [25, 43],
    rfq: 'memberQuotes',
    drivers: ['halt'],
    run: async (bench, drive) => {
      await bench.start();
      await drive.halt();
      const order = taking(bench, 'taker', 5, 100);
      const maker = bench.order('maker', 'sell', 5, 100, { timeInForce: 'fok' });
      await bench.adapter.submit({ kind: 'quote-accept', quoteId: 'q1', order, maker });
      expect(await bench.sink.told('taker', 'rejected')).toBeDefined();
      await bench.expectTrades([]);
    },
  },
  {
    about: 'hands a request to its venue, and the venue’s firm quote back; it is taken once',
    covers: [44],
    rfq: 'venueQuotes',
    drivers: ['quote', 'nowMs'],
    run: async (bench, drive) => {
      await bench.start();
      const untilMs = drive.nowMs() + FAR_MS;
      for (let time = 0; time < 2; time += 1) {
        await bench.adapter.submit(asked(bench, 'r1', untilMs));
      }
      const { lotSize, tickSize } = bench.venue.instrument;
      await drive.quote('r1', { price: 100 * tickSize, quantity: 5 * lotSize }, untilMs);
      const { quote } = await told(bench, 'quote', 'r1');
      expect(quote).toMatchObject({
        offer: { price: 100 * tickSize, quantity: 5 * lotSize },
        validUntilMs: untilMs,
      });
      const { quoteId } = quote;
      const first = taking(bench, 'first', 5, 100);
      await bench.adapter.submit({ kind: 'quote-accept', quoteId, order: first });
      expect(await bench.sink.done('first')).toMatchObject({ state: 'filled' });
      const second = taking(bench, 'second', 5, 100);
      await bench.adapter.submit({ kind: 'quote-accept', quoteId, order: second });
      expect(await bench.sink.told('second', 'rejected')).toBeDefined();
      await bench.expectTrades([['first', '', 5, 100]]);
    },
  },
  {
    about: 'rejects a quote that is taken at other terms, too late, or after its request has ended',
    covers: [44, 45],
    rfq: 'venueQuotes',
    drivers: ['quote', 'nowMs', 'passUntil'],
    run: async (bench, drive) => {
      await bench.start();
      const { lotSize, tickSize } = bench.venue.instrument;
      const side = { price: 100 * tickSize, quantity: 5 * lotSize };
      const quoted = async (requestId: string, untilMs: number): Promise<string> => {
        await bench.adapter.submit(asked(bench, requestId, untilMs));
        await drive.quote(requestId, side, untilMs);
        return (await told(bench, 'quote', requestId)).quote.quoteId;
      };
      const take = async (quoteId: string, order: VenueOrder): Promise<void> => {
        await bench.adapter.submit({ kind: 'quote-accept', quoteId, order });
        expect(await bench.sink.told(order.orderId, 'rejected')).toBeDefined();
      };
      const far = drive.nowMs() + FAR_MS;
      await take(await quoted('r1', far), taking(bench, 'cheaper', 5, 99));
      const ended = await quoted('r2', far);
      await bench.adapter.submit({ kind: 'quote-cancel', requestId: 'r2' });
      expect(await told(bench, 'quote-ended', 'r2')).toMatchObject({ quoteId: ended });
      await take(ended, taking(bench, 'ended', 5, 100));
      const soon = drive.nowMs() + 1_000;
      const late = await quoted('r3', soon);
      await drive.passUntil(soon + 1);
      await take(late, taking(bench, 'late', 5, 100));
      await bench.expectTrades([]);
    },
  },
  {
    about: 'refuses, before the wire, what it cannot negotiate',
    covers: [],
    run: async (bench) => {
      await bench.start();
      const { rfq } = bench.adapter.capabilities;
      const order = taking(bench, 'taker', 5, 100);
      const maker = bench.order('maker', 'sell', 5, 100, { timeInForce: 'fok' });
      const beyond: VenueRequest[] = [];
      if (!rfq?.venueQuotes) beyond.push(asked(bench, 'r1', Date.now() + FAR_MS));
      if (!rfq?.memberQuotes) beyond.push({ kind: 'quote-accept', quoteId: 'q1', order, maker });
      for (const request of beyond) {
        expect(await bench.adapter.submit(request)).toMatchObject({ outcome: 'refused' });
      }
    },
  },
];
