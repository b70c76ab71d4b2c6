import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@stoa/schema';
import { sql as statement } from 'drizzle-orm';
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import postgres, { type Sql } from 'postgres';
import { gatheringSockets } from './gathering-socket.ts';
import { type Transaction, Transactions } from './transactions.ts';

export type { Transaction };

/** The node's store: drizzle over PostgreSQL. */
export type Database = PostgresJsDatabase;

/** What a node has asked of its store. */
export interface StoreCounts {
  /** Statements, the begins and ends of transactions among them. */
  statements: number;
  /** Pieces in which they were written to the server: some of them are one trip. */
  writes: number;
}

/** An open store. */
export interface OpenDatabase {
  readonly db: Database;
  /** The driver, for what drizzle does not say well. */
  readonly sql: Sql;
  /** What was asked of it so far. */
  readonly counts: Readonly<StoreCounts>;
  /** Waits for running statements, for five seconds at most, and closes all connections. */
  close(): Promise<void>;
}

const MIGRATIONS = join(import.meta.dirname, 'migrations');
/** Any constant serves; it only has to be the same in every node process. */
const MIGRATION_LOCK = 5_720_161;
const MAX_CONNECTIONS = 10;
const STATEMENT_TIMEOUT_MS = 30_000;
const CLOSE_WITHIN_MS = 5_000;

/**
 * Opens the store and brings its tables up to date.
 *
 * @param url `postgres://…`
 * @throws CodedError `DATABASE_UNAVAILABLE` when it cannot be reached or migrated.
 */
export async function openDatabase(url: string): Promise<OpenDatabase> {
  try {
    await bringUpToDate(url);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CodedError('DATABASE_UNAVAILABLE', `The database cannot be opened: ${why}`, {
      cause,
    });
  }
  const counts: StoreCounts = { statements: 0, writes: 0 };
  const sql = postgres(url, {
    max: MAX_CONNECTIONS,
    connect_timeout: 10,
    onnotice: () => undefined,
    ...{ socket: gatheringSockets(() => void (counts.writes += 1)) },
    connection: {
      application_name: 'stoa-node',
      statement_timeout: STATEMENT_TIMEOUT_MS,
      idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
    },
  });
  const transactions = new Transactions(sql, counts);
  const db = drizzle(preparing(sql, counts));
  db.transaction = (work) => transactions.run(work);
  const close = async (): Promise<void> => {
    await Promise.race([transactions.close(), sleep(CLOSE_WITHIN_MS, undefined, { ref: false })]);
    await sql.end({ timeout: CLOSE_WITHIN_MS / 1_000 });
  };
  return { db, sql, counts, close };
}

/**
 * The driver, but every statement is prepared once per connection: drizzle asks for statements to be
 * parsed anew each time, which costs a trip to the server of its own.
 */
function preparing(sql: Sql, counts: StoreCounts): Sql {
  return new Proxy(sql, {
    get(target, name) {
      if (name !== 'unsafe') return Reflect.get(target, name) as unknown;
      const unsafe: Sql['unsafe'] = (text, parameters, options) => {
        counts.statements += 1;
        return target.unsafe(text, parameters, { ...options, prepare: true });
      };
      return unsafe;
    },
  });
}

/** Over a connection of its own: an advisory lock belongs to its connection. */
async function bringUpToDate(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, connect_timeout: 10, onnotice: () => undefined });
  try {
    const db = drizzle(sql);
    await db.execute(statement`select pg_advisory_lock(${MIGRATION_LOCK})`);
    await migrate(db, { migrationsFolder: MIGRATIONS });
  } finally {
    await sql.end({ timeout: 5 });
  }
}
