import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  BookChangesDocument,
  type BookChangesSubscription,
  BookDocument,
  CancelOrderDocument,
  type Credentials,
  createProofKey,
  createStoaClient,
  isRefusal,
  OrderEventsDocument,
  type OrderEventsSubscription,
  OrdersDocument,
  type PlaceOrderInput,
  placeOrder,
  type StoaClient,
  type StoaClientOptions,
  type Stream,
} from '@stoa/client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { brokerToken, type Network, startNetwork } from '../harness/network.ts';
import { eventually } from '../scenario/scenario-failure.ts';
import { type CuttingProxy, startCuttingProxy } from './cutting-proxy.ts';
import { buildClient, runExample, writePageScript } from './run-example.ts';

/** Quick to come back, so that a test is. */
const STREAMS = { firstWaitMs: 50, maxWaitMs: 200, giveUpAfterMs: 60_000 };

let network: Network;
let proxy: CuttingProxy;
let token: string;
let orders = 0;
const opened: StoaClient[] = [];

beforeAll(async () => {
  network = await startNetwork({
    baseFolder: `${tmpdir()}/stoa-client`,
    flows: new Map(),
    flowSpeed: 'max',
  });
  proxy = await startCuttingProxy(network.gateway.graphql);
  token = await brokerToken(network);
}, 120_000);
afterEach(() => {
  for (const client of opened.splice(0)) client.close();
});
afterAll(async () => {
  await proxy?.stop();
  await network?.stop();
});

function connect(options: Partial<StoaClientOptions> = {}): StoaClient {
  const credentials: Credentials = { kind: 'bearer', token };
  const client = createStoaClient(
    { url: proxy.url, credentials, streams: STREAMS, ...options },
    { webSocket: WebSocket },
  );
  opened.push(client);
  return client;
}

/** An order that waits at home, below whatever anybody offers. */
function resting(): PlaceOrderInput & { readonly clientOrderId: string } {
  orders += 1;
  return {
    clientOrderId: `kit-${orders}`,
    instrument: network.chain.instrument,
    account: network.chain.alice.address,
    ...{ side: 'BUY', quantity: '1', limitPrice: '50' },
  };
}

async function placed(client: StoaClient): Promise<string> {
  const outcome = await placeOrder(client, resting());
  if (outcome.kind !== 'placed') throw new Error(JSON.stringify(outcome));
  return outcome.order.id;
}

type Book = BookChangesSubscription['book'];
type OrderUpdate = NonNullable<OrderEventsSubscription['orderEvents']>;

