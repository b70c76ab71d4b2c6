import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type DirectorySource,
  type Instrument,
  instrumentIdOf,
  isRefusal,
  refuse,
} from '@stoa/schema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOrderBlotter } from '../orders/blotter/order-blotter.ts';
import { createOrderFeed } from '../orders/blotter/order-feed.ts';
import { createReceiptBlotter } from '../orders/blotter/receipt-blotter.ts';
import { createRefusalList } from '../orders/refusal-list.ts';
import { MemberLimits, parseOrderLimits } from '../orders/terms/order-limits.ts';
import { LinkNetwork } from '../orders/testing/link-network.ts';
import { ScriptedVenue } from '../orders/testing/scripted-venue.ts';
import { TestMarket } from '../orders/testing/test-market.ts';
import {
  BROKER_WALLET,
  directoryOf,
  INSTRUMENT,
  OTHER_WALLET,
} from '../orders/testing/test-network.ts';
import { TestNode } from '../orders/testing/test-node.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../store/testing/temporary-databases.ts';
import { type Answer, askApi } from './testing/ask-api.ts';
import { type SampleApi, startSampleApi } from './testing/sample-api.ts';
import { sampleOperator } from './testing/sample-services.ts';
import { createTokenIssuer, type TokenIssuer } from './testing/token-issuer.ts';

const VENUES = ['alpha', 'beta', 'gamma'];
const NEVER = {
  ...{ timeZone: 'UTC', weekdays: [7], entryOpen: '23:59:57', open: '23:59:58' },
  ...{ close: '23:59:59', holidays: [], earlyCloses: [] },
};

function instrument(symbol: string, digit: string): Instrument {
  const token = `0x${digit.repeat(40)}` as const;
  return { ...INSTRUMENT, symbol, token, id: instrumentIdOf(31_337, token) };
}
const UNLISTED = instrument('NONE', '1');
const HALTED = instrument('HALT', '2');
const ALPHA_ONLY = instrument('ONLY', '3');

/** BOND everywhere, HALT halted by the registry, ONLY at alpha, NONE nowhere. */
function directory(): DirectorySource {
  const base = directoryOf(VENUES).current();
  const [listing] = base.listings;
  if (!listing) throw new Error('no listing');
  const current = {
    ...base,
    instruments: new Map([INSTRUMENT, UNLISTED, HALTED, ALPHA_ONLY].map((one) => [one.id, one])),
    listings: [
      ...base.listings,
      { ...listing, venue: 'alpha', instrument: HALTED.id, status: 'halted' as const },
      { ...listing, venue: 'alpha', instrument: ALPHA_ONLY.id },
    ],
  };
  return { current: () => current, onChange: () => () => undefined };
}

let folder: string;
let issuer: TokenIssuer;
let databases: TemporaryDatabases;
let venue: ScriptedVenue;
let node: TestNode;
let api: SampleApi;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-api-'));
  issuer = await createTokenIssuer(folder);
  databases = await startTemporaryDatabases();
  const limits = parseOrderLimits({
    defaults: { maxQuantity: '500', maxNotional: '6000', maxOpenOrders: 20 },
    members: { other: { orders: { perSecond: 1, burst: 1 } } },
  });
  if (isRefusal(limits)) throw new Error(limits.message);
  const source = directory();
  venue = new ScriptedVenue('alpha');
  node = await TestNode.open(
    await databases.empty('refusals'),
    {
      venue: 'alpha',
      network: new LinkNetwork(),
      market: new TestMarket(INSTRUMENT.id, VENUES),
      directory: source,
      calendars: { gamma: NEVER },
      limits: new MemberLimits(limits),
      checkOrder: async ({ side }) =>
        side === 'sell' ? refuse('CLAIM_MISSING', 'No claim.', 'Get one.') : undefined,
    },
    venue,
  );
  const { db } = node.store;
  api = await startSampleApi(
    'alpha',
    issuer.options,
    {},
    {
      orders: node.orders,
      directory: source,
      blotter: createOrderBlotter('alpha', db),
      feed: createOrderFeed(db),
      receipts: createReceiptBlotter('alpha', db),
      operator: { ...sampleOperator, refusals: createRefusalList(db) },
    },
  );
}, 60_000);
afterAll(async () => {
  await api.stop();
  await node.close();
  await databases.stop();
  await rm(folder, { recursive: true });
});

const sound = {
  clientOrderId: 'sound',
  instrument: INSTRUMENT.id,
  account: BROKER_WALLET,
  side: 'BUY',
  timeInForce: 'GTC',
  quantity: '100',
  limitPrice: '10.00',
};

const REFUSAL = '... on Refusal { code message action }';
const PLACE = `mutation ($input: PlaceOrderInput!) { answer: placeOrder(input: $input) {
  ... on OrderPlaced { existed order { id status } } ${REFUSAL} } }`;
