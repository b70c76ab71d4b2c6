import { CodedError } from '@stoa/schema';
import type { SQL, SQLWrapper } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';
import {
  type PostgresJsDatabase,
  PostgresJsSession,
  PostgresJsTransaction,
} from 'drizzle-orm/postgres-js';
import postgres, { type ReservedSql, type Row, type Sql, type TransactionSql } from 'postgres';

/** One transaction of the store. */
export type Transaction = Parameters<Parameters<PostgresJsDatabase['transaction']>[0]>[0];

/** How a transaction ended; `unknown` where the connection broke before the commit was answered. */
export type TransactionEnd = 'committed' | 'rolled-back' | 'unknown';

/** A connection of the driver, as far as its end has to be noticed. */
interface Connection {
  onclose: ((error: Error) => void) | null;
}

/** A statement of the driver, which can be given up. */
interface Statement {
  reject(error: unknown): void;
}

/** What is known of a transaction while it runs. */
interface Running {
  readonly client: Sql;
  readonly whenEnded: ((end: TransactionEnd) => void)[];
  /** Statements without an answer. */
  readonly unanswered: Set<Statement>;
  failure: { readonly error: unknown } | undefined;
  ended: boolean;
}

const dialect = new PgDialect();
const running = new WeakMap<Transaction, Running>();

/**
 * Adds a statement to a transaction without waiting for its answer: it goes out with what was asked
 * before and with what follows, the commit among it, in that order, in one trip to the server. If it
 * fails, the transaction does: the commit of a transaction with a failed statement is a rollback.
 *
 * @param onRows told of the rows it gave, before the transaction ends
 */
export function issue<Given extends Row = Row>(
  tx: Transaction,
  statement: SQLWrapper,
  onRows?: (rows: readonly Given[]) => void,
): void {
  const { sql, params } = dialect.sqlToQuery(statement.getSQL());
  const { client } = runningOf(tx);
  const answer = client.unsafe<Given[]>(sql, params as never[]).execute();
  // A failure was noted by the client, and is the transaction's.
  answer.then(onRows, () => undefined);
}

/** Asks for rows as the driver has them: in a transaction at once, before whatever is asked for next. */
export async function ask<Given extends Row>(
  reader: PostgresJsDatabase | Transaction,
  statement: SQL,
): Promise<readonly Given[]> {
  const state = running.get(reader as Transaction);
  if (state === undefined) return reader.execute(statement) as Promise<readonly unknown[]> as never;
  const { sql, params } = dialect.sqlToQuery(statement);
  const { client } = runningOf(reader as Transaction);
  return client.unsafe<Given[]>(sql, params as never[]).execute();
}

/** Calls back when the transaction has ended, before whoever began it hears of it. */
export function whenEnded(tx: Transaction, call: (end: TransactionEnd) => void): void {
  runningOf(tx).whenEnded.push(call);
}

function runningOf(tx: Transaction): Running {
  const known = running.get(tx);
  if (known && !known.ended) return known;
  throw statementTooLate();
}

function statementTooLate(): CodedError {
  return new CodedError('TRANSACTION_ENDED', 'A statement came after the end of its transaction.');
}

/** A connection of the pool that transactions have for themselves. */
interface Taken {
  readonly connection: ReservedSql;
  isLost: boolean;
}

/** Connections that are kept for the next transactions, at most; the pool has more. */
const MOST_KEPT = 3;

/**
 * Transactions over a pool of connections. What one asks for is not awaited unless its answer is: its
 * begin goes out with its first statement, its commit with its last. The next transaction gets the
 * connection that was used last: the server's process behind it knows the statements, and has what
 * they need at hand. A pool gives the one that has waited longest, whose process knows it least.
 */
export class Transactions {
  readonly #pool: Sql;
  readonly #kept: Taken[] = [];
  readonly #open = new Set<Promise<unknown>>();
  readonly #counts: { statements: number };
  #closed = false;

  /** @param counts raised with each statement */
  constructor(pool: Sql, counts: { statements: number }) {
    this.#pool = pool;
    this.#counts = counts;
  }

  /** Runs `work` as one transaction: all of it is committed, or nothing. */
  run<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    const run = this.#closed ? Promise.reject(databaseClosed()) : this.#run(work);
    const settled = run.then(
      () => undefined,
      () => undefined,
    );
    this.#open.add(settled);
    void settled.finally(() => this.#open.delete(settled));
    return run;
  }

