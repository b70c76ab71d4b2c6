import type { Instrument } from '@stoa/schema';
import { afterEach, describe, expect, it } from 'vitest';
import { RecordingSink } from '../conformance/recording-sink.ts';
import { venueAdapterSuite } from '../conformance/venue-adapter-suite.ts';
import { TEST_CALENDAR as CALENDAR, HOUR_MS, NOON } from '../testing/test-calendar.ts';
import { TEST_INSTRUMENT as INSTRUMENT } from '../testing/test-instrument.ts';
import type { OpenOrder, Receipt, VenueEvent, VenueOrder } from '../venue-adapter.ts';
import { EmbeddedVenue } from './embedded-venue.ts';
import type { EmbeddedVenueOptions } from './embedded-venue-options.ts';
import { TestClock } from './testing/test-clock.ts';

const FLOW_ACCOUNT = '0x000000000000000000000000000000000000f10e';
const BOB = '0x0000000000000000000000000000000000000b0b';
const ANNA = '0x000000000000000000000000000000000000a11a';

let clockMs = 1_800_000_000_000;

function newVenue(
  instrument: Instrument = INSTRUMENT,
  more: Partial<EmbeddedVenueOptions> = {},
): EmbeddedVenue {
  return new EmbeddedVenue({
    venue: 'alpha',
    instruments: [instrument],
    flowOwner: { member: 'alpha', account: FLOW_ACCOUNT },
    nowMs: () => (clockMs += 1),
    ...more,
  });
}

venueAdapterSuite('the embedded venue', async () => {
  const clock = new TestClock(NOON);
  let venue: EmbeddedVenue;
  return {
    instrument: INSTRUMENT,
    newAdapter: () => {
      // A restart takes its time.
      clock.passTo(clock.nowMs() + 1);
      venue = newVenue(INSTRUMENT, { ...clock, calendar: CALENDAR });
      return venue;
    },
    drive: {
      halt: () => venue.halt(INSTRUMENT.id, 'news'),
      resume: () => venue.resume(INSTRUMENT.id, 'news is out'),
      endSession: () => clock.passTo(NOON + 5 * HOUR_MS),
      startEntry: () => clock.passTo(NOON + 20 * HOUR_MS),
      openSession: () => clock.passTo(NOON + 21 * HOUR_MS),
      nowMs: clock.nowMs,
      passUntil: (atMs) => clock.passTo(atMs),
      quote: (requestId, offer, validUntilMs) => {
        expect(typeof venue.quote(requestId, { offer, validUntilMs })).toBe('string');
      },
      cancelUnasked: async (orderId) => {
        expect(await venue.cancel(orderId, 'surveillance')).toEqual({ outcome: 'taken' });
      },
      bust: async (executionId) => {
        expect(await venue.bust(executionId, 'clearly erroneous')).toEqual({ outcome: 'taken' });
      },
      correct: async (executionId, to) => {
        expect(await venue.correct(executionId, to)).toEqual({ outcome: 'taken' });
      },
    },
    teardown: () => undefined,
  };
});

const FINE: Instrument = { ...INSTRUMENT, tickSize: 1, lotSize: 1 };

function order(orderId: string, side: 'buy' | 'sell', quantity: number, price: number): VenueOrder {
  return {
    orderId,
    instrument: FINE.id,
    side,
    timeInForce: 'day',
    quantity,
    limitPrice: price,
    owner: { member: 'broker', account: ANNA },
    homeVenue: 'home',
  };
}

function ofBob(one: VenueOrder): VenueOrder {
  return { ...one, owner: { member: 'broker', account: BOB } };
}

