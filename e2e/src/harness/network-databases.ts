import { randomBytes } from 'node:crypto';
import { createDatabase, startEmbeddedPostgres } from '@stoa/node/embedded-postgres';
import postgres from 'postgres';
import type { Guardian } from './guardian.ts';

/** One PostgreSQL server with a database per node. */
export interface DatabaseServer {
  /** The connection URL of a node's own database, made where it does not exist yet. */
  database(owner: string): Promise<string>;
  /** Ends our own server; on somebody's server it drops the databases that were made. */
  stop(): Promise<void>;
}

export interface DatabaseServerOptions {
  /** Folder of our own server. */
  readonly folder: string;
  /** Somebody's server, used in place of our own. */
  readonly url?: string;
  readonly guardian: Guardian;
}

/** Starts a server of our own, or uses the one named. */
export async function openDatabaseServer(options: DatabaseServerOptions): Promise<DatabaseServer> {
  return options.url === undefined
    ? ownServer(options.folder, options.guardian)
    : somebodysServer(options.url);
}

async function ownServer(folder: string, guardian: Guardian): Promise<DatabaseServer> {
  const server = await startEmbeddedPostgres({ dataDir: folder });
  // SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for its clients.
  guardian.guard(server.pid, 'SIGINT');
  return {
    database: (owner) => createDatabase(server.url('postgres'), `stoa_${owner}`),
    stop: async () => {
      await server.stop();
      guardian.release(server.pid);
    },
  };
}

function somebodysServer(url: string): DatabaseServer {
  // Two runs side by side on one server never meet.
  const run = randomBytes(4).toString('hex');
  const made = new Set<string>();
  return {
    database: async (owner) => {
      const name = `stoa_${run}_${owner}`;
      made.add(name);
      return createDatabase(url, name);
    },
    stop: async () => {
      const sql = postgres(url, { max: 1, connect_timeout: 10, onnotice: () => undefined });
      try {
        for (const name of made) await sql`drop database if exists ${sql(name)} with (force)`;
      } finally {
        await sql.end({ timeout: 5 });
      }
    },
  };
}