const REPLACE = `mutation ($input: ReplaceOrderInput!) { answer: replaceOrder(input: $input) {
  ... on ReplaceRequested { order { id status quantity } } ${REFUSAL} } }`;
const CANCEL = `mutation ($id: ID!) { answer: cancelOrder(id: $id) {
  ... on CancelRequested { order { id status } } ${REFUSAL} } }`;

async function ask(query: string, variables: object, member = 'broker'): Promise<Answer> {
  return askApi(api.url, query, { token: await issuer.token({ member }), variables });
}
async function place(change: object = {}, member = 'broker') {
  const answer = await ask(PLACE, { input: { ...sound, ...change } }, member);
  expect(answer.errors).toBeUndefined();
  return answer.data?.answer as { code?: string; order?: { id: string } };
}
async function placed(clientOrderId: string): Promise<string> {
  const { order } = await place({ clientOrderId });
  if (!order) throw new Error(`${clientOrderId} was refused`);
  return order.id;
}

let lastRecorded = 0;

/** What was recorded of refusals since the last time. */
async function recorded() {
  const rows = await node.store.sql<{ id: string; action: string; code: string; member: string }[]>`
    select id, action, code, member from order_refusals where id > ${lastRecorded} order by id`;
  lastRecorded = Number(rows.at(-1)?.id ?? lastRecorded);
  return rows.map(({ action, code, member }) => ({ action, code, member }));
}

const AN_HOUR_AGO = new Date(Date.now() - 3_600_000).toISOString();

describe('an order that cannot be', () => {
  it.each<[object, string]>([
    [{ instrument: `eip155:31337/erc20:0x${'00'.repeat(20)}` }, 'INSTRUMENT_UNKNOWN'],
    [{ instrument: 'BOND' }, 'INSTRUMENT_UNKNOWN'],
    [{ instrument: UNLISTED.id }, 'NOT_LISTED'],
    [{ instrument: HALTED.id }, 'HALTED'],
    [{ strategy: 'DIRECTED', directedTo: 'nowhere' }, 'VENUE_UNKNOWN'],
    [{ strategy: 'DIRECTED', directedTo: 'no \u0000 venue' }, 'VENUE_UNKNOWN'],
    [{ strategy: 'DIRECTED', directedTo: 'beta', instrument: ALPHA_ONLY.id }, 'NOT_LISTED_THERE'],
    [{ strategy: 'DIRECTED' }, 'DIRECTED_TO_MISSING'],
    [{ directedTo: 'beta' }, 'DIRECTED_TO_NOT_ALLOWED'],
    [{ timeInForce: 'IOC', remainder: 'REST_HOME' }, 'REMAINDER_NOT_ALLOWED'],
    [{ strategy: 'DIRECTED', directedTo: 'beta', remainder: 'REST_HOME' }, 'STRATEGY_CONFLICT'],
    [{ quantity: '0' }, 'QUANTITY_INVALID'],
    [{ quantity: '-10' }, 'OUT_OF_RANGE'],
    [{ quantity: '10.5' }, 'TOO_MANY_DECIMALS'],
    [{ quantity: 'ten' }, 'DECIMAL_INVALID'],
    [{ quantity: '1e2' }, 'DECIMAL_INVALID'],
    [{ quantity: '' }, 'DECIMAL_INVALID'],
    [{ quantity: '9007199254740993' }, 'OUT_OF_RANGE'],
    [{ quantity: '15' }, 'OFF_LOT'],
    [{ quantity: '510' }, 'OVER_MAX_QUANTITY'],
    [{ limitPrice: '10.001' }, 'TOO_MANY_DECIMALS'],
    [{ limitPrice: '10.01' }, 'OFF_TICK'],
    [{ limitPrice: '0' }, 'LIMIT_PRICE_INVALID'],
    [{ limitPrice: '-1' }, 'OUT_OF_RANGE'],
    [{ limitPrice: null }, 'LIMIT_PRICE_MISSING'],
    [{ limitPrice: '100' }, 'OVER_MAX_NOTIONAL'],
    [{ type: 'MARKET', timeInForce: 'IOC' }, 'LIMIT_PRICE_NOT_ALLOWED'],
    [{ minimumQuantity: '15' }, 'MIN_QUANTITY_INVALID'],
    [{ minimumQuantity: '110' }, 'MIN_QUANTITY_INVALID'],
    [{ minimumQuantity: '1.5' }, 'TOO_MANY_DECIMALS'],
    [{ minimumQuantity: '10', timeInForce: 'FOK' }, 'MIN_QUANTITY_NOT_ALLOWED'],
    [{ allOrNone: true, timeInForce: 'IOC' }, 'ALL_OR_NONE_NOT_ALLOWED'],
    [{ timeInForce: 'GTD' }, 'EXPIRY_MISSING'],
    [{ timeInForce: 'GTD', expireAt: AN_HOUR_AGO }, 'EXPIRED'],
    [{ timeInForce: 'GTD', expireAt: '2031-02-30T00:00:00Z' }, 'EXPIRY_INVALID'],
    [{ timeInForce: 'GTD', expireAt: 'tomorrow' }, 'EXPIRY_INVALID'],
    [{ expireAt: '2031-02-28T00:00:00Z' }, 'EXPIRY_NOT_ALLOWED'],
    [{ account: '0x12' }, 'ACCOUNT_INVALID'],
    [{ account: OTHER_WALLET }, 'ACCOUNT_UNKNOWN'],
    [{ clientOrderId: '' }, 'CLIENT_ORDER_ID_INVALID'],
    [{ clientOrderId: 'has a space' }, 'CLIENT_ORDER_ID_INVALID'],
    [{ clientOrderId: 'x'.repeat(65) }, 'CLIENT_ORDER_ID_INVALID'],
    [{ clientOrderId: '\u0000' }, 'CLIENT_ORDER_ID_INVALID'],
    [{ strategy: 'DIRECTED', directedTo: 'gamma', timeInForce: 'IOC' }, 'MARKET_CLOSED'],
    [{ strategy: 'DIRECTED', directedTo: 'gamma', timeInForce: 'DAY' }, 'ENTRY_CLOSED'],
    [{ side: 'SELL' }, 'CLAIM_MISSING'],
  ])('%j is refused as %s, with a sentence and what to do, and recorded', async (change, code) => {
    await recorded();
    const answer = await place(change);
    expect(answer).toEqual({ code, message: expect.any(String), action: expect.any(String) });
    expect(await recorded()).toEqual([{ action: 'place', code, member: 'broker' }]);
    expect(await node.orders.openOrderCount()).toBe(0);
  });

  it('is no order under a client order id that says something else, and the same under the same', async () => {
    const first = await placed('twice');
    expect(await place({ clientOrderId: 'twice' })).toMatchObject({
      existed: true,
      order: { id: first },
    });
    expect(await place({ clientOrderId: 'twice', quantity: '90' })).toMatchObject({
      code: 'CLIENT_ORDER_ID_REUSED',
    });
    // Whatever the market has become: the repeat is the order that was placed.
    expect(await place({ clientOrderId: 'twice', quantity: '100.0' })).toMatchObject({
      existed: true,
    });
  });

  it('is refused to a member that asks too fast, and only to that member', async () => {
    const codes: unknown[] = [];
    for (let turn = 0; turn < 3; turn += 1) {
      const change = { clientOrderId: `fast-${turn}`, account: OTHER_WALLET };
      codes.push((await place(change, 'other')).code);
    }
    expect(codes.slice(1)).toContain('RATE_LIMITED');
    expect((await place({ clientOrderId: 'calm' })).code).toBeUndefined();
  });
});

