import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase, startEmbeddedPostgres } from '../embedded-postgres.ts';

/** A real PostgreSQL of a test's own, in a folder that goes with it. */
export interface TemporaryDatabases {
  /** The URL of a database that nobody has used. */
  fresh(): Promise<string>;
  stop(): Promise<void>;
}

/** Starts one server; a test file needs no more than one. */
export async function startTemporaryDatabases(): Promise<TemporaryDatabases> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-databases-'));
  const server = await startEmbeddedPostgres({ dataDir: folder });
  let made = 0;
  return {
    fresh: () => {
      made += 1;
      return createDatabase(server.url('postgres'), `test_${made}`);
    },
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