describe('the embedded venue', () => {
  const ended = new AbortController();
  const venues: EmbeddedVenue[] = [];
  afterEach(async () => {
    for (const venue of venues.splice(0)) await venue.stop();
  });

  async function started(
    sink: RecordingSink,
    openOrders: readonly OpenOrder[] = [],
    instrument: Instrument = FINE,
    more: Partial<EmbeddedVenueOptions> = {},
  ): Promise<EmbeddedVenue> {
    const venue = newVenue(instrument, more);
    venues.push(venue);
    await venue.start({ sink, openOrders, nextTradeNumber: 1, signal: ended.signal });
    return venue;
  }

  it('lets recorded flow trade with members, in one queue, under the flow owner’s wallet', async () => {
    const sink = new RecordingSink();
    const venue = await started(sink);
    const flow = venue.flowTarget(FINE.id);
    await venue.submit({ kind: 'new', order: order('anna', 'buy', 100, 10_000) });
    expect(flow.submit({ orderId: 7, side: 'buy', price: 1_000_000, size: 50 })).toBe(true);
    expect(flow.execute({ side: 'sell', price: 1_000_000, size: 120 })).toBe(true);
    expect(await sink.done('anna')).toMatchObject({ state: 'filled', filled: 100 });
    expect(sink.of('executed')).toHaveLength(1);
    expect(sink.of('executed')[0]).toMatchObject({
      execution: { tradeNumber: 1, buyer: ANNA, seller: FLOW_ACCOUNT, homeVenue: 'alpha' },
      parties: { buyOrderId: 'anna', sellOrderId: undefined },
    });
    expect(sink.of('print').map(({ quantity }) => quantity)).toEqual([100, 20]);
    expect(sink.of('book').at(-1)?.bids).toEqual([{ price: 10_000, quantity: 30 }]);
    expect(flow.reduce(7, 10)).toBe(true);
    expect(flow.cancel(7)).toBe(true);
    expect(flow.cancel(7)).toBe(false);
  });

  it('settles as one trade what an order takes of the flow at a price, and prints each', async () => {
    const sink = new RecordingSink();
    const venue = await started(sink);
    const flow = venue.flowTarget(FINE.id);
    for (const [orderId, price] of [
      [1, 1_000_000],
      [2, 1_000_000],
      [3, 1_000_100],
      [4, 1_000_100],
    ] as const) {
      flow.submit({ orderId, side: 'sell', price, size: 10 });
    }
    await venue.submit({ kind: 'new', order: order('anna', 'buy', 35, 10_001) });
    expect(await sink.done('anna')).toMatchObject({ state: 'filled', filled: 35 });
    expect(sink.of('executed').map(({ execution }) => execution)).toMatchObject([
      { tradeNumber: 1, price: 10_000, quantity: 20 },
      { tradeNumber: 2, price: 10_001, quantity: 15 },
    ]);
    const prints = sink.of('print');
    expect(prints.map(({ quantity }) => quantity)).toEqual([10, 10, 10, 5]);
    expect(new Set(prints.map(({ executionId }) => executionId)).size).toBe(4);
    expect(sink.of('executed')[1]?.execution.executionId).toBe(prints[2]?.executionId);
  });

  it('refuses recorded prices and sizes that the instrument cannot express', async () => {
    const sink = new RecordingSink();
    const venue = await started(sink);
    const flow = venue.flowTarget(FINE.id);
    expect(flow.submit({ orderId: 7, side: 'buy', price: 1_000_050, size: 50 })).toBe(false);
    expect(flow.print({ price: 1_000_050, size: 50 })).toBe(false);
    expect(flow.print({ price: 1_000_000, size: 50 })).toBe(true);
    await sink.until((event) => event.kind === 'print', 'the print');
    expect(sink.of('print')).toMatchObject([{ price: 10_000, quantity: 50 }]);
  });

  it('holds recorded orders to the tick and lot size of the instrument', async () => {
    const venue = await started(new RecordingSink(), [], INSTRUMENT);
    const flow = venue.flowTarget(INSTRUMENT.id);
    expect(flow.submit({ orderId: 7, side: 'buy', price: 1_000_100, size: 50 })).toBe(false);
    expect(flow.submit({ orderId: 7, side: 'buy', price: 1_000_500, size: 55 })).toBe(false);
    expect(flow.submit({ orderId: 7, side: 'buy', price: 1_000_500, size: 50 })).toBe(true);
  });

  it('tells a book once for all that happened to it in one turn', async () => {
    const sink = new RecordingSink();
    const venue = await started(sink);
    const flow = venue.flowTarget(FINE.id);
    const before = sink.of('book').length;
    for (let orderId = 1; orderId <= 100; orderId += 1) {
      flow.submit({ orderId, side: 'buy', price: 1_000_000, size: 1 });
      await Promise.resolve();
    }
    await venue.stop();
    expect(sink.of('book').slice(before)).toMatchObject([
      { bids: [{ price: 10_000, quantity: 100 }], offers: [] },
    ]);
  });

  it('goes on only when both the venue and the recording have resumed', async () => {
    const sink = new RecordingSink();
    const venue = await started(sink);
    const flow = venue.flowTarget(FINE.id);
    flow.halt();
    venue.halt(FINE.id, 'news');
    flow.resume();
    expect(flow.submit({ orderId: 7, side: 'buy', price: 1_000_000, size: 50 })).toBe(false);
    venue.resume(FINE.id, 'done');
    expect(flow.submit({ orderId: 7, side: 'buy', price: 1_000_000, size: 50 })).toBe(true);
    await venue.stop();
    const states = sink.of('trading-status').map(({ state }) => state);
    expect(states).toEqual(['trading', 'halted', 'trading']);
  });

  it('makes the flow wait, and members last of all, while the sink is slow', async () => {
    const sink = new RecordingSink();
    const venue = await started(sink);
    const flow = venue.flowTarget(FINE.id);
    sink.hold();
    let printed = 0;
    while (flow.ready() === undefined) {
      flow.print({ price: 1_000_000, size: 1 });
      printed += 1;
    }
    expect(printed).toBe(2_000);
    const waiting = flow.ready();
    expect(await venue.submit({ kind: 'new', order: order('a', 'buy', 1, 1) })).toEqual({
      outcome: 'taken',
    });
    let receipt: Awaited<ReturnType<EmbeddedVenue['submit']>> = { outcome: 'taken' };
    let sent = 0;
    for (; receipt.outcome === 'taken' && sent < 20_000; sent += 1) {
      receipt = await venue.submit({ kind: 'status', orderId: 'a', instrument: FINE.id });
    }
    expect(receipt).toMatchObject({ outcome: 'refused', rejection: { code: 'VENUE_BUSY' } });
    expect(sent).toBe(8_000);
    sink.release();
    await waiting;
    await venue.stop();
    expect(sink.of('print')).toHaveLength(2_000);
    expect(sink.of('order-status')).toHaveLength(7_999);
  });

  it('says the same in public whoever trades', async () => {
    const said: VenueEvent[][] = [];
    for (const member of ['one', 'two']) {
      const sink = new RecordingSink();
      const venue = await started(sink, [], FINE, { nowMs: () => 1_900_000_000_000 });
      const flow = venue.flowTarget(FINE.id);
      const first = { ...order(`${member}-1`, 'sell', 10, 10_000), homeVenue: member };
      await venue.submit({ kind: 'new', order: first });
      if (member === 'one') flow.submit({ orderId: 1, side: 'buy', price: 1_000_000, size: 4 });
      else await venue.submit({ kind: 'new', order: ofBob(order('other', 'buy', 4, 10_000)) });
      await venue.stop();
      said.push(
        sink.events.filter(({ kind }) => ['book', 'print', 'trading-status'].includes(kind)),
      );
    }
    expect(said[0]).toEqual(said[1]);
    expect(said[0]?.some(({ kind }) => kind === 'print')).toBe(true);
  });

  it('trades restored orders whose trade a crash had left unrecorded', async () => {
    const sink = new RecordingSink();
    await started(sink, [
      { order: order('bid', 'buy', 5, 10_001), filled: 1 },
      { order: ofBob(order('offer', 'sell', 3, 10_000)), filled: 0 },
    ]);
    expect(sink.of('executed')).toMatchObject([
      { execution: { price: 10_001, quantity: 3, tradeNumber: 1 } },
    ]);
    expect(await sink.done('offer')).toMatchObject({ state: 'filled', filled: 3 });
    expect(sink.of('accepted')).toEqual([]);
  });

  it('ends at once when its signal aborts, whatever the sink does', async () => {
    const sink = new RecordingSink();
    const venue = newVenue(FINE);
    const stop = new AbortController();
    await venue.start({ sink, openOrders: [], nextTradeNumber: 1, signal: stop.signal });
    sink.hold();
    await venue.submit({ kind: 'new', order: order('a', 'buy', 1, 1) });
    stop.abort();
    expect(venue.link).toBe('stopped');
    sink.release();
  });

  it('lets no investor trade with himself; two of one broker may', async () => {
    const sink = new RecordingSink();
    const venue = await started(sink);
    await venue.submit({ kind: 'new', order: order('own', 'sell', 5, 10_000) });
    await venue.submit({ kind: 'new', order: order('meets', 'buy', 5, 10_000) });
    expect(await sink.done('meets')).toMatchObject({ state: 'canceled', reason: 'self-trade' });
    await venue.submit({ kind: 'new', order: ofBob(order('other', 'buy', 5, 10_000)) });
    expect(await sink.done('other')).toMatchObject({ state: 'filled' });
    const strict = { within: 'member', action: 'cancel-both' } as const;
    const other = await started(sink, [], FINE, { selfTrade: strict });
    await other.submit({ kind: 'new', order: order('maker', 'sell', 5, 10_000) });
    await other.submit({ kind: 'new', order: ofBob(order('taker', 'buy', 5, 10_000)) });
    expect(await sink.done('maker')).toMatchObject({ state: 'canceled', reason: 'self-trade' });
    expect(await sink.done('taker')).toMatchObject({ state: 'canceled', reason: 'self-trade' });
  });

  it('delivers a sweep whole, however many events it is', async () => {
    const batches: (readonly VenueEvent[])[] = [];
    const sink = { deliver: async (events: readonly VenueEvent[]) => void batches.push(events) };
    const venue = newVenue(FINE);
    venues.push(venue);
    await venue.start({ sink, openOrders: [], nextTradeNumber: 1, signal: ended.signal });
    for (let maker = 1; maker <= 1_500; maker += 1) {
      await venue.submit({ kind: 'new', order: ofBob(order(`maker-${maker}`, 'sell', 1, 10_000)) });
    }
    await venue.reconcile();
    const sweep = { ...order('sweep', 'buy', 1_500, 10_000), timeInForce: 'fok' } as const;
    await venue.submit({ kind: 'new', order: sweep });
    await venue.stop();
    const withTrades = batches.filter((batch) => batch.some(({ kind }) => kind === 'executed'));
    expect(withTrades).toHaveLength(1);
    expect(withTrades[0]?.filter(({ kind }) => kind === 'executed')).toHaveLength(1_500);
    expect(withTrades[0]?.at(0)).toMatchObject({ kind: 'accepted', orderId: 'sweep' });
  });

  it('undoes a trade with the flow, and every print of it; corrects none that was printed in parts', async () => {
    const sink = new RecordingSink();
    const venue = await started(sink);
    const flow = venue.flowTarget(FINE.id);
    for (const orderId of [1, 2]) {
      flow.submit({ orderId, side: 'sell', price: 1_000_000, size: 10 });
    }
    await venue.submit({ kind: 'new', order: order('a', 'buy', 30, 10_000) });
    const executed = await sink.until(({ kind }) => kind === 'executed', 'the trade');
    const executionId = executed.kind === 'executed' ? executed.execution.executionId : '';
    const code = async (receipt: Promise<Receipt>) => {
      const answer = await receipt;
      return answer.outcome === 'refused' ? answer.rejection.code : answer.outcome;
    };
    const to = { price: 9_999, quantity: 20 };
    expect(await code(venue.correct(executionId, to))).toBe('TRADE_JOINED');
    expect(await code(venue.bust('never', 'x'))).toBe('UNKNOWN_TRADE');
    expect(await code(venue.bust(executionId, 'x'))).toBe('taken');
    expect(await code(venue.bust(executionId, 'x'))).toBe('TRADE_UNDONE');
    await venue.reconcile();
    expect(sink.of('busted').map((event) => event.executionId)).toEqual(
      sink.of('print').map((print) => print.executionId),
    );
    expect(sink.of('order-status')).toMatchObject([{ orderId: 'a', status: 'new', filled: 0 }]);
    expect(sink.of('book').at(-1)?.bids).toEqual([{ price: 10_000, quantity: 30 }]);
  });

  it('opens a halted instrument when it resumes, with the auction it missed', async () => {
    const clock = new TestClock(NOON - 4 * HOUR_MS);
    const sink = new RecordingSink();
    const venue = await started(sink, [], FINE, { ...clock, calendar: CALENDAR });
    await venue.submit({ kind: 'new', order: order('bid', 'buy', 5, 10_000) });
    await venue.submit({ kind: 'new', order: ofBob(order('offer', 'sell', 5, 9_900)) });
    venue.halt(FINE.id, 'news');
    clock.passTo(NOON);
    await venue.reconcile();
    expect(sink.of('executed')).toEqual([]);
    venue.resume(FINE.id, 'news is out');
    expect(await sink.done('bid')).toMatchObject({ state: 'filled' });
    expect(sink.of('trading-status').at(-1)).toMatchObject({ state: 'trading' });
  });

  it('ends at a start the day orders of a session that is over', async () => {
    const clock = new TestClock(NOON);
    const sink = new RecordingSink();
    const acceptedAtMs = NOON - 24 * HOUR_MS;
    const open = (one: VenueOrder): OpenOrder => ({ order: one, filled: 2, acceptedAtMs });
    const gtc = { ...order('gtc', 'buy', 5, 10_000), timeInForce: 'gtc' } as const;
    const openOrders = [open(order('day', 'buy', 5, 10_000)), open(gtc)];
    const venue = await started(sink, openOrders, FINE, { ...clock, calendar: CALENDAR });
    expect(await sink.done('day')).toMatchObject({ state: 'expired', filled: 2 });
    await venue.reconcile();
    expect(sink.of('order-status').map(({ orderId }) => orderId)).toEqual(['gtc']);
  });
});
