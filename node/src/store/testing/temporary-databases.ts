import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { openDatabase } from '../database.ts';
import { createDatabase, startEmbeddedPostgres } from '../embedded-postgres.ts';

/** A real PostgreSQL of a test's own, in a folder that goes with it. */
export interface TemporaryDatabases {
  /** The URL of a database that nobody has used. */
  fresh(): Promise<string>;
  /** The URL of the database of this name, with the node's tables and nothing in them. */
  empty(name: string): Promise<string>;
  stop(): Promise<void>;
}

/** Starts one server; a test file needs no more than one. */
export async function startTemporaryDatabases(): Promise<TemporaryDatabases> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-databases-'));
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const server = await startEmbeddedPostgres({ dataDir: folder }).catch(async (error: unknown) => {
    await remove();
    throw error;
  });
  let made = 0;
  return {
    fresh: () => {
      made += 1;
      return createDatabase(server.url('postgres'), `fresh_${made}`);
    },
    empty: async (name) => {
      const url = await createDatabase(server.url('postgres'), name);
      const store = await openDatabase(url);
      await store.close();
      await emptyAll(url);
      return url;
    },
    stop: async () => {
      await server.stop();
      await remove();
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
