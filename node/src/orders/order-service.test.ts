import { EmbeddedVenue } from '@stoa/adapters';
import { isRefusal, refuse } from '@stoa/schema';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../store/testing/temporary-databases.ts';
import { until } from '../testing/until.ts';
import type { Caller } from './blotter/order-view.ts';
import { LinkNetwork } from './testing/link-network.ts';
import { TestMarket } from './testing/test-market.ts';
import {
  BROKER_WALLET,
  directoryOf,
  FLOW_WALLET,
  INSTRUMENT,
  OTHER_WALLET,
  SECOND_WALLET,
} from './testing/test-network.ts';
import { orderRequest, TestNode } from './testing/test-node.ts';

const VENUES = ['alpha', 'beta'];
const directory = directoryOf(VENUES);
let databases: TemporaryDatabases;

beforeAll(async () => {
  databases = await startTemporaryDatabases();
});
afterAll(() => databases.stop());

let network: LinkNetwork;
let market: TestMarket;
let books: Record<string, EmbeddedVenue>;
let alpha: TestNode;
let beta: TestNode;

beforeEach(async () => {
  network = new LinkNetwork();
  market = new TestMarket(INSTRUMENT.id, VENUES);
  books = {};
  alpha = await open('alpha');
  beta = await open('beta');
  network.connect('alpha', 'beta');
});

afterEach(async () => {
  await alpha.close();
  await beta.close();
});

async function open(venue: string): Promise<TestNode> {
  const book = embedded(venue);
  books[venue] = book;
  const checkOrder = async ({ account }: { account: string }) =>
    account === OTHER_WALLET ? refuse('CLAIM_MISSING', 'No claim.', 'Get one.') : undefined;
  const options = { venue, network, market, directory, checkOrder };
  return TestNode.open(await databases.empty(venue), options, book);
}

function embedded(venue: string): EmbeddedVenue {
  return new EmbeddedVenue({
    venue,
    instruments: [INSTRUMENT],
    flowOwner: { member: venue, account: FLOW_WALLET },
    nowMs: Date.now,
    // One wallet stands for all investors here.
    selfTrade: 'allowed',
  });
}

let flowOrders = 0;

/** The venue's own flow offers (or bids) so much, resting. */
async function flow(
  venue: string,
  side: 'buy' | 'sell',
  price: number,
  size: number,
): Promise<void> {
  flowOrders += 1;
  const before = market.book();
  books[venue]
    ?.flowTarget(INSTRUMENT.id)
    .submit({ orderId: flowOrders, side, price: price * 100, size });
  await until(() => market.book().version > before.version);
}

