import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RecordingSink } from '../conformance/recording-sink.ts';
import { venueAdapterSuite } from '../conformance/venue-adapter-suite.ts';
import { TEST_INSTRUMENT as INSTRUMENT } from '../testing/test-instrument.ts';
import type { OpenOrder, VenueOrder } from '../venue-adapter.ts';
import { EmbeddedVenue } from './embedded-venue.ts';
import type { VenueJournalOptions } from './embedded-venue-options.ts';
import type { BookRecovery } from './journal/book-recovery.ts';
import { readEngineRecord } from './journal/engine-record.ts';
import { TestClock } from './testing/test-clock.ts';

const ANNA = '0x000000000000000000000000000000000000a11a';
const BOB = '0x0000000000000000000000000000000000000b0b';

function newVenue(journal: VenueJournalOptions, clock: TestClock): EmbeddedVenue {
  return new EmbeddedVenue({
    venue: 'alpha',
    instruments: [INSTRUMENT],
    flowOwner: { member: 'alpha', account: '0x000000000000000000000000000000000000f10e' },
    ...{ journal, ...clock },
  });
}

function order(orderId: string, side: 'buy' | 'sell', quantity: number, price: number): VenueOrder {
  const owner = { member: 'broker', account: side === 'buy' ? ANNA : BOB } as const;
  const { id: instrument } = INSTRUMENT;
  const asked = { orderId, instrument, side, quantity, owner, limitPrice: price };
  return { ...asked, timeInForce: 'gtc', homeVenue: 'alpha' };
}

venueAdapterSuite('the embedded venue with a journal', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-venue-'));
  const clock = new TestClock(1_800_000_000_000);
  let venue: EmbeddedVenue;
  return {
    instrument: INSTRUMENT,
    newAdapter: () => {
      clock.passTo(clock.nowMs() + 1);
      venue = newVenue({ folder }, clock);
      return venue;
    },
    drive: {
      halt: () => venue.halt(INSTRUMENT.id, 'news'),
      resume: () => venue.resume(INSTRUMENT.id, 'news is out'),
      bust: async (executionId) => void (await venue.bust(executionId, 'clearly erroneous')),
      correct: async (executionId, to) => void (await venue.correct(executionId, to)),
    },
    teardown: () => rm(folder, { recursive: true }),
  };
});

