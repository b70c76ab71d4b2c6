import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ANNA, BOB, VenueBench, type VenueUnderTest } from './venue-bench.ts';

/**
 * What every venue adapter must do, whatever is behind it. Call it in a test file of the
 * implementation with a name and a venue to try it on.
 */
export function venueAdapterSuite(name: string, setup: () => Promise<VenueUnderTest>): void {
  describe(`${name} as a venue adapter`, () => {
    let bench: VenueBench;
    beforeEach(async () => {
      bench = new VenueBench(await setup());
    });
    afterEach(() => bench.end());

    linkCases(() => bench);
    orderCases(() => bench);
    refusalCases(() => bench);
    changeCases(() => bench);
    marketCases(() => bench);
    recoveryCases(() => bench);
  });
}

type Current = () => VenueBench;

function linkCases(current: Current): void {
  it('takes requests only between start and stop', async () => {
    const bench = current();
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
  });

  it('delivers nothing more until the last delivery is durable, then all of it in order', async () => {
    const bench = current();
    await bench.start();
    bench.sink.hold();
    const before = bench.sink.deliveries;
    const orderIds = Array.from({ length: 50 }, (_, index) => `order-${index}`);
    for (const orderId of orderIds) {
      await bench.adapter.submit({ kind: 'new', order: bench.order(orderId, 'buy', 1, 100) });
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(bench.sink.deliveries).toBe(before + 1);
    bench.sink.release();
    await bench.sink.told('order-49', 'accepted');
    expect(bench.sink.of('accepted').map(({ orderId }) => orderId)).toEqual(orderIds);
  });

  it('repeats a delivery that failed, and loses nothing', async () => {
    const bench = current();
    await bench.start();
    bench.sink.failNext(2);
    await bench.adapter.submit({ kind: 'new', order: bench.order('a', 'buy', 1, 100) });
    await bench.sink.told('a', 'accepted');
    expect(bench.sink.about('a')).toHaveLength(1);
    await bench.sink.until(
      (event) => event.kind === 'link' && event.state === 'degraded',
      'link degraded',
    );
  });
}

function orderCases(current: Current): void {
  it('accepts an order, then fills it: one execution names both orders, wallets and the taker', async () => {
    const bench = current();
    await bench.start({ nextTradeNumber: 41 });
    await bench.enter('maker', 'sell', 3, 100);
    await bench.enter('taker', 'buy', 3, 101, { homeVenue: 'other' });
    expect(await bench.sink.done('taker')).toMatchObject({ state: 'filled' });
    expect(await bench.sink.done('maker')).toMatchObject({ state: 'filled' });
    expect(bench.executions()).toEqual([[41, 'taker', 'maker', 3, 100]]);
    expect(bench.sink.of('executed')[0]?.execution).toMatchObject({
      venue: bench.adapter.venue,
      instrument: bench.venue.instrument.id,
      buyer: ANNA.account,
      seller: BOB.account,
      homeVenue: 'other',
    });
  });

  it('fills in parts, by price and then by time, under dense trade numbers', async () => {
    const bench = current();
    await bench.start();
    await bench.enter('late', 'sell', 2, 101);
    await bench.enter('first', 'sell', 2, 100);
    await bench.enter('second', 'sell', 2, 100);
    await bench.enter('taker', 'buy', 7, 101);
    await bench.sink.done('late');
    expect(bench.executions()).toEqual([
      [1, 'taker', 'first', 2, 100],
      [2, 'taker', 'second', 2, 100],
      [3, 'taker', 'late', 2, 101],
    ]);
    expect(new Set(bench.sink.of('executed').map((one) => one.execution.executionId)).size).toBe(3);
    await bench.enter('rest', 'sell', 1, 101);
    expect(await bench.sink.done('taker')).toMatchObject({
      state: 'filled',
      filled: 7 * bench.venue.instrument.lotSize,
    });
  });

  it('cancels what an immediate-or-cancel cannot fill, and all of an unfillable fill-or-kill', async () => {
    const bench = current();
    await bench.start();
    const { lotSize } = bench.venue.instrument;
    await bench.enter('maker', 'sell', 2, 100);
    await bench.enter('fok', 'buy', 3, 100, { timeInForce: 'fok' });
    expect(await bench.sink.done('fok')).toMatchObject({ state: 'canceled', filled: 0 });
    await bench.enter('ioc', 'buy', 3, 100, { timeInForce: 'ioc' });
    expect(await bench.sink.done('ioc')).toMatchObject({ state: 'canceled', filled: 2 * lotSize });
    expect(bench.executions()).toEqual([[1, 'ioc', 'maker', 2, 100]]);
  });

  it('says where an order stands, and that it never saw one it never saw', async () => {
    const bench = current();
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
  });
}

function refusalCases(current: Current): void {
  it('rejects what the instrument does not allow, each with its own code', async () => {
    const bench = current();
    await bench.start();
    const { tickSize, lotSize } = bench.venue.instrument;
    const nowhere = 'eip155:1/erc20:0x00000000000000000000000000000000000000ff';
    await bench.enter('tick', 'buy', 1, 100, { limitPrice: tickSize * 100 + 1 });
    await bench.enter('lot', 'buy', 1, 100, { quantity: lotSize + 1 });
    await bench.enter('price', 'buy', 1, 100, { limitPrice: 0 });
    await bench.enter('quantity', 'buy', 1, 100, { quantity: 0 });
    await bench.enter('nowhere', 'buy', 1, 100, { instrument: nowhere });
    expect(bench.sink.of('rejected').map((event) => [event.orderId, event.rejection.code])).toEqual(
      [
        ['tick', 'OFF_TICK'],
        ['lot', 'OFF_LOT'],
        ['price', 'PRICE_INVALID'],
        ['quantity', 'QUANTITY_INVALID'],
        ['nowhere', 'UNKNOWN_INSTRUMENT'],
      ],
    );
  });

  it('takes the same order id twice as one order, and refuses it with other content', async () => {
    const bench = current();
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
    expect(bench.executions()).toEqual([[1, 'a', 'hit', 1, 100]]);
    const again = await bench.adapter.submit({
      kind: 'new',
      order: bench.order('a', 'buy', 1, 100),
    });
    expect(again).toEqual({ outcome: 'taken' });
    await bench.enter('marker', 'buy', 1, 90);
    expect(bench.sink.about('a').map(({ kind }) => kind)).toEqual(['accepted', 'done']);
  });
}

function changeCases(current: Current): void {
  it('cancels what is open of an order', async () => {
    const bench = current();
    await bench.start();
    const { lotSize } = bench.venue.instrument;
    await bench.enter('a', 'buy', 3, 100);
    await bench.enter('hit', 'sell', 1, 100);
    await bench.send('cancel', 'a');
    expect(await bench.sink.done('a')).toMatchObject({ state: 'canceled', filled: lotSize });
    await bench.enter('late', 'sell', 1, 100);
    expect(bench.executions()).toHaveLength(1);
  });

  it('rejects a cancel that lost to a fill, and one of an order it never saw', async () => {
    const bench = current();
    await bench.start();
    await bench.enter('a', 'buy', 1, 100);
    await bench.enter('hit', 'sell', 1, 100);
    await bench.send('cancel', 'a');
    await bench.send('cancel', 'never');
    await bench.sink.told('never', 'cancel-rejected');
    const rejections = bench.sink.of('cancel-rejected');
    expect(rejections.map(({ orderId, rejection }) => [orderId, rejection.code])).toEqual([
      ['a', 'TOO_LATE'],
      ['never', 'UNKNOWN_ORDER'],
    ]);
    expect(await bench.sink.done('a')).toMatchObject({ state: 'filled' });
  });

  it('replaces price and quantity: less keeps the place in the queue, more loses it', async () => {
    const bench = current();
    await bench.start();
    await bench.enter('a', 'buy', 4, 100);
    await bench.enter('b', 'buy', 4, 100);
    await bench.replace('a', 3, 100);
    await bench.enter('hit-1', 'sell', 1, 100);
    await bench.replace('a', 5, 100);
    await bench.enter('hit-2', 'sell', 5, 100);
    await bench.sink.done('hit-2');
    expect(bench.executions()).toEqual([
      [1, 'a', 'hit-1', 1, 100],
      [2, 'b', 'hit-2', 4, 100],
      [3, 'a', 'hit-2', 1, 100],
    ]);
  });

  it('trades a replacement at its new price, and refuses one below what is executed', async () => {
    const bench = current();
    await bench.start();
    const { lotSize } = bench.venue.instrument;
    await bench.enter('a', 'buy', 4, 100);
    await bench.enter('hit', 'sell', 2, 100);
    await bench.replace('a', 2, 100);
    expect(await bench.sink.told('a', 'cancel-rejected')).toMatchObject({
      rejection: { code: 'QUANTITY_BELOW_EXECUTED' },
    });
    await bench.enter('offer', 'sell', 2, 101);
    await bench.replace('a', 4, 101);
    expect(await bench.sink.done('a')).toMatchObject({ state: 'filled', filled: 4 * lotSize });
    expect(bench.executions().at(-1)).toEqual([2, 'a', 'offer', 2, 101]);
  });
}

function marketCases(current: Current): void {
  it('shows the whole depth, best first, ten levels a side, and the prints', async () => {
    const bench = current();
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
    const book = bench.sink.of('book').at(-1);
    const ticks = Array.from({ length: 10 }, (_, index) => index + 1);
    expect(book?.bids.map(({ price }) => price)).toEqual(ticks.map((n) => (100 - n) * tickSize));
    expect(book?.offers.map(({ price }) => price)).toEqual(ticks.map((n) => (100 + n) * tickSize));
    const [print] = bench.sink.of('print');
    const [executed] = bench.sink.of('executed');
    expect(print).toMatchObject({ price: 99 * tickSize, quantity: lotSize });
    expect(print?.executionId).toBe(executed?.execution.executionId);
  });

  it('halts: refuses orders, takes cancels, says so; and resumes', async () => {
    const bench = current();
    await bench.start();
    await bench.enter('a', 'buy', 1, 100);
    await bench.enter('b', 'buy', 1, 99);
    await bench.venue.halt();
    await bench.sink.until(
      (event) => event.kind === 'trading-status' && event.state === 'halted',
      'halted',
    );
    await bench.enter('during', 'sell', 1, 99);
    expect(await bench.sink.told('during', 'rejected')).toMatchObject({
      rejection: { code: 'HALTED' },
    });
    await bench.send('cancel', 'a');
    await bench.sink.done('a');
    await bench.venue.resume();
    await bench.enter('after', 'sell', 1, 99);
    await bench.sink.done('after');
    expect(bench.executions()).toEqual([[1, 'b', 'after', 1, 99]]);
    expect(bench.sink.of('trading-status').map(({ state }) => state)).toEqual([
      'trading',
      'halted',
      'trading',
    ]);
  });
}

function recoveryCases(current: Current): void {
  it('has open orders again after a restart: place, executed part and trade numbers go on', async () => {
    const bench = current();
    const { lotSize } = bench.venue.instrument;
    await bench.start();
    await bench.enter('a', 'buy', 3, 100);
    await bench.enter('b', 'buy', 3, 100);
    await bench.enter('hit', 'sell', 1, 100);
    await bench.sink.done('hit');
    await bench.adapter.stop();

    bench.adapter = bench.venue.newAdapter();
    await bench.start({
      openOrders: [
        { order: bench.order('a', 'buy', 3, 100), filled: lotSize },
        { order: bench.order('b', 'buy', 3, 100), filled: 0 },
      ],
      nextTradeNumber: 2,
    });
    await bench.enter('hit-2', 'sell', 3, 100);
    expect(await bench.sink.done('a')).toMatchObject({ state: 'filled', filled: 3 * lotSize });
    expect(bench.executions()).toEqual([
      [1, 'a', 'hit', 1, 100],
      [2, 'a', 'hit-2', 2, 100],
      [3, 'b', 'hit-2', 1, 100],
    ]);
    expect(bench.sink.about('a').filter(({ kind }) => kind === 'accepted')).toHaveLength(1);
    const ids = bench.sink.of('executed').map(({ execution }) => execution.executionId);
    expect(new Set(ids).size).toBe(3);
    const repeated = { kind: 'new', order: bench.order('b', 'buy', 3, 100) } as const;
    expect(await bench.adapter.submit(repeated)).toEqual({ outcome: 'taken' });
    expect(bench.executions()).toHaveLength(3);
  });

  it('reconciles by saying where every open order stands', async () => {
    const bench = current();
    await bench.start();
    await bench.enter('a', 'buy', 1, 100);
    await bench.enter('b', 'buy', 1, 99);
    await bench.enter('c', 'buy', 1, 98);
    await bench.send('cancel', 'b');
    await bench.sink.done('b');
    await bench.adapter.reconcile();
    expect(bench.sink.of('order-status').map(({ orderId }) => orderId)).toEqual(['a', 'c']);
  });
}
