import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { drizzle } from 'drizzle-orm/postgres-js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createOrderBlotter } from '../orders/blotter/order-blotter.ts';
import { createOrderFeed, type OrderFeed } from '../orders/blotter/order-feed.ts';
import { storeEvents, storeOrder } from '../orders/testing/stored-orders.ts';
import { type Database, type OpenDatabase, openDatabase } from '../store/database.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../store/testing/temporary-databases.ts';
import { until } from '../testing/until.ts';
import type { ApiServerOptions } from './api-server.ts';
import { type SampleApi, startSampleApi } from './testing/sample-api.ts';
import { ACME } from './testing/sample-market.ts';
import { createTokenIssuer, type TokenIssuer } from './testing/token-issuer.ts';

let folder: string;
let issuer: TokenIssuer;
let databases: TemporaryDatabases;
let store: OpenDatabase;
let feed: OrderFeed;
let api: SampleApi;
const sockets: Socket[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-api-'));
  issuer = await createTokenIssuer(folder);
  databases = await startTemporaryDatabases();
}, 60_000);
afterAll(async () => {
  await databases.stop();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  store = await openDatabase(await databases.empty('events'));
  for (const [number, member] of [
    [1, 'broker'],
    [2, 'other'],
  ] as const) {
    await storeOrder(store.db, number, { member, instrument: ACME.id });
  }
  await startApi();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await api.stop();
  await store.close();
});

/** A node's API over the stored events; a second call is what a restart of the node leaves. */
async function startApi(
  options: Partial<ApiServerOptions> = {},
  heartbeatMs = 60_000,
  database: Database = store.db,
) {
  feed = createOrderFeed(database, { heartbeatMs });
  const blotter = createOrderBlotter('alpha', store.db);
  api = await startSampleApi('alpha', issuer.options, options, { feed, blotter });
}

async function commit(count: number, member = 'broker', reason?: string): Promise<void> {
  const orderId = member === 'broker' ? 'alpha-1' : 'alpha-2';
  const data = { legId: `${orderId}.1.1`, venue: 'beta', price: 10_010, quantity: 1_500, reason };
  const events = Array.from({ length: count }, () => ({ orderId, data }));
  await storeEvents(store.db, member, events);
  feed.committed([member]);
}

const FIELDS = 'sequence event { orderId }';

