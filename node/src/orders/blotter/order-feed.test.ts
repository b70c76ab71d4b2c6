import { setTimeout as sleep } from 'node:timers/promises';
import { drizzle } from 'drizzle-orm/postgres-js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type OpenDatabase, openDatabase } from '../../store/database.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../../store/testing/temporary-databases.ts';
import { until } from '../../testing/until.ts';
import { storeEvents } from '../testing/stored-orders.ts';
import { createOrderFeed, type OrderFeed, type OrderFeedItem } from './order-feed.ts';

let databases: TemporaryDatabases;
let store: OpenDatabase;
let feed: OrderFeed;
let ended: AbortController;

beforeAll(async () => {
  databases = await startTemporaryDatabases();
}, 60_000);
afterAll(() => databases.stop());
beforeEach(async () => {
  store = await openDatabase(await databases.empty('feed'));
  feed = createOrderFeed(store.db, { heartbeatMs: 60_000, batch: 8 });
  ended = new AbortController();
});
afterEach(async () => {
  ended.abort();
  await store.close();
});

const events = (count: number) => Array.from({ length: count }, () => ({ orderId: 'alpha-1' }));

/** Follows a feed in the background; `told` grows as it goes. */
function follow(member: string, after: number, from: OrderFeed = feed) {
  const told: OrderFeedItem[] = [];
  const done = (async () => {
    for await (const item of from.follow(member, after, ended.signal)) told.push(item);
  })();
  return {
    told,
    done,
    numbers: () => told.flatMap(({ sequence, event }) => (event ? [sequence] : [])),
  };
}

const upTo = (last: number, after = 0) =>
  Array.from({ length: last - after }, (_, index) => after + index + 1);

describe('the feed of order events', () => {
  it('tells what was before, says that this was all, and goes on with what comes', async () => {
    await storeEvents(store.db, 'broker', events(20));
    await storeEvents(store.db, 'other', [{ orderId: 'alpha-2' }, { orderId: 'alpha-2' }]);
    const reader = follow('broker', 3);
    await until(() => reader.told.at(-1)?.event === undefined && reader.told.length > 0);
    expect(reader.numbers()).toEqual(upTo(20, 3));
    expect(reader.told.at(-1)).toEqual({ sequence: 20 });
    await storeEvents(store.db, 'broker', events(3));
    feed.committed(['broker']);
    await until(() => reader.numbers().length === 20);
    expect(reader.told.slice(-3).map(({ event }) => event)).toMatchObject(
      upTo(23, 20).map((orderSequence) => ({ orderId: 'alpha-1', orderSequence, filled: 10 })),
    );
    expect(await feed.latest('broker')).toBe(23);
    expect(await feed.latest('nobody')).toBe(0);
  });

  it('tells each event once and in order, however commits and readers meet', async () => {
    let last = 0;
    const readers = [follow('broker', 0)];
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      for (let turn = 0; turn < 25; turn += 1) {
        const count = ((turn * 7 + writer) % 3) + 1;
        // The number is taken here, and nobody sees the event until a while later.
        await storeEvents(store.db, 'broker', events(count), () => sleep(turn % 4));
        feed.committed(['broker']);
        last += count;
        // Comes in the middle of it all, from where another reader has just been.
        if (turn % 8 === 0) readers.push(follow('broker', readers[0]?.numbers().at(-1) ?? 0));
      }
    });
    await Promise.all(writers);
    await until(() => readers.every(({ numbers }) => numbers().at(-1) === last));
    for (const { numbers } of readers) {
      expect(numbers()).toEqual(upTo(last, (numbers()[0] ?? 1) - 1));
    }
    expect(readers[0]?.numbers()).toHaveLength(last);
  });

  it('finds at its heartbeat what nobody told it of', async () => {
    const slow = createOrderFeed(store.db, { heartbeatMs: 100 });
    const reader = follow('broker', 0, slow);
    await until(() => reader.told.length === 2);
    await storeEvents(store.db, 'broker', events(2));
    await until(() => reader.numbers().length === 2);
    await until(() => reader.told.at(-1)?.event === undefined);
    expect(reader.told.at(-1)).toEqual({ sequence: 2 });
    expect(reader.numbers()).toEqual([1, 2]);
  });

  it('waits for a number that is missing, and never leaves it out', async () => {
    await storeEvents(store.db, 'broker', events(3));
    await store.sql.begin(async (sql) => {
      await sql`alter table order_events disable trigger all`;
      await sql`delete from order_events where member_sequence = 2`;
    });
    const reader = follow('broker', 0);
    await until(() => reader.told.length === 2);
    expect(reader.told).toMatchObject([{ sequence: 1 }, { sequence: 1 }]);
    await store.sql`insert into order_events
      (order_id, sequence, member, member_sequence, kind, data, status, quantity, filled, at_ms)
      values ('alpha-1', 2, 'broker', 2, 'ended', '{}', 'canceled', 1, 0, 0)`;
    feed.committed(['broker']);
    await until(() => reader.numbers().length === 3);
    expect(reader.numbers()).toEqual([1, 2, 3]);
  });

  it('reads from the store only as its reader asks: one that stalls costs a few rows', async () => {
    let statements = 0;
    const watched = drizzle(store.sql, { logger: { logQuery: () => void (statements += 1) } });
    const counting = createOrderFeed(watched, { batch: 8, heartbeatMs: 60_000 });
    const reader = counting.follow('broker', 0, ended.signal)[Symbol.asyncIterator]();
    await reader.next();
    await storeEvents(store.db, 'broker', events(2_000));
    for (let turn = 0; turn < 100; turn += 1) {
      counting.committed(['broker']);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(statements).toBe(1);
    for (let sequence = 1; sequence <= 2_000; sequence += 1) {
      expect((await reader.next()).value).toMatchObject({ sequence });
    }
    expect(statements).toBe(1 + 2_000 / 8);
    // Nothing more is there, which it finds once and then waits for the next commit.
    const next = reader.next();
    await sleep(100);
    expect(statements).toBe(1 + 2_000 / 8 + 1);
    await storeEvents(store.db, 'broker', events(1));
    counting.committed(['broker']);
    expect((await next).value).toMatchObject({ sequence: 2_001 });
    await reader.return?.();
  });

  it('reads again where something was committed while it was reading', async () => {
    let readings = 0;
    const logQuery = () => {
      readings += 1;
      // As a commit does that this statement is just too early to see.
      if (readings === 1) meeting.committed(['broker']);
    };
    const meeting = createOrderFeed(drizzle(store.sql, { logger: { logQuery } }), {
      heartbeatMs: 60_000,
    });
    follow('broker', 0, meeting);
    await until(() => readings === 2);
    await sleep(50);
    expect(readings).toBe(2);
  });

  it('ends at once with the signal, whatever it waits for', async () => {
    const idle = follow('broker', 0);
    await until(() => idle.told.length === 1);
    ended.abort();
    await idle.done;
  });

  it('fails loudly where the store does', async () => {
    const broken = await openDatabase(await databases.empty('broken'));
    await broken.sql`drop table order_events`;
    const reader = createOrderFeed(broken.db).follow('broker', 0, ended.signal);
    await expect(reader[Symbol.asyncIterator]().next()).rejects.toThrow('order_events');
    await broken.close();
  });
});