/** Keeps what a stream gives until it is told to end. */
function follow(stream: Stream<OrderEventsSubscription>, everyMs = 0) {
  const events: OrderUpdate[] = [];
  const state = { events, isOpen: false };
  const done = (async () => {
    for await (const { data } of stream) {
      state.isOpen = true;
      if (data.orderEvents.event) events.push(data.orderEvents);
      if (everyMs > 0) await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  })();
  const end = async (): Promise<void> => {
    await stream.return?.();
    await done;
  };
  return Object.assign(state, { end });
}

/** Whether a stream has come as far as an event; others may have come after it. */
const reached = (events: readonly OrderUpdate[], sequence: number): true | undefined =>
  events.some((event) => event.sequence === sequence) || undefined;

const through = (events: readonly OrderUpdate[], sequence: number): OrderUpdate[] =>
  events.filter((event) => event.sequence <= sequence);

/** All that the home node itself has recorded up to an event. */
async function recorded(upTo: number): Promise<OrderUpdate[]> {
  const home = connect({ url: network.venues.get('alpha')?.graphql ?? '' });
  const all = follow(home.subscribe(OrderEventsDocument, { after: 0 }));
  await eventually('all events', async () => reached(all.events, upTo));
  await all.end();
  return through(all.events, upTo);
}

describe('a client of the network', () => {
  it.each(['sse', 'ws'] as const)(
    'reads every order event exactly once over cuts and a restart of the gateway, by %s',
    async (streamsOver) => {
      const client = connect({ streamsOver });
      const watch = follow(client.subscribe(OrderEventsDocument, { after: 0 }));
      // Another reader, slow, with room for few.
      const slow = connect({ streamsOver, streams: { ...STREAMS, maxBuffered: 16 } });
      const behind = follow(slow.subscribe(OrderEventsDocument, { after: 0 }), 5);
      const direct = connect({ url: network.venues.get('alpha')?.graphql ?? '' });
      const seenAfter = async (count: number) => {
        const before = watch.events.length;
        for (let left = count; left > 0; left -= 1) await placed(direct);
        await eventually('events', async () => watch.events.length > before || undefined);
      };
      await seenAfter(2);
      const connections = proxy.connections;
      for (let round = 0; round < 3; round += 1) {
        await seenAfter(1);
        proxy.cut();
        // What happens while nobody listens is not lost either.
        await placed(direct);
      }
      await network.gateway.process.stop();
      await placed(direct);
      await network.restartGateway();
      await seenAfter(2);
      const last = await eventually('the last order in the stream', async () => {
        const { data } = await direct.query(OrdersDocument, { first: 1 });
        const newest = data.orders?.edges[0]?.node.id;
        return watch.events.find(({ event }) => event?.orderId === newest) && watch.events.at(-1);
      });
      const all = await recorded(last.sequence);
      await eventually('the slow reader', async () => reached(behind.events, last.sequence));
      await Promise.all([watch.end(), behind.end()]);
      expect(all.map(({ sequence }) => sequence)).toEqual(all.map((_, index) => index + 1));
      expect(through(watch.events, last.sequence)).toEqual(all);
      expect(through(behind.events, last.sequence)).toEqual(all);
      // One at least for each cut and the restart.
      expect(proxy.connections - connections).toBeGreaterThanOrEqual(4);
    },
  );

  it.each(['sse', 'ws'] as const)(
    'has the latest book again after a cut, by %s',
    async (streamsOver) => {
      const client = connect({ streamsOver });
      const { instrument } = network.chain;
      const books = client.subscribe(BookChangesDocument, { instrument });
      const first = await books.next();
      if (first.done) throw new Error('no book');
      const shown = (book: Book): number => Number(book.bids[0]?.quantity ?? 0);
      proxy.cut();
      await placed(connect({ url: network.venues.get('alpha')?.graphql ?? '' }));
      for (let before = first.value.data.book; ; ) {
        const next = await books.next();
        if (next.done) throw new Error('the stream ended');
        const { book } = next.value.data;
        expect(book.version).toBeGreaterThan(before.version);
        before = book;
        if (shown(book) === shown(first.value.data.book) + 1) break;
      }
      await books.return?.();
    },
  );

  it('knows that it does not know, asks, and sends again without doing it twice', async () => {
    const client = connect();
    const input = resting();
    proxy.swallowAnswers(true);
    const outcome = await placeOrder(client, input);
    proxy.swallowAnswers(false);
    if (outcome.kind !== 'unknown') throw new Error(JSON.stringify(outcome));
    expect(outcome).toMatchObject({ clientOrderId: input.clientOrderId });
    const order = await eventually('the order', async () => (await outcome.ask()) ?? undefined);
    expect(order).toMatchObject({ clientOrderId: input.clientOrderId, quantity: '1' });
    expect(await placeOrder(client, input)).toMatchObject({
      ...{ kind: 'placed', existed: true },
      order: { id: order.id },
    });
    const late = await placeOrder(client, resting(), { timeoutMs: 1 });
    expect(late).toMatchObject({ kind: 'unknown', reason: 'No answer within 1 ms.' });
  });

  it('asks a query again that was not answered, and says what is refused by its kind', async () => {
    const client = connect();
    proxy.swallowAnswers(true);
    const before = proxy.swallowed;
    const asking = client.query(BookDocument, { instrument: network.chain.instrument });
    await eventually('the first sending', async () => proxy.swallowed > before || undefined);
    proxy.swallowAnswers(false);
    expect((await asking).data.book?.venues).toHaveLength(3);

    const refused = await placeOrder(client, { ...resting(), quantity: '1.5' });
    if (refused.kind !== 'refused') throw new Error(JSON.stringify(refused));
    expect(refused.refusal).toMatchObject({ __typename: 'InvalidInput', field: 'quantity' });
    const canceled = await client.mutate(CancelOrderDocument, { id: 'alpha-999999' });
    if (canceled.outcome !== 'ANSWERED') throw new Error(JSON.stringify(canceled));
    const { cancelOrder } = canceled.data;
    expect(isRefusal(cancelOrder) && cancelOrder.__typename).toBe('NotFound');
  });

  describe('in its examples, which run as they stand', () => {
    const env = (mine = token) => ({ STOA_URL: network.gateway.graphql, STOA_TOKEN: mine });
    const alice = () => network.chain.alice.address;

    it('takes an order of a broker from the market to its end', async () => {
      const printed = await runExample('broker.ts', [alice(), '50'], env());
      expect(printed).toMatch(
        /^best offer: none\nnow: 0 legs, 1 of it would wait\nplaced: alpha-\S+ \S+\n(event: .*\n)+event: \S+ CANCELED\n$/,
      );
    });

    it('shows an issuer its token on every venue, its holders and what happened', async () => {
      const scope = 'issuer:read';
      const mine = await network.tokens.issue({ member: 'acme', home: 'alpha', scope });
      const printed = await runExample('issuer.ts', ['3'], env(mine));
      for (const venue of ['alpha', 'beta', 'gamma']) {
        expect(printed).toContain(`ACME at ${venue}: LISTED`);
        expect(printed).toMatch(new RegExp(`^\\d+ ${venue}: STATUS LISTED$`, 'm'));
      }
      expect(printed).toMatch(/^\d+ holders have \d+$/m);
    });

    it('asks, orders and listens by curl', async () => {
      const { instrument } = network.chain;
      expect(JSON.parse(await runExample('market.sh', [], env()))).toMatchObject({
        data: { instrument: { id: instrument, book: { venues: expect.any(Array) } } },
      });
      const order = [instrument, alice(), 'by-curl', '50'];
      const said = await runExample('order.sh', order, env());
      expect(said).toMatch(/"existed":false.*\n.*"leaves":"1"/);
      expect(await runExample('order.sh', order, env())).toMatch(/"existed":true/);
      const all = await runExample('events.sh', ['1'], env());
      const sequencesIn = (text: string): number[] =>
        [...text.matchAll(/"sequence":(\d+),"event":\{/g)].map(([, sequence]) => Number(sequence));
      const sequences = sequencesIn(all);
      expect(sequences.length).toBeGreaterThan(1);
      const before = sequences.at(-2) ?? 0;
      const rest = await runExample('events.sh', ['1', String(before)], env());
      expect(sequencesIn(rest)).toEqual(sequences.slice(-1));
    });

    it('shows a live book by the script of a page, with the client as browsers get it', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'stoa-client-page-'));
      await buildClient(folder);
      const search = new URLSearchParams({
        url: network.gateway.graphql,
        instrument: network.chain.instrument,
      });
      const page = spawn(process.execPath, [await writePageScript(folder, `?${search}`)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const shown = new Map<string, string>();
      createInterface(page.stdout).on('line', (line) => {
        const { id, text } = JSON.parse(line) as { id: string; text: string };
        shown.set(id, text);
      });
      await eventually('the book', async () => shown.get('bid') === '50' || undefined);
      const before = shown.get('version');
      await placed(connect());
      await eventually('a change', async () => shown.get('version') !== before || undefined);
      page.kill('SIGKILL');
      await once(page, 'exit');
      await rm(folder, { recursive: true });
    });
  });

  it('proves to have the key of its token, with the nonce that the gateway wants', async () => {
    await network.gateway.process.stop();
    await network.restartGateway({ STOA_PROOF_NONCE: 'on' });
    const key = await createProofKey();
    await expect(crypto.subtle.exportKey('jwk', key.pair.privateKey)).rejects.toThrow();
    const grant = { member: 'harbor', home: 'alpha', scope: 'orders:read orders:write' };
    const bound = await network.tokens.issue({
      ...{ ...grant, client: 'desk', keyThumbprint: key.thumbprint },
    });
    const url = network.gateway.graphql;
    const credentials = { kind: 'bound', token: bound, key } as const;
    // The first thing that either does is refused for the want of a nonce, and done with it.
    await placed(connect({ url, credentials }));
    for (const streamsOver of ['sse', 'ws'] as const) {
      const client = connect({ url, credentials, streamsOver });
      const watch = follow(client.subscribe(OrderEventsDocument, {}));
      await eventually('the stream', async () => watch.isOpen || undefined);
      const id = await placed(client);
      await eventually(
        'its event',
        async () => watch.events.some(({ event }) => event?.orderId === id) || undefined,
      );
      await watch.end();
    }
    // Whoever has stolen the token alone has nothing.
    const other = await createProofKey();
    for (const stolen of [
      { kind: 'bearer', token: bound },
      { kind: 'bound', token: bound, key: other },
    ] as const) {
      for (const streamsOver of ['sse', 'ws'] as const) {
        const thief = connect({ url, credentials: stolen, streamsOver });
        expect(await placeOrder(thief, resting())).toMatchObject({ kind: 'not-done' });
        await expect(thief.subscribe(OrderEventsDocument, {}).next()).rejects.toMatchObject({
          code: 'STREAM_REFUSED',
        });
      }
    }
  });
});
