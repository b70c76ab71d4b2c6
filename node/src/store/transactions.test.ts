import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type OpenDatabase, openDatabase } from './database.ts';
import { startTemporaryDatabases, type TemporaryDatabases } from './testing/temporary-databases.ts';
import { together } from './together.ts';
import { issue, type Transaction, type TransactionEnd, whenEnded } from './transactions.ts';

let databases: TemporaryDatabases;
let url: string;
let store: OpenDatabase;
let ends: TransactionEnd[];

beforeAll(async () => {
  databases = await startTemporaryDatabases();
  url = await databases.fresh();
  store = await openDatabase(url);
  await store.sql`create table notes (note text primary key)`;
});
afterAll(async () => {
  await store.close();
  await databases.stop();
});
beforeEach(async () => {
  ends = [];
  await store.sql`delete from notes`;
});

const run = <Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> =>
  store.db.transaction(async (tx) => {
    whenEnded(tx, (end) => ends.push(end));
    return work(tx);
  });
const note = (tx: Transaction, text: string): void =>
  issue(tx, sql`insert into notes values (${text})`);
const notes = async (): Promise<string[]> =>
  (await store.sql`select note from notes order by note`).map((row) => String(row['note']));

it('commits what nobody waited for, in the order it was asked, and tells its rows before', async () => {
  const told: string[] = [];
  const result = await run(async (tx) => {
    note(tx, 'a');
    issue<{ note: string }>(tx, sql`update notes set note = 'b' returning note`, (rows) =>
      told.push(...rows.map((row) => row.note)),
    );
    note(tx, 'a');
    return 'done';
  });
  expect([result, told, ends]).toEqual(['done', ['b'], ['committed']]);
  expect(await notes()).toEqual(['a', 'b']);
});

it('sees in a statement what was issued before it', async () => {
  const seen = await run(async (tx) => {
    note(tx, 'a');
    const rows = await tx.execute<{ note: string }>(sql`select note from notes`);
    return rows.map((row) => row.note);
  });
  expect(seen).toEqual(['a']);
});

it('commits nothing of a transaction in which a statement failed that nobody waited for', async () => {
  const failing = run(async (tx) => {
    note(tx, 'a');
    issue(tx, sql`select 1 / (select count(*) from notes where note = 'b')`);
    note(tx, 'c');
  });
  await expect(failing).rejects.toThrow('division by zero');
  expect(await notes()).toEqual([]);
  expect(ends).toEqual(['rolled-back']);
});

it('rolls back what throws, says what it threw, and takes no statement afterwards', async () => {
  let late: Transaction | undefined;
  const throwing = run(async (tx) => {
    late = tx;
    note(tx, 'a');
    throw new Error('no');
  });
  await expect(throwing).rejects.toThrow('no');
  expect(await notes()).toEqual([]);
  expect(() => note(late as Transaction, 'late')).toThrow('after the end');
  await expect((late as Transaction).execute(sql`select 1`)).rejects.toThrow();
});

it('runs nothing outside of a transaction whose connection broke, and goes on with another', async () => {
  const broken = run(async (tx) => {
    note(tx, 'a');
    const end = sql`select pg_terminate_backend(pg_backend_pid())`;
    await tx.execute(end).catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 100));
    note(tx, 'b');
  });
  await expect(broken).rejects.toThrow();
  expect(ends).toEqual(['rolled-back']);
  expect(await notes()).toEqual([]);
  const many = (): Promise<unknown>[] =>
    Array.from({ length: 30 }, (_, index) => run(async (tx) => note(tx, `${index}`)));
  // The driver gives one that comes after it the error of the connection that broke.
  const outcomes = await Promise.allSettled(many());
  const failed = outcomes.filter(({ status }) => status === 'rejected');
  expect(failed.length).toBeLessThan(2);
  expect(await notes()).toHaveLength(30 - failed.length);
  await store.sql`delete from notes`;
  await Promise.all(many());
});

it('fails whole where its connection breaks while statements wait for others to be prepared', async () => {
  await store.sql`insert into notes values ('a')`;
  const other = await openDatabase(url);
  await store.sql.begin(async (holder) => {
    await holder`select note from notes for update`;
    // On a connection that has prepared none of them: each waits for what the server says of the last.
    const broken = other.db.transaction((tx) =>
      together(
        tx.execute(sql`select note from notes where note = ${'a'} for update`),
        tx.execute(sql`select note from notes where note <> ${'b'}`),
        tx.execute(sql`select note from notes where note <> ${'c'}`),
      ),
    );
    const settled = broken.catch((error: unknown) => error);
    let killed = 0;
    while (killed === 0) {
      const rows = await store.sql`select pg_terminate_backend(pid) from pg_stat_activity
        where wait_event_type = 'Lock' and datname = current_database()`;
      killed = rows.length;
    }
    expect(await settled).toBeInstanceOf(Error);
  });
  await other.close();
});

it('does not know how a transaction ended whose connection broke over the commit', async () => {
  const other = await openDatabase(url);
  await store.sql`create table slow (note text)`;
  await store.sql`create function sleep() returns trigger language plpgsql as
    $$ begin perform pg_sleep(20); return null; end $$`;
  await store.sql`create constraint trigger slow after insert on slow
    deferrable initially deferred for each row execute function sleep()`;
  const broken = run(async (tx) => issue(tx, sql`insert into slow values ('a')`));
  const settled = broken.catch((error: unknown) => error);
  let killed = 0;
  while (killed === 0) {
    const rows = await other.sql`select pg_terminate_backend(pid) from pg_stat_activity
      where query = 'commit' and wait_event = 'PgSleep'`;
    killed = rows.length;
  }
  expect(await settled).toBeInstanceOf(Error);
  expect(ends).toEqual(['unknown']);
  await other.close();
});

it('is not begun once the store is being closed, which waits for those that run', async () => {
  const other = await openDatabase(url);
  const { promise, resolve } = Promise.withResolvers<void>();
  const running = other.db.transaction(async (tx) => {
    await promise;
    note(tx, 'last');
  });
  const closing = other.close();
  await expect(other.db.transaction(async () => undefined)).rejects.toMatchObject({
    code: 'DATABASE_CLOSED',
  });
  resolve();
  await running;
  await closing;
  expect(await notes()).toEqual(['last']);
});

it('uses the connection again that was used last, and none that broke meanwhile', async () => {
  const pid = (meanwhile?: () => Promise<void>): Promise<number> =>
    run(async (tx) => {
      const [row] = await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`);
      await meanwhile?.();
      return row?.pid ?? 0;
    });
  const all = Promise.withResolvers<void>();
  let begun = 0;
  const untilAll = (): Promise<void> => {
    begun += 1;
    if (begun === 5) all.resolve();
    return all.promise;
  };
  const used = await Promise.all(Array.from({ length: 5 }, () => pid(untilAll)));
  expect(new Set(used).size).toBe(5);
  const last = await pid();
  expect([await pid(), await pid()]).toEqual([last, last]);
  await store.sql`select pg_terminate_backend(${last})`;
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect([last, 0]).not.toContain(await pid());
});