describe('an order', () => {
  it('takes the best of two venues, and settles as one group when both have answered', async () => {
    await flow('alpha', 'sell', 1_000, 60);
    await flow('beta', 'sell', 995, 50);
    const placed = await alpha.place({ quantity: 100 });
    expect(placed.id).toBe('alpha-1');
    await until(async () => (await alpha.order(placed.id)).status === 'filled');

    const order = await alpha.order(placed.id);
    expect(order).toMatchObject({ filled: 100, leaves: 0, notional: 50n * 995n + 50n * 1_000n });
    const legs = await alpha.legs(order.id);
    expect(legs.map(({ id, venue, filled }) => ({ id, venue, filled }))).toEqual([
      { id: 'alpha-1.1.1', venue: 'beta', filled: 50 },
      { id: 'alpha-1.2.1', venue: 'alpha', filled: 50 },
    ]);
    const executions = await alpha.executions(order.id);
    expect(executions.map(({ venue, price, quantity }) => ({ venue, price, quantity }))).toEqual(
      expect.arrayContaining([
        { venue: 'beta', price: 995, quantity: 50 },
        { venue: 'alpha', price: 1_000, quantity: 50 },
      ]),
    );
    expect(await alpha.instructions()).toEqual([
      { venue: 'alpha', trade_number: 1, order_id: 'alpha-1' },
      { venue: 'beta', trade_number: 1, order_id: 'alpha-1' },
    ]);
    expect(await beta.instructions()).toEqual([]);
    await until(() => alpha.closed.length > 0);
    expect(alpha.closed).toEqual(['alpha-1']);
  });

  it('of hundreds of executions at each venue is recorded in few transactions, and whole', async () => {
    const each = 300;
    for (const venue of VENUES) {
      const target = books[venue]?.flowTarget(INSTRUMENT.id);
      for (let level = 1; level <= each; level += 1) {
        target?.submit({ orderId: level, side: 'sell', price: 100_000 + 500 * level, size: 10 });
      }
    }
    await until(() => VENUES.every((venue) => market.offers(venue).length === 10));
    const limitPrice = 1_000 + 5 * each;
    // Deeper than a venue shows its book, so that there is that much to execute.
    const offers = [{ price: limitPrice, quantity: each * 10 }];
    for (const venue of VENUES) market.show(venue, { offers });
    const quantity = 2 * each * 10;
    const { id } = await alpha.place({ quantity, limitPrice, timeInForce: 'ioc' });
    await until(async () => (await alpha.order(id)).status === 'filled', 20_000);

    const executions = await alpha.executions(id);
    expect(executions).toHaveLength(2 * each);
    expect(executions.reduce((sum, one) => sum + one.quantity, 0)).toBe(quantity);
    const notional = executions.reduce((sum, one) => sum + BigInt(one.price * one.quantity), 0n);
    expect(await alpha.order(id)).toMatchObject({ filled: quantity, notional });
    expect(await alpha.instructions()).toHaveLength(2 * each);
    const commits = async (node: TestNode, venue: string): Promise<number> => {
      const [row] = await node.store.sql`
        select count(distinct xmin::text) as commits from executions where venue = ${venue}`;
      return Number(row?.['commits']);
    };
    expect(await commits(alpha, 'alpha')).toBe(1);
    expect(await commits(beta, 'beta')).toBe(1);
    expect(await commits(alpha, 'beta')).toBeLessThan(60);
  });

  it('lets its rest wait at home, where it can be canceled', async () => {
    await flow('beta', 'sell', 1_000, 30);
    const { id } = await alpha.place({ quantity: 100 });
    await until(() => market.book().venues[0]?.bids[0]?.quantity === 70);
    expect(await alpha.order(id)).toMatchObject({ status: 'partially-filled', leaves: 70 });
    await until(() => alpha.closed.length === 1);

    const canceled = await alpha.orders.cancel(alpha.caller, id);
    expect(canceled).toMatchObject({ status: 'pending-cancel' });
    await until(async () => (await alpha.order(id)).status === 'canceled');
    expect(await alpha.order(id)).toMatchObject({ filled: 30, leaves: 0 });
    expect(await alpha.orders.cancel(alpha.caller, id)).toMatchObject({ status: 'canceled' });
  });

  it('that is immediate ends with what it got', async () => {
    await flow('alpha', 'sell', 1_000, 30);
    const { id } = await alpha.place({ quantity: 100, timeInForce: 'ioc' });
    await until(async () => (await alpha.order(id)).status === 'canceled');
    expect(await alpha.order(id)).toMatchObject({ filled: 30, leaves: 0 });
  });

  it('that is fill-or-kill ends untouched when the visible book does not suffice', async () => {
    await flow('alpha', 'sell', 1_000, 30);
    await flow('beta', 'sell', 1_000, 30);
    const order = await alpha.place({ quantity: 100, timeInForce: 'fok' });
    expect(order).toMatchObject({ status: 'canceled', filled: 0 });
    expect(order.reason).toMatch(/^FOK_UNFILLABLE/);
    expect(await alpha.legs(order.id)).toEqual([]);
  });

  it('at the market ends when nothing is shown', async () => {
    const order = await alpha.orders.place(alpha.caller, {
      clientOrderId: 'market-1',
      instrument: INSTRUMENT.id,
      account: BROKER_WALLET,
      side: 'buy',
      type: 'market',
      timeInForce: 'day',
      quantity: 100,
    });
    expect(order).toMatchObject({ order: { status: 'canceled', limitPrice: undefined } });
  });

  it('is placed once, however often it is sent', async () => {
    await flow('alpha', 'sell', 1_000, 500);
    const request = orderRequest();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => alpha.orders.place(alpha.caller, request)),
    );
    const ids = answers.map((answer) => (isRefusal(answer) ? answer.code : answer.order.id));
    expect(new Set(ids).size).toBe(1);
    expect(answers.filter((answer) => !isRefusal(answer) && !answer.existed)).toHaveLength(1);
    await until(async () => (await alpha.order(ids[0] ?? '')).status === 'filled');
    expect(market.offers('alpha')).toEqual([{ price: 1_000, quantity: 400 }]);

    const other = await alpha.orders.place(alpha.caller, { ...request, quantity: 200 });
    expect(other).toMatchObject({ code: 'CLIENT_ORDER_ID_REUSED' });
  });

  it('of another member answers like one that does not exist', async () => {
    const { id } = await alpha.place({});
    const other: Caller = { ...alpha.caller, member: 'other' };
    const foreign = await alpha.orders.cancel(other, id);
    const unknown = await alpha.orders.cancel(other, 'alpha-99');
    expect(foreign).toMatchObject({ code: 'ORDER_UNKNOWN' });
    expect(foreign).toEqual(unknown);
    expect(await alpha.orders.cancel(other, '\0')).toEqual(unknown);
  });
});

