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

/** Starts the server where it does not run yet: a server for each file would cost each a second or two. */
export async function startTemporaryDatabases(): Promise<TemporaryDatabases> {
  const server = await startEmbeddedPostgres({ dataDir: inject('databasesFolder') });
  const serverUrl = server.url('postgres');
  const file = randomBytes(4).toString('hex');
  const names = new Set<string>();
  const create = (name: string): Promise<string> => {
    names.add(`${file}_${name}`);
    return createDatabase(serverUrl, `${file}_${name}`);
  };
  return {
    fresh: () => create(`fresh_${names.size + 1}`),
    empty: async (name) => {
      const url = await create(name);
      const store = await openDatabase(url);
      await store.close();
      await emptyAll(url);
      return url;
    },
    stop: async () => {
      const sql = postgres(serverUrl, { max: 1, onnotice: () => undefined });
      for (const name of names) await sql`drop database if exists ${sql(name)} with (force)`;
      await sql.end();
    },
  };
}

/** Much quicker than a new database for every test. */
async function emptyAll(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  const tables = await sql<{ name: string }[]>`
    select quote_ident(tablename) as name from pg_tables where schemaname = 'public'`;
  const sequences = await sql<{ name: string }[]>`
    select quote_ident(sequencename) as name from pg_sequences where schemaname = 'public'`;
  await sql.unsafe(`truncate ${tables.map(({ name }) => name).join(', ')} restart identity`);
  for (const { name } of sequences) await sql.unsafe(`alter sequence ${name} restart`);
  await sql.end();
}
