import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase } from './database.ts';
import { startTemporaryDatabases, type TemporaryDatabases } from './testing/temporary-databases.ts';
import { issue } from './transactions.ts';

let databases: TemporaryDatabases;

beforeAll(async () => {
  databases = await startTemporaryDatabases();
});
afterAll(() => databases.stop());

describe('the store', () => {
  it('is brought up to date once, however many open it at the same moment', async () => {
    const url = await databases.fresh();
    const opened = await Promise.all([1, 2, 3].map(() => openDatabase(url)));
    const first = await openDatabase(url);
    const applied =
      await first.sql`select count(*)::int as count from drizzle.__drizzle_migrations`;
    const again = await openDatabase(url);
    const after = await again.sql`select count(*)::int as count from drizzle.__drizzle_migrations`;
    expect(applied?.[0]?.['count']).toBeGreaterThan(0);
    expect(after).toEqual(applied);
    await Promise.all([...opened, first, again].map((store) => store.close()));
  });

  it('refuses an order that is filled beyond its quantity, whoever writes it', async () => {
    const store = await openDatabase(await databases.fresh());
    const insert = store.sql`insert into venue_orders
      (leg_id, home_venue, member, account, instrument, side, time_in_force, quantity, limit_price,
       status, filled, received_at_ms)
      values ('a-1.1.1', 'a', 'b', '0x', 'i', 'buy', 'ioc', 10, 5, 'new', 11, 0)`;
    await expect(insert).rejects.toThrow('venue_orders_filled_within');
    await store.close();
  });

  it('hands a transaction that reads nothing to the server in one piece', async () => {
    const store = await openDatabase(await databases.fresh());
    await store.sql`create table notes (note text)`;
    const write = () =>
      store.db.transaction(async (tx) => {
        for (const letter of ['a', 'b', 'c']) {
          issue(tx, sql`insert into notes (note) values (${letter.repeat(2_000)})`);
        }
      });
    // The statements are prepared first, which takes trips of its own.
    await write();
    const before = { ...store.counts };
    await write();
    expect(store.counts.statements - before.statements).toBe(5);
    expect(store.counts.writes - before.writes).toBe(1);
    expect(await store.sql`select note from notes`).toHaveLength(6);
    await store.close();
  });

  it('says so when there is no database', async () => {
    await expect(openDatabase('postgres://nobody@127.0.0.1:1/none')).rejects.toMatchObject({
      code: 'DATABASE_UNAVAILABLE',
    });
  });
});