describe('a trade is settled by exactly one node, the taker’s home', () => {
  it('when a resting order is met by another home’s order', async () => {
    const maker = await alpha.place({ side: 'sell', quantity: 100 });
    await until(() => market.offers('alpha').length === 1);
    const taker = await beta.place({ quantity: 60 });
    await until(async () => (await beta.order(taker.id)).status === 'filled');
    await until(async () => (await alpha.order(maker.id)).filled === 60);
    expect(await beta.instructions()).toEqual([
      { venue: 'alpha', trade_number: 1, order_id: taker.id },
    ]);
    expect(await alpha.instructions()).toEqual([]);
    await until(() => beta.closed.includes(taker.id));
    expect(alpha.closed).toEqual([]);
  });

  it('when a resting order is met by the venue’s own flow', async () => {
    const maker = await alpha.place({ side: 'sell', quantity: 100 });
    await until(() => market.offers('alpha').length === 1);
    await flow('alpha', 'buy', 1_000, 40);
    await until(async () => (await alpha.order(maker.id)).filled === 40);
    expect(await alpha.instructions()).toEqual([
      { venue: 'alpha', trade_number: 1, order_id: maker.id },
    ]);
    await until(() => alpha.closed.includes(maker.id));
  });

  it('when both orders are at home here', async () => {
    const maker = await alpha.place({ side: 'sell', quantity: 100 });
    await until(() => market.offers('alpha').length === 1);
    const taker = await alpha.place({ quantity: 100, account: SECOND_WALLET });
    await until(async () => (await alpha.order(taker.id)).status === 'filled');
    expect(await alpha.order(maker.id)).toMatchObject({ status: 'filled' });
    expect(await alpha.instructions()).toEqual([
      { venue: 'alpha', trade_number: 1, order_id: taker.id },
    ]);
    expect(await alpha.executions(maker.id)).toHaveLength(1);
    expect(await alpha.executions(taker.id)).toHaveLength(1);
  });
});

describe('an order is refused', () => {
  const off = { instrument: 'eip155:1/erc20:0x00000000000000000000000000000000000000ff' };
  const cases: [string, Parameters<typeof orderRequest>[0], string][] = [
    ['of an unknown instrument', off, 'INSTRUMENT_UNKNOWN'],
    ['of nothing', { quantity: 0 }, 'QUANTITY_INVALID'],
    ['of less than nothing', { quantity: -10 }, 'QUANTITY_INVALID'],
    ['of more than can be counted', { quantity: 2 ** 60 }, 'QUANTITY_INVALID'],
    ['off the lot', { quantity: 15 }, 'OFF_LOT'],
    ['off the tick', { limitPrice: 1_001 }, 'OFF_TICK'],
    ['at no price', { limitPrice: 0 }, 'LIMIT_PRICE_INVALID'],
    ['at the market with a limit', { type: 'market' }, 'LIMIT_PRICE_NOT_ALLOWED'],
    ['for an account of somebody else', { account: FLOW_WALLET }, 'ACCOUNT_UNKNOWN'],
    ['under an id that is none', { clientOrderId: 'with space' }, 'CLIENT_ORDER_ID_INVALID'],
  ];

  it.each(cases)('%s', async (_what, request, code) => {
    const answer = await alpha.orders.place(alpha.caller, orderRequest(request));
    expect(answer).toMatchObject({ refused: true, code });
    expect(await alpha.orders.openOrderCount()).toBe(0);
  });

  it('without the price that a limit order needs', async () => {
    const { limitPrice: _none, ...request } = orderRequest();
    const answer = await alpha.orders.place(alpha.caller, request);
    expect(answer).toMatchObject({ code: 'LIMIT_PRICE_MISSING' });
  });

  it('at a node that is not the member’s home', async () => {
    const answer = await beta.orders.place(alpha.caller, orderRequest());
    expect(answer).toMatchObject({ code: 'NOT_YOUR_HOME' });
  });

  it('when every venue has halted the instrument', async () => {
    for (const venue of VENUES) market.show(venue, { halted: true });
    const answer = await alpha.orders.place(alpha.caller, orderRequest());
    expect(answer).toMatchObject({ code: 'HALTED' });
  });

  it('when the investor may not hold it, before anything is routed', async () => {
    await flow('beta', 'sell', 1_000, 100);
    const other: Caller = { ...alpha.caller, member: 'other' };
    const answer = await alpha.orders.place(other, orderRequest({ account: OTHER_WALLET }));
    expect(answer).toMatchObject({ code: 'CLAIM_MISSING' });
    expect(market.offers('beta')).toEqual([{ price: 1_000, quantity: 100 }]);
  });
});

describe('after a restart', () => {
  it('a resting order stands in the book again, with what is left of it', async () => {
    const { id } = await alpha.place({ side: 'sell', quantity: 100 });
    await until(() => market.offers('alpha').length === 1);
    await flow('alpha', 'buy', 1_000, 30);
    await until(async () => (await alpha.order(id)).filled === 30);
    await alpha.orders.stop();
    market.show('alpha', { offers: [] });

    books['alpha'] = embedded('alpha');
    await alpha.start(books['alpha']);
    await until(() => market.offers('alpha')[0]?.quantity === 70);
    await flow('alpha', 'buy', 1_000, 70);
    await until(async () => (await alpha.order(id)).status === 'filled');
    expect((await alpha.instructions()).map((row) => row.trade_number)).toEqual([1, 2]);
  });
});