describe('the embedded venue’s journal', () => {
  const clock = new TestClock(1_800_000_000_000);
  let folder: string;
  let sink: RecordingSink;
  const venues: EmbeddedVenue[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stoa-venue-'));
    sink = new RecordingSink();
  });
  afterEach(async () => {
    for (const venue of venues.splice(0)) await venue.stop();
    await rm(folder, { recursive: true });
  });

  async function started(openOrders: readonly OpenOrder[] = [], keepFlow = false) {
    clock.passTo(clock.nowMs() + 1_000);
    const recoveries: BookRecovery[] = [];
    const onRecovered = (one: BookRecovery): void => void recoveries.push(one);
    const venue = newVenue({ folder, keepFlow, onRecovered, operationsASegment: 50 }, clock);
    venues.push(venue);
    const stop = new AbortController();
    await venue.start({ sink, openOrders, nextTradeNumber: 1, signal: stop.signal });
    return { venue, recovery: recoveries[0], crash: () => stop.abort() };
  }

  it('brings the books back with every queue as it was, the flow’s orders too where wanted', async () => {
    const first = await started();
    const flow = first.venue.flowTarget(INSTRUMENT.id);
    flow.submit({ orderId: 1, side: 'buy', price: 1_000_000, size: 10 });
    await first.venue.submit({ kind: 'new', order: order('a', 'buy', 20, 10_000) });
    flow.submit({ orderId: 2, side: 'buy', price: 1_000_000, size: 10 });
    first.crash();
    const second = await started([{ order: order('a', 'buy', 20, 10_000), filled: 0 }], true);
    expect(second.recovery).toMatchObject({ operations: 3, tornBytes: 0, differences: [] });
    await second.venue.submit({ kind: 'new', order: order('hit', 'sell', 20, 10_000) });
    await sink.done('hit');
    expect(sink.of('print').map(({ quantity }) => quantity)).toEqual([10, 10]);
    expect(sink.of('executed').map(({ execution }) => execution.quantity)).toEqual([10, 10]);
    second.crash();
    const third = await started([{ order: order('a', 'buy', 20, 10_000), filled: 10 }]);
    await third.venue.submit({ kind: 'new', order: order('probe', 'sell', 20, 10_000) });
    await sink.done('a');
    expect(sink.of('executed').at(-1)).toMatchObject({ execution: { quantity: 10 } });
    await third.venue.reconcile();
    expect(sink.of('book').at(-1)?.offers).toEqual([{ price: 10_000, quantity: 10 }]);
  });

  it('is a record of what the engine did, which says the same as the venue said', async () => {
    const { venue } = await started();
    const flow = venue.flowTarget(INSTRUMENT.id);
    // Two of the flow's at one price are one trade of whoever takes them.
    flow.submit({ orderId: 1, side: 'sell', price: 1_000_000, size: 10 });
    flow.submit({ orderId: 2, side: 'sell', price: 1_000_000, size: 10 });
    flow.submit({ orderId: 3, side: 'sell', price: 1_010_000, size: 10 });
    await venue.submit({ kind: 'new', order: order('a', 'buy', 50, 10_100) });
    await venue.submit({ kind: 'new', order: order('b', 'sell', 10, 10_100) });
    flow.submit({ orderId: 4, side: 'buy', price: 900_000, size: 10 });
    await venue.stop();
    const { trades, open, operations } = await readEngineRecord(folder, [INSTRUMENT.id]);
    expect(trades.map(({ sequence: _at, ...trade }) => trade)).toEqual([
      { buyOrderId: 'a', sellOrderId: undefined, price: 10_000, quantity: 20 },
      { buyOrderId: 'a', sellOrderId: undefined, price: 10_100, quantity: 10 },
      { buyOrderId: 'a', sellOrderId: 'b', price: 10_100, quantity: 10 },
    ]);
    expect(
      sink.of('executed').map(({ execution: { price, quantity } }) => [price, quantity]),
    ).toEqual(trades.map(({ price, quantity }) => [price, quantity]));
    expect(open).toEqual([{ orderId: 'a', quantity: 50, executed: 40 }]);
    expect(trades.map(({ sequence }) => operations - sequence)).toEqual([2, 2, 1]);
  });

  it('takes the members’ open orders for the truth, and says where the book was another', async () => {
    const first = await started();
    const bids = ['same', 'gone', 'less', 'late'].map((id) => order(id, 'buy', 20, 10_000));
    for (const one of bids.slice(0, 3)) await first.venue.submit({ kind: 'new', order: one });
    first.crash();
    const [same, , less, late] = bids;
    if (!same || !less || !late) throw new Error('no orders');
    const second = await started([
      { order: late, filled: 0 },
      { order: less, filled: 10 },
      { order: same, filled: 0 },
    ]);
    expect(second.recovery?.differences).toEqual([
      { orderId: 'gone', what: 'not-open' },
      { orderId: 'less', what: 'differs' },
      { orderId: 'late', what: 'not-in-book' },
    ]);
    await second.venue.submit({ kind: 'new', order: order('hit', 'sell', 50, 10_000) });
    await sink.done('hit');
    expect(sink.of('executed').map(({ parties }) => parties.buyOrderId)).toEqual([
      ...['same', 'late', 'less'],
    ]);
  });

  it('starts from a cut-off last write, and not from a damaged one', async () => {
    const first = await started();
    for (let step = 1; step <= 5; step += 1) {
      await first.venue.submit({ kind: 'new', order: order(`bid-${step}`, 'buy', 10, 9_000) });
    }
    await first.venue.stop();
    const name = (await readdir(folder)).find((one) => one.endsWith('.log')) ?? '';
    const whole = await readFile(join(folder, name));
    await writeFile(join(folder, name), whole.subarray(0, whole.length - 3));
    const second = await started();
    expect(second.recovery).toMatchObject({ operations: 4, differences: { length: 4 } });
    await second.venue.stop();
    const damaged = (await readdir(folder)).find((one) => one.endsWith('.log')) ?? '';
    const bytes = await readFile(join(folder, damaged));
    bytes[30] = (bytes[30] ?? 0) ^ 1;
    await writeFile(join(folder, damaged), bytes);
    await expect(started()).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
    expect(venues.at(-1)?.link).toBe('stopped');
  });

  it('says that an outcome is unknown, and ends, where it cannot write', async () => {
    const first = await started();
    const { link } = first.venue;
    expect(link).toBe('ready');
    // The next segment cannot be begun in a folder that is gone.
    await rm(folder, { recursive: true });
    const outcomes: string[] = [];
    for (let step = 1; step <= 60; step += 1) {
      const bid = order(`bid-${step}`, 'buy', 10, 10_000);
      outcomes.push((await first.venue.submit({ kind: 'new', order: bid })).outcome);
    }
    expect(new Set(outcomes)).toEqual(new Set(['taken', 'outcome-unknown', 'refused']));
    expect(outcomes.filter((one) => one === 'outcome-unknown')).toHaveLength(1);
    expect(first.venue.link).toBe('stopped');
    folder = await mkdtemp(join(tmpdir(), 'stoa-venue-'));
  });
});
