import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOrderBlotter } from '../orders/blotter/order-blotter.ts';
import { createOrderFeed } from '../orders/blotter/order-feed.ts';
import { createReceiptBlotter } from '../orders/blotter/receipt-blotter.ts';
import { LinkNetwork } from '../orders/testing/link-network.ts';
import { ScriptedVenue } from '../orders/testing/scripted-venue.ts';
import { TestMarket } from '../orders/testing/test-market.ts';
import { BROKER_WALLET, directoryOf, INSTRUMENT } from '../orders/testing/test-network.ts';
import { TestNode } from '../orders/testing/test-node.ts';
import { type OpenDatabase, openDatabase } from '../store/database.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../store/testing/temporary-databases.ts';
import { until } from '../testing/until.ts';
import { askApi } from './testing/ask-api.ts';
import { type SampleApi, startSampleApi } from './testing/sample-api.ts';
import { createTokenIssuer, type TokenIssuer } from './testing/token-issuer.ts';

const directory = directoryOf(['alpha']);
let folder: string;
let issuer: TokenIssuer;
let databases: TemporaryDatabases;
let store: OpenDatabase;
let venue: ScriptedVenue;
let node: TestNode;
let api: SampleApi;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-api-'));
  issuer = await createTokenIssuer(folder);
  databases = await startTemporaryDatabases();
  const url = await databases.empty('stream');
  store = await openDatabase(url);
  const { db } = store;
  const feed = createOrderFeed(db);
  venue = new ScriptedVenue('alpha');
  node = await TestNode.open(
    url,
    {
      ...{ venue: 'alpha', network: new LinkNetwork(), directory, disconnectGraceMs: 100 },
      market: new TestMarket(INSTRUMENT.id, ['alpha']),
      onCommitted: (members) => feed.committed(members),
    },
    venue,
  );
  api = await startSampleApi(
    'alpha',
    issuer.options,
    {},
    {
      ...{ orders: node.orders, directory, feed },
      blotter: createOrderBlotter('alpha', db),
      receipts: createReceiptBlotter('alpha', db),
    },
  );
}, 60_000);
afterAll(async () => {
  await api.stop();
  await node.close();
  await store.close();
  await databases.stop();
  await rm(folder, { recursive: true });
});

/** Watches a member's orders until it is closed; `told` is all that came, as text. */
async function watch(after: number) {
  const closing = new AbortController();
  const response = await fetch(`${api.url}/graphql`, {
    method: 'POST',
    signal: closing.signal,
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      authorization: `Bearer ${await issuer.token()}`,
    },
    body: JSON.stringify({
      query: `subscription { orderEvents(after: ${after}) { sequence
        event { kind orderSequence status filled price quantity executionId legIds venue { id } order { id } } } }`,
    }),
  });
  let text = '';
  const reading = (async () => {
    for await (const chunk of response.body ?? []) text += Buffer.from(chunk).toString();
  })().catch(() => undefined);
  return {
    items: () =>
      [...text.matchAll(/^data: \{"data":\{"orderEvents":(.*)\}\}$/gm)].map(
        ([, json]) => JSON.parse(json ?? '') as { sequence: number; event: Told | null },
      ),
    async close() {
      closing.abort();
      await reading;
    },
  };
}

interface Told {
  readonly kind: string;
  readonly order: { readonly id: string };
}

async function place(clientOrderId: string, more: object = {}): Promise<string> {
  const input = {
    ...{ clientOrderId, instrument: INSTRUMENT.id, account: BROKER_WALLET, side: 'BUY' },
    ...{ timeInForce: 'GTC', quantity: '100', limitPrice: '10', ...more },
  };
  const { data } = await askApi(
    api.url,
    'mutation ($input: PlaceOrderInput!) { placeOrder(input: $input) { ... on OrderPlaced { order { id } } } }',
    { token: await issuer.token(), variables: { input } },
  );
  return (data as { placeOrder: { order: { id: string } } }).placeOrder.order.id;
}

const legOf = (orderId: string) => {
  const order = venue.entered.find((each) => each.orderId.startsWith(`${orderId}.`));
  if (!order) throw new Error(`${orderId} never came to the venue`);
  return order;
};

describe('the stream of a live order service', () => {
  it("tells an order's whole life as it is committed, and again from any number on", async () => {
    const stream = await watch(0);
    const id = await place('life');
    const leg = legOf(id);
    await venue.say({ kind: 'accepted', orderId: leg.orderId }, venue.trade(leg, 1, 30));
    await venue.say(venue.trade(leg, 2, 70));
    await venue.say({
      ...{ kind: 'done', orderId: leg.orderId, state: 'filled' as const },
      ...{ filled: 100, reason: '' },
    });
    await until(() => stream.items().filter(({ event }) => event).length >= 5);
    const told = stream
      .items()
      .flatMap(({ sequence, event }) => (event ? [{ sequence, ...event }] : []));
    expect(told.map(({ sequence }) => sequence)).toEqual(told.map((_, index) => index + 1));
    expect(told.map(({ kind }) => kind)).toEqual([
      ...['PLACED', 'ROUTED', 'LEG_ACCEPTED', 'LEG_EXECUTED', 'LEG_EXECUTED'],
      ...told.slice(5).map(({ kind }) => kind),
    ]);
    expect(told[1]).toMatchObject({ legIds: [leg.orderId], venue: null });
    expect(told[2]).toMatchObject({ legIds: [], venue: { id: 'alpha' } });
    expect(told[3]).toMatchObject({
      ...{ status: 'PARTIALLY_FILLED', filled: '30', price: '10', quantity: '30' },
      ...{ executionId: 'alpha-1', order: { id } },
    });
    expect(told[4]).toMatchObject({ status: 'FILLED', filled: '100', quantity: '70' });
    await stream.close();
    const again = await watch(3);
    const repeated = () => again.items().filter(({ event }) => event);
    await until(() => repeated().length >= told.length - 3);
    // Something more may have happened since the first stream was closed.
    expect(repeated().slice(0, told.length - 3)).toEqual(
      told.slice(3).map(({ sequence, ...event }) => ({ sequence, event })),
    );
    await again.close();
  });

  it('keeps orders that end with it for as long as one of the member is open', async () => {
    const [first, second] = [await watch(0), await watch(0)];
    await until(() => first.items().length > 0 && second.items().length > 0);
    const ending = await place('ending', { cancelOnDisconnect: true });
    const staying = await place('staying');
    const canceled = () =>
      venue.requests.flatMap((request) => (request.kind === 'cancel' ? [request.orderId] : []));
    await first.close();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(canceled()).toEqual([]);
    await second.close();
    await until(() => canceled().length > 0);
    expect(canceled()).toEqual([legOf(ending).orderId]);
    expect(canceled()).not.toContain(legOf(staying).orderId);
  });
});
