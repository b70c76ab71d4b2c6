import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RecordingSink } from '../conformance/recording-sink.ts';
import { TEST_CALENDAR as CALENDAR, HOUR_MS, NOON } from '../testing/test-calendar.ts';
import { TEST_INSTRUMENT as INSTRUMENT } from '../testing/test-instrument.ts';
import type { VenueOrder } from '../venue-adapter.ts';
import { EmbeddedVenue } from './embedded-venue.ts';
import { TestClock } from './testing/test-clock.ts';

const EVENING = NOON + 6 * HOUR_MS;
const BEFORE_THE_OPENING = NOON + 20 * HOUR_MS;

let clock: TestClock;
let sink: RecordingSink;
let venue: EmbeddedVenue;
let orders = 0;

beforeEach(async () => {
  clock = new TestClock(NOON);
  sink = new RecordingSink();
  venue = newVenue();
  await start(venue);
});
afterEach(async () => {
  sink.release();
  await venue.stop();
});

function newVenue(timer = clock.timer): EmbeddedVenue {
  return new EmbeddedVenue({
    ...{ venue: 'alpha', instruments: [INSTRUMENT], calendar: CALENDAR },
    ...{ nowMs: clock.nowMs, timer },
    flowOwner: { member: 'alpha', account: '0x000000000000000000000000000000000000f10e' },
  });
}

function start(one: EmbeddedVenue): Promise<void> {
  const { signal } = new AbortController();
  return one.start({ sink, openOrders: [], nextTradeNumber: 1, signal });
}

/** A day order to buy 20 at 1,000 that nobody has seen, and what the test wants otherwise. */
function order(other: Partial<VenueOrder> = {}): VenueOrder {
  orders += 1;
  return {
    ...{ orderId: `order-${orders}`, instrument: INSTRUMENT.id, side: 'buy', timeInForce: 'day' },
    ...{ quantity: 20, limitPrice: 1_000, homeVenue: 'home' },
    owner: { member: 'broker', account: '0x000000000000000000000000000000000000a11a' },
    ...other,
  };
}

/** What becomes of an order that is submitted: the venue's first word, or the code of a refusal. */
async function firstWord(submitted: VenueOrder): Promise<string> {
  const { orderId } = submitted;
  const receipt = await venue.submit({ kind: 'new', order: submitted });
  if (receipt.outcome === 'refused') return receipt.rejection.code;
  const event = await sink.until(
    (one) => 'orderId' in one && one.orderId === orderId,
    `${orderId} accepted or rejected`,
  );
  return event.kind === 'rejected' ? event.rejection.code : event.kind;
}

const NOWHERE = 'eip155:1/erc20:0x00000000000000000000000000000000000000ff';