/** Watches over a raw socket, so that the test decides when anything is read. */
async function watch(
  given: { readonly after?: number; readonly token?: string; readonly fields?: string } = {},
) {
  const token = given.token ?? (await issuer.token());
  const after = given.after === undefined ? '' : `(after: ${given.after})`;
  const query = `subscription { orderEvents${after} { ${given.fields ?? FIELDS} } }`;
  const { hostname, port } = new URL(api.url);
  const socket = connect(Number(port), hostname);
  sockets.push(socket);
  const body = JSON.stringify({ query });
  socket.write(
    `POST /graphql HTTP/1.1\r\nhost: ${hostname}:${port}\r\naccept: text/event-stream\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  let text = '';
  let ended = false;
  socket.on('data', (chunk) => {
    text += chunk.toString();
  });
  socket.on('close', () => {
    ended = true;
  });
  const results = () =>
    [...text.matchAll(/^data: (\{.*\})$/gm)].map(
      ([, json]) => JSON.parse(json ?? '') as { data?: { orderEvents?: Item }; errors?: unknown },
    );
  return {
    socket,
    results,
    text: () => text,
    isEnded: () => ended,
    numbers: () =>
      results().flatMap(({ data }) =>
        data?.orderEvents?.event ? [data.orderEvents.sequence] : [],
      ),
  };
}

interface Item {
  readonly sequence: number;
  readonly event: { readonly orderId: string } | null;
}

const upTo = (last: number, after = 0) =>
  Array.from({ length: last - after }, (_, index) => after + index + 1);

describe('the subscription on order events', () => {
  it('tells what happens to the own orders, with the order as it stands', async () => {
    await commit(2);
    const reader = await watch({
      fields: `sequence event { kind at orderSequence legId legIds venue { id } price quantity
        status filled reason executionId order { clientOrderId leaves } }`,
    });
    await until(() => reader.results().length === 1);
    await commit(1);
    await commit(4, 'other');
    await until(() => reader.results().length === 2);
    expect(reader.results()).toEqual([
      { data: { orderEvents: { sequence: 2, event: null } } },
      {
        data: {
          orderEvents: {
            sequence: 3,
            event: {
              ...{ kind: 'LEG_EXECUTED', at: '1970-01-01T00:00:03.000Z', orderSequence: 3 },
              ...{
                legId: 'alpha-1.1.1',
                legIds: [],
                venue: { id: 'beta' },
                price: '100.1',
                quantity: '1.5',
              },
              ...{ status: 'NEW', filled: '0.01', reason: null, executionId: null },
              order: { clientOrderId: 'order-1', leaves: '0.1' },
            },
          },
        },
      },
    ]);
    const other = await watch({ after: 0, token: await issuer.token({ member: 'other' }) });
    await until(() => other.results().length === 5);
    const seen = other.results().flatMap(({ data }) => data?.orderEvents?.event?.orderId ?? []);
    expect(new Set(seen)).toEqual(new Set(['alpha-2']));
  });

  it('goes on from a number with no gap and no repeat, over cuts and a restart of the node', async () => {
    let last = 0;
    let writing = true;
    const writer = (async () => {
      while (writing) {
        const count = (last % 5) + 1;
        await commit(count);
        last += count;
        await sleep(2);
      }
    })();
    const seen: number[] = [];
    for (let turn = 0; turn < 12; turn += 1) {
      const reader = await watch({ after: seen.at(-1) ?? 0 });
      await until(() => reader.numbers().length > turn);
      if (turn === 5) {
        await api.stop();
        await until(() => reader.isEnded());
        await startApi();
      } else if (turn % 2 === 0) reader.socket.destroy();
      else reader.socket.end();
      // Whatever it had been sent by then is what a client has seen.
      seen.push(...reader.numbers());
    }
    writing = false;
    await writer;
    const rest = await watch({ after: seen.at(-1) ?? 0 });
    await until(() => (rest.numbers().at(-1) ?? seen.at(-1)) === last);
    expect([...seen, ...rest.numbers()]).toEqual(upTo(last));
    expect(last).toBeGreaterThan(50);
  }, 30_000);

  it.each([
    ['no token', async () => 'x', undefined, 'UNAUTHENTICATED'],
    ['a token of another home', () => issuer.token({ home: 'beta' }), 0, 'WRONG_HOME'],
    ['a token without the scope', () => issuer.token({ scope: '' }), 0, 'FORBIDDEN'],
    ['a number that is yet to come', () => issuer.token(), 3, 'SEQUENCE_UNKNOWN'],
    ['a number below nothing', () => issuer.token(), -1, 'BAD_USER_INPUT'],
  ])('is refused to a caller with %s', async (_what, tokenOf, after, code) => {
    await commit(2);
    const token = await tokenOf();
    const reader = await watch({ token, ...(after === undefined ? {} : { after }) });
    await until(() => reader.text().includes('"errors"'));
    expect(reader.text()).toContain(`"code":"${code}"`);
    expect(reader.numbers()).toEqual([]);
    expect(api.orders.streams()).toBe(0);
  });

  it('is bounded for each member, and the order service knows how many there are', async () => {
    await api.stop();
    await startApi({ maxStreamsPerMember: 2 });
    const first = await watch();
    const second = await watch();
    await until(() => first.results().length + second.results().length === 2);
    expect(api.orders.streams()).toBe(2);
    const third = await watch();
    await until(() => third.text().includes('TOO_MANY_SUBSCRIPTIONS'));
    const stranger = await watch({ token: await issuer.token({ member: 'other' }) });
    await until(() => stranger.results().length === 1);
    first.socket.destroy();
    await until(() => api.orders.streams() === 2);
    const fourth = await watch();
    await until(() => fourth.results().length === 1);
    expect(api.orders.streams()).toBe(3);
  });

  it('costs a stalled reader a few rows, and tells it everything when it reads again', async () => {
    await api.stop();
    let readings = 0;
    const counted = drizzle(store.sql, {
      logger: { logQuery: (statement) => void (readings += /order by/.test(statement) ? 1 : 0) },
    });
    await startApi({}, 60_000, counted);
    const reader = await watch({ after: 0, fields: 'sequence event { orderId reason }' });
    await until(() => reader.results().length === 1);
    reader.socket.pause();
    // Far more than what the sockets' buffers on both sides can hold.
    for (let turn = 0; turn < 6; turn += 1) await commit(1_000, 'broker', 'x'.repeat(4_000));
    let before = -1;
    for (let turn = 0; turn < 100 && before !== readings; turn += 1) {
      before = readings;
      await sleep(200);
    }
    // 64 rows at a time: much less than the 6,000 was read for it.
    expect(readings).toBeLessThan(60);
    const other = await watch({ after: 5_990 });
    await until(() => other.numbers().length === 10);
    reader.socket.resume();
    await until(() => reader.text().slice(-8_192).includes('"sequence":6000,'), 60_000);
    expect(reader.numbers()).toEqual(upTo(6_000));
  }, 90_000);

  it('says in its heartbeats up to where the reader has all', async () => {
    await api.stop();
    await startApi({}, 50);
    await commit(2);
    const reader = await watch({ after: 0 });
    await until(() => reader.results().length >= 5);
    expect(reader.results().slice(0, 5)).toMatchObject(
      [1, 2, 2, 2, 2].map((sequence, index) => ({
        data: { orderEvents: { sequence, event: index < 2 ? { orderId: 'alpha-1' } : null } },
      })),
    );
  });

  it('ends when its token does', async () => {
    await api.stop();
    await startApi({}, 50);
    const reader = await watch({ token: await issuer.token({ lifetimeSeconds: 1 }) });
    await until(() => reader.results().length > 0);
    await until(() => reader.text().includes('UNAUTHENTICATED'));
    await until(() => reader.text().includes('event: complete'));
    expect(api.orders.streams()).toBe(0);
  });

  it('ends in order when the server stops, also for a reader that stalls', async () => {
    const reader = await watch();
    const stalled = await watch({ after: 0 });
    await until(() => reader.results().length === 1 && stalled.results().length === 1);
    stalled.socket.pause();
    await commit(2_000);
    const startedAt = Date.now();
    await api.stop();
    expect(Date.now() - startedAt).toBeLessThan(1_500);
    await until(() => reader.text().includes('event: complete'));
    expect(api.orders.streams()).toBe(0);
  });
});