  /** Begins no more; resolves when none runs. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#open);
    for (const { connection, isLost } of this.#kept.splice(0)) if (!isLost) connection.release();
  }

  async #take(): Promise<Taken> {
    for (let kept = this.#kept.pop(); kept; kept = this.#kept.pop()) if (!kept.isLost) return kept;
    return { connection: await this.#pool.reserve(), isLost: false };
  }

  #giveBack(taken: Taken): void {
    if (!this.#closed && this.#kept.length < MOST_KEPT) this.#kept.push(taken);
    else taken.connection.release();
  }

  async #run<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    const taken = await this.#take();
    const { connection } = taken;
    const state: Running = {
      ...{ client: connection, whenEnded: [], unanswered: new Set() },
      ...{ failure: undefined, ended: false },
    };
    const client = guarded(connection, state, this.#counts);
    const tx = transactionOver(client);
    running.set(tx, Object.assign(state, { client }));
    // The driver tells this option the connection that takes the statement. One that breaks must be
    // noticed: it would connect again, and what follows would stand outside of any transaction.
    const onexecute = (by: Connection): true => {
      by.onclose = (error) => {
        taken.isLost = true;
        state.failure ??= { error };
        // Those that waited for another one to be prepared the driver forgets: nobody else ends them.
        for (const statement of state.unanswered) statement.reject(error);
      };
      return true;
    };
    void client.unsafe('begin', [], { onexecute } as object).execute();

    let result: Result | undefined;
    try {
      result = await work(tx);
    } catch (error) {
      state.failure ??= { error };
      // What failed first says why: later statements only hear that the transaction was given up.
      if (!isGivenUp(error)) state.failure = { error };
    }
    state.ended = true;
    const isGood = state.failure === undefined;
    this.#counts.statements += 1;
    const giveBack = (): void => this.#giveBack(taken);
    const end = taken.isLost ? 'rolled-back' : await ended({ connection, giveBack }, state, isGood);
    for (const call of state.whenEnded) call(end);
    if (end === 'committed') return result as Result;
    throw state.failure?.error ?? new CodedError('NOT_COMMITTED', 'A commit was refused.');
  }
}

/** Commits or rolls back, and gives the connection back where it still answers. */
async function ended(
  { connection, giveBack }: { readonly connection: ReservedSql; readonly giveBack: () => void },
  state: Running,
  isGood: boolean,
): Promise<TransactionEnd> {
  try {
    // Of a transaction in which a statement failed this is a rollback, and says so.
    const last = connection.unsafe(isGood ? 'commit' : 'rollback');
    state.unanswered.add(last as unknown as Statement);
    const { command } = await last;
    giveBack();
    return command === 'COMMIT' ? 'committed' : 'rolled-back';
  } catch (error) {
    state.failure ??= { error };
    // What the server itself refuses has not happened; a broken connection says nothing.
    const isAnswered = error instanceof postgres.PostgresError;
    if (isAnswered) giveBack();
    return isAnswered || !isGood ? 'rolled-back' : 'unknown';
  }
}

function databaseClosed(): CodedError {
  return new CodedError('DATABASE_CLOSED', 'The database is being closed.');
}

/** Whether a statement was not run because one before it had failed: in_failed_sql_transaction. */
function isGivenUp(error: unknown): boolean {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === '25P02';
}

function transactionOver(client: Sql): Transaction {
  // Of what only a transaction of the driver's own has, savepoints are not used.
  const driver = client as unknown as Sql & TransactionSql;
  return new PostgresJsTransaction(
    dialect,
    new PostgresJsSession(driver, dialect, undefined),
    undefined,
  );
}

/** The connection for the statements of one transaction: it takes none after a failure or the end. */
function guarded(connection: Sql, state: Running, counts: { statements: number }): Sql {
  return new Proxy(connection, {
    get(target, name) {
      if (name !== 'unsafe') return Reflect.get(target, name) as unknown;
      return (...asked: Parameters<Sql['unsafe']>) => {
        const [text, parameters, options] = asked;
        if (state.ended) throw statementTooLate();
        if (state.failure) throw state.failure.error;
        counts.statements += 1;
        const query = target.unsafe(text, parameters, { ...options, prepare: true });
        const statement = query as unknown as Statement;
        state.unanswered.add(statement);
        query.then(
          () => state.unanswered.delete(statement),
          (error: unknown) => {
            state.unanswered.delete(statement);
            state.failure ??= { error };
          },
        );
        return query;
      };
    },
  });
}