describe('what the embedded venue says beforehand of an order', () => {
  it.each<[string, Partial<VenueOrder>]>([
    ['that rests', {}],
    ['that is immediate, though it meets nothing', { timeInForce: 'ioc' }],
    ['that is good until now', { timeInForce: 'gtd', expireAtMs: NOON }],
    ['that shows a part and has a minimum', { displayQuantity: 10, minQuantity: 10 }],
  ])('is yes for one %s, which it then accepts', async (_what, other) => {
    const asked = order(other);
    expect(venue.accepts(asked)).toBe(true);
    expect(await firstWord(asked)).toBe('accepted');
  });

  it.each<[string, string, Partial<VenueOrder>]>([
    ['of an instrument it does not list', 'UNKNOWN_INSTRUMENT', { instrument: NOWHERE }],
    ['off the tick', 'OFF_TICK', { limitPrice: 1_001 }],
    ['off the lot', 'OFF_LOT', { quantity: 21 }],
    ['with a minimum off the lot', 'OFF_LOT', { minQuantity: 11 }],
    ['for nothing', 'QUANTITY_INVALID', { quantity: 0 }],
    ['that is out of time', 'EXPIRED', { timeInForce: 'gtd', expireAtMs: NOON - 1 }],
    [
      'whose terms contradict each other',
      'ORDER_TERMS_INVALID',
      { allOrNone: true, minQuantity: 10 },
    ],
  ])('is no for one %s, which it then rejects', async (_what, code, other) => {
    const asked = order(other);
    expect(venue.accepts(asked)).toBe(false);
    expect(await firstWord(asked)).toBe(code);
  });

  it('is no while it is halted, and yes when that is over', async () => {
    venue.halt(INSTRUMENT.id, 'news');
    const halted = order();
    expect(venue.accepts(halted)).toBe(false);
    expect(await firstWord(halted)).toBe('HALTED');
    venue.resume(INSTRUMENT.id, 'the news is out');
    expect(venue.accepts(order())).toBe(true);
  });

  it('is no outside the session, and before the opening yes for what can wait alone', async () => {
    clock.passTo(EVENING);
    const late = order();
    expect(venue.accepts(late)).toBe(false);
    expect(await firstWord(late)).toBe('CLOSED');
    clock.passTo(BEFORE_THE_OPENING);
    const immediate = order({ timeInForce: 'ioc' });
    expect(venue.accepts(immediate)).toBe(false);
    expect(await firstWord(immediate)).toBe('AUCTION');
    const waiting = order();
    expect(venue.accepts(waiting)).toBe(true);
    expect(await firstWord(waiting)).toBe('accepted');
  });

  it('is of the session as it is now, though nothing has told the venue that it ended', async () => {
    await venue.stop();
    venue = newVenue(() => () => undefined);
    await start(venue);
    clock.passTo(EVENING);
    expect(venue.accepts(order())).toBe(false);
  });

  it('is no for one that it has, open or done', async () => {
    const open = order();
    await firstWord(open);
    expect(venue.accepts(open)).toBe(false);
    const done = order({ timeInForce: 'ioc' });
    await firstWord(done);
    await sink.done(done.orderId);
    expect(venue.accepts(done)).toBe(false);
  });

  it('is no before it is started, and after it was stopped', async () => {
    expect(newVenue().accepts(order())).toBe(false);
    await venue.stop();
    const late = order();
    expect(venue.accepts(late)).toBe(false);
    expect(await firstWord(late)).toBe('VENUE_NOT_READY');
  });

  it('is no while nobody takes what it says', async () => {
    sink.failNext(2);
    await venue.submit({ kind: 'new', order: order() });
    await expect.poll(() => venue.link).toBe('degraded');
    const asked = order();
    expect(venue.accepts(asked)).toBe(false);
    expect(await firstWord(asked)).toBe('VENUE_NOT_READY');
    await expect.poll(() => venue.link, { timeout: 5_000 }).toBe('ready');
    expect(venue.accepts(asked)).toBe(true);
  });

  it('is no while too much of what it said is not durable', async () => {
    const open = order();
    await firstWord(open);
    sink.hold();
    const status = { kind: 'status', orderId: open.orderId, instrument: INSTRUMENT.id } as const;
    while ((await venue.submit(status)).outcome === 'taken');
    const asked = order();
    expect(venue.accepts(asked)).toBe(false);
    expect(await firstWord(asked)).toBe('VENUE_BUSY');
    sink.release();
    await venue.reconcile();
    expect(venue.accepts(asked)).toBe(true);
  });

  it('changes nothing, and is told to nobody', async () => {
    await firstWord(order({ side: 'sell', limitPrice: 1_005 }));
    await venue.reconcile();
    const said = sink.events.length;
    const digests = venue.digests();
    const taker = order({ limitPrice: 1_005, owner: { member: 'other', account: '0x0b' } });
    for (const asked of [taker, order({ quantity: 21 }), taker]) venue.accepts(asked);
    // A book that changed would be told with what comes next.
    await venue.submit({ kind: 'status', orderId: 'never', instrument: INSTRUMENT.id });
    await sink.told('never', 'order-status');
    expect(sink.events).toHaveLength(said + 1);
    expect(venue.digests()).toEqual(digests);
    expect(await firstWord(taker)).toBe('accepted');
    expect(await sink.done(taker.orderId)).toMatchObject({ state: 'filled' });
  });
});