describe('a change of an order that cannot be', () => {
  const replace = async (id: string, to: object, member?: string) =>
    (await ask(REPLACE, { input: { id, quantity: '100', ...to } }, member)).data?.answer;
  const cancel = async (id: string, member?: string) =>
    (await ask(CANCEL, { id }, member)).data?.answer;
  const entered = (orderId: string) => {
    const order = venue.entered.find((each) => each.orderId.startsWith(`${orderId}.`));
    if (!order) throw new Error(`${orderId} never came to the venue`);
    return order;
  };
  let trades = 0;
  async function fill(orderId: string, quantity: number): Promise<void> {
    const order = entered(orderId);
    trades += 1;
    await venue.say(
      { kind: 'accepted', orderId: order.orderId },
      venue.trade(order, trades, quantity),
    );
  }

  it("answers another member's order as one that does not exist, everywhere", async () => {
    const id = await placed('private');
    const unknown = 'alpha-99999';
    for (const each of [id, unknown]) {
      expect(await cancel(each, 'other')).toEqual(await cancel(unknown, 'other'));
      expect(await replace(each, {}, 'other')).toMatchObject({ code: 'ORDER_UNKNOWN' });
      const read = await ask(
        `query ($id: ID!, $of: [_Any!]!) {
          order(id: $id) { id }
          orders(filter: { clientOrderIdPrefix: "private" }) { edges { cursor } }
          legs(filter: { order: $id }) { edges { cursor } }
          executions(filter: { order: $id }) { edges { cursor } }
          receipts(filter: { order: $id }) { edges { cursor } }
          _entities(representations: $of) { ... on Order { id } }
        }`,
        { id: each, of: [{ __typename: 'Order', id: each }] },
        'other',
      );
      expect(read).toEqual({
        data: {
          order: null,
          ...{ orders: { edges: [] }, legs: { edges: [] } },
          ...{ executions: { edges: [] }, receipts: { edges: [] } },
          _entities: [null],
        },
      });
    }
    expect(await cancel(id)).toMatchObject({ order: { id, status: 'PENDING_CANCEL' } });
  });

  it('takes as long for both: the store is asked the same', async () => {
    const id = await placed('timed');
    const watched: string[] = [];
    const original = node.store.sql.unsafe.bind(node.store.sql);
    node.store.sql.unsafe = ((query: string, ...rest: never[]) => {
      // The sessions look after their own tables all the time.
      if (/"(orders|legs|executions|order_refusals)"/.test(query)) watched.push(query);
      return original(query, ...rest);
    }) as typeof node.store.sql.unsafe;
    const statements = async (run: () => Promise<unknown>) => {
      watched.splice(0);
      await run();
      return watched.splice(0);
    };
    for (const act of [cancel, (of: string, by?: string) => replace(of, {}, by)]) {
      const own = await statements(() => act('alpha-99999', 'other'));
      expect(own.length).toBeGreaterThan(0);
      expect(await statements(() => act(id, 'other'))).toEqual(own);
    }
    node.store.sql.unsafe = original;
  });

  it.each([
    [{ quantity: '0' }, 'QUANTITY_INVALID'],
    [{ quantity: '105' }, 'OFF_LOT'],
    [{ quantity: '100.5' }, 'TOO_MANY_DECIMALS'],
    [{ quantity: 'x' }, 'DECIMAL_INVALID'],
    [{ quantity: '1000' }, 'OVER_MAX_QUANTITY'],
    [{ limitPrice: '10.01' }, 'OFF_TICK'],
    [{ limitPrice: '0' }, 'LIMIT_PRICE_INVALID'],
    [{ limitPrice: '-0.05' }, 'OUT_OF_RANGE'],
    [{}, 'NOTHING_TO_REPLACE'],
    [{ quantity: '30' }, 'REPLACE_BELOW_FILLED'],
  ])('%j is refused as %s, and recorded', async (to, code) => {
    const id = await placed(`replaced-${code}-${JSON.stringify(to).replaceAll(/[^a-z0-9]/g, '')}`);
    await fill(id, 40);
    await recorded();
    expect(await replace(id, to)).toEqual({
      code,
      ...{ message: expect.any(String), action: expect.any(String) },
    });
    expect(await recorded()).toEqual([{ action: 'replace', code, member: 'broker' }]);
    expect(await cancel(id)).toMatchObject({ order: { id } });
  });

  it('stands in the list of the venue, the newest first, by code and member', async () => {
    for (const id of ['alpha-71', 'alpha-72', 'alpha-73']) await cancel(id);
    await cancel('alpha-74', 'other');
    const list = async (args: string, member = 'alpha') => {
      const query = `{ orderRefusals${args} { edges { cursor node { member action code orderId } } pageInfo { hasNextPage } } }`;
      const token = await issuer.token({ member, scope: 'settlement:operate' });
      return askApi(api.url, query, { token });
    };
    const refused = (orderId: string, member = 'broker') => ({
      ...{ member, orderId, action: 'CANCEL', code: 'ORDER_UNKNOWN' },
    });
    const { data, errors } = await list('(first: 2, filter: { code: "ORDER_UNKNOWN" })');
    expect(errors).toBeUndefined();
    const found = data?.['orderRefusals'] as
      | { edges: { cursor: string; node: object }[]; pageInfo: object }
      | undefined;
    const { edges = [], pageInfo } = found ?? {};
    expect(edges.map(({ node }) => node)).toEqual([
      refused('alpha-74', 'other'),
      refused('alpha-73'),
    ]);
    expect(pageInfo).toEqual({ hasNextPage: true });
    const after = edges[0]?.cursor;
    const next = await list(`(first: 1, after: "${after}", filter: { member: "broker" })`);
    expect(next.data).toMatchObject({ orderRefusals: { edges: [{ node: refused('alpha-73') }] } });
    const none = await list('(filter: { member: "no \\u0000 one" })');
    expect(none.data).toMatchObject({ orderRefusals: { edges: [] } });
    expect((await list('', 'broker')).errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' });
  });

  it('is refused of an order that is done', async () => {
    const id = await placed('done');
    await fill(id, 100);
    await venue.say({
      ...{ kind: 'done', orderId: entered(id).orderId, state: 'filled' },
      ...{ filled: 100, reason: '' },
    } as never);
    expect(await cancel(id)).toMatchObject({ code: 'ORDER_DONE' });
    expect(await replace(id, { quantity: '200' })).toMatchObject({ code: 'ORDER_DONE' });
    expect(await replace('\u0000', {})).toMatchObject({ code: 'ORDER_UNKNOWN' });
  });
});
