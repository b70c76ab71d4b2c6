import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { inject } from 'vitest';
import { openDatabase } from '../database.ts';
import { createDatabase, startEmbeddedPostgres } from '../embedded-postgres.ts';

/** Databases of a test file's own, on the real PostgreSQL that all files of a run share. */
export interface TemporaryDatabases {
  /** The URL of a database that nobody has used. */
  fresh(): Promise<string>;
  /** The URL of the database of this name, with the node's tables and nothing in them. */
  empty(name: string): Promise<string>;
  /** Drops them, whoever is still connected. */
  stop(): Promise<void>;
}

/** The database that every other is copied from: the tables, made once a run and not once a test file. */
const TEMPLATE = 'stoa_template';
/** Any constant serves; it only has to be the same in every test file. */
const TEMPLATE_LOCK = 5_720_162;

/** Starts the server where it does not run yet: a server for each file would cost each a second or two. */
export async function startTemporaryDatabases(): Promise<TemporaryDatabases> {
  const server = await startEmbeddedPostgres({ dataDir: inject('databasesFolder') });
  const serverUrl = server.url('postgres');
  const file = randomBytes(4).toString('hex');
  const urls = new Map<string, string>();
  let lastFresh = 0;
  return {
    async fresh() {
      // Counted before anything is waited for: who asks for several at once gets several.
      lastFresh += 1;
      const name = `${file}_fresh_${lastFresh}`;
      const url = await createDatabase(serverUrl, name);
      urls.set(name, url);
      return url;
    },
    async empty(called) {
      const name = `${file}_${called}`;
      const known = urls.get(name);
      if (known !== undefined) {
        await emptyAll(known);
        return known;
      }
      const url = await copyTemplate(serverUrl, name);
      urls.set(name, url);
      return url;
    },
    async stop() {
      await using sql = connect(serverUrl);
      for (const name of urls.keys()) await sql`drop database if exists ${sql(name)} with (force)`;
    },
  };
}

function connect(url: string) {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  return Object.assign(sql, { [Symbol.asyncDispose]: () => sql.end() });
}

async function copyTemplate(serverUrl: string, name: string): Promise<string> {
  await using sql = connect(serverUrl);
  await sql`select pg_advisory_lock(${TEMPLATE_LOCK})`;
  const [made] = await sql`select 1 from pg_database where datname = ${TEMPLATE}`;
  if (made === undefined) {
    const unfinished = `${TEMPLATE}_unfinished`;
    const store = await openDatabase(await createDatabase(serverUrl, unfinished));
    await store.close();
    await emptyAll(urlOf(serverUrl, unfinished));
    await sql`alter database ${sql(unfinished)} rename to ${sql(TEMPLATE)}`;
  }
  await sql`select pg_advisory_unlock(${TEMPLATE_LOCK})`;
  await sql`create database ${sql(name)} template ${sql(TEMPLATE)}`;
  return urlOf(serverUrl, name);
}

function urlOf(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/**
 * Deletes row by row, past the triggers that keep records from being changed: of tables with few rows
 * that takes milliseconds, where `truncate` makes new files of every table and index and takes a second.
 */
async function emptyAll(url: string): Promise<void> {
  await using sql = connect(url);
  const tables = await sql<{ name: string }[]>`
    select quote_ident(tablename) as name from pg_tables where schemaname = 'public'`;
  const deletions = tables.map(({ name }) => `delete from ${name};`).join(' ');
  await sql.unsafe(`begin; set local session_replication_role = replica; ${deletions} commit`);
  await sql`
    select setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
    from pg_sequences where schemaname = 'public'`;
}
