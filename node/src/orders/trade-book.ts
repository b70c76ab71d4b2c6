import { CodedError, type Execution, type Side, type VenueId } from '@stoa/schema';
import { and, asc, eq, inArray, max, sql } from 'drizzle-orm';
import { isAnyOf, isAnyTextOf } from '../store/any-of.ts';
import type { Database, Transaction } from '../store/database.ts';
import { insertRows } from '../store/insert-rows.ts';
import { readRows } from '../store/read-rows.ts';
import { executionChanges } from '../store/tables/execution-changes.ts';
import { executions } from '../store/tables/executions.ts';
import { issue } from '../store/transactions.ts';

/** The legs on both sides of a trade, as far as this node knows them. */
export interface TradeLegs {
  readonly buyLegId?: string | undefined;
  readonly sellLegId?: string | undefined;
}

/**
 * How a leg stands to an execution told of it: `new`, `counted` before, or `other-side`: recorded for
 * the leg that it met, which is this node's too, but not for this one. The others are contradictions.
 */
export type TradeStanding = 'new' | 'counted' | 'other-side' | 'id-reused' | 'number-reused';

type TradeRow = Omit<typeof executions.$inferInsert, 'recordedAtMs'>;
type ChangeRow = Omit<typeof executionChanges.$inferInsert, 'recordedAtMs'>;

/** A trade as it was told first, and what stands of it now. */
export interface StandingTrade {
  readonly trade: TradeRow;
  readonly price: number;
  readonly quantity: number;
  /** Busts and corrections so far. */
  readonly revision: number;
}

/**
 * The trades of one venue that a transaction is about: what is recorded of them is read once, and
 * what is new is written once. Only one transaction at a time records trades of a venue: those of a
 * peer's session, or of this venue's own deliveries, come one after the other.
 */
export class TradeBook {
  readonly #tx: Transaction;
  readonly #venue: VenueId;
  readonly #byId = new Map<string, TradeRow>();
  readonly #numbers = new Set<number>();
  readonly #fresh: TradeRow[] = [];
  readonly #changes = new Map<string, ChangeRow>();
  readonly #freshChanges: ChangeRow[] = [];

  private constructor(tx: Transaction, venue: VenueId) {
    this.#tx = tx;
    this.#venue = venue;
  }

  /** Reads what is recorded of these trades, by id and by number, and of those that change. */
  static async read(
    tx: Transaction,
    venue: VenueId,
    trades: readonly Execution[],
    changing: readonly string[] = [],
  ): Promise<TradeBook> {
    const book = new TradeBook(tx, venue);
    const ids = [...new Set([...trades.map(({ executionId }) => executionId), ...changing])];
    if (ids.length === 0) return book;
    const numbers = trades.map(({ tradeNumber }) => tradeNumber);
    const known = await readRows(
      tx,
      executions,
      sql`where venue = ${venue} and (${isAnyTextOf(executions.executionId, ids)}
        or ${isAnyOf(executions.tradeNumber, numbers)})`,
    );
    for (const row of known) book.#keep(row);
    if (changing.length > 0) await book.#readChanges(changing);
    return book;
  }

  async #readChanges(ids: readonly string[]): Promise<void> {
    const rows = await this.#tx
      .select()
      .from(executionChanges)
      .where(
        and(
          eq(executionChanges.venue, this.#venue),
          inArray(executionChanges.executionId, [...ids]),
        ),
      )
      .orderBy(asc(executionChanges.revision));
    for (const row of rows) this.#changes.set(row.executionId, row);
  }

  /** Where a leg stands to an execution that was told of it. */
  standingOf(execution: Execution, legId: string, side: Side): TradeStanding {
    const row = this.#byId.get(execution.executionId);
    if (!row) return this.#numbers.has(execution.tradeNumber) ? 'number-reused' : 'new';
    const recorded = (side === 'buy' ? row.buyLegId : row.sellLegId) ?? undefined;
    if (recorded === legId) return 'counted';
    return recorded === undefined && isSameTrade(row, execution) ? 'other-side' : 'id-reused';
  }

  /** What is recorded of a trade; undefined where nothing is. Changes only of those read as changing. */
  standing(executionId: string): StandingTrade | undefined {
    const trade = this.#byId.get(executionId);
    if (!trade) return undefined;
    const change = this.#changes.get(executionId);
    const { price, quantity } = change ?? trade;
    return { trade, price, quantity, revision: change?.revision ?? 0 };
  }

  /**
   * Whether the venue's own book says of a trade again what was recorded.
   *
   * @throws CodedError `TRADE_REUSED` where it gives the id or the number of another trade
   */
  has(execution: Execution): boolean {
    const row = this.#byId.get(execution.executionId);
    if (row ? isSameTrade(row, execution) : !this.#numbers.has(execution.tradeNumber)) {
      return row !== undefined;
    }
    const { venue, executionId, tradeNumber } = execution;
    throw new CodedError('TRADE_REUSED', 'The book gave two trades one name.', {
      data: { venue, executionId, tradeNumber },
    });
  }

  add(execution: Execution, { buyLegId, sellLegId }: TradeLegs): void {
    const row = { ...execution, buyLegId: buyLegId ?? null, sellLegId: sellLegId ?? null };
    this.#keep(row);
    this.#fresh.push(row);
  }

  /** Adds this node's second leg to a trade between two of its orders. */
  async addOtherSide({ venue, executionId }: Execution, legId: string, side: Side): Promise<void> {
    const leg = side === 'buy' ? { buyLegId: legId } : { sellLegId: legId };
    const row = this.#byId.get(executionId);
    if (row) Object.assign(row, leg);
    if (row && this.#fresh.includes(row)) return;
    await this.#tx
      .update(executions)
      .set(leg)
      .where(and(eq(executions.venue, venue), eq(executions.executionId, executionId)));
  }

  /** Notes a bust (nothing stands) or a correction; false where that is what stands already. */
  change(
    { trade, price, quantity, revision }: StandingTrade,
    to: { readonly price: number; readonly quantity: number; readonly reason?: string },
  ): boolean {
    if (to.quantity === quantity && (quantity === 0 || to.price === price)) return false;
    const { venue, executionId } = trade;
    const kind = to.quantity === 0 ? 'busted' : 'corrected';
    const changed: ChangeRow = {
      reason: null,
      venue,
      executionId,
      revision: revision + 1,
      kind,
      ...to,
    };
    this.#changes.set(executionId, changed);
    this.#freshChanges.push(changed);
    return true;
  }

  /** Writes the new trades and changes. */
  write(recordedAtMs: number): void {
    const at = <Row>(row: Row) => ({ ...row, recordedAtMs });
    const fresh = this.#fresh.splice(0).map(at);
    const changes = this.#freshChanges.splice(0).map(at);
    const tx = this.#tx;
    if (fresh.length > 0) issue(tx, insertRows(executions, fresh));
    if (changes.length > 0) issue(tx, tx.insert(executionChanges).values(changes));
  }

  #keep(row: TradeRow): void {
    this.#byId.set(row.executionId, row);
    this.#numbers.add(row.tradeNumber);
  }
}

function isSameTrade(row: TradeRow, execution: Execution): boolean {
  return (
    row.tradeNumber === execution.tradeNumber &&
    row.instrument === execution.instrument &&
    row.price === execution.price &&
    row.quantity === execution.quantity
  );
}

/** The number that the venue's next trade will have. */
export async function nextTradeNumber(database: Database, venue: VenueId): Promise<number> {
  const [row] = await database
    .select({ highest: max(executions.tradeNumber) })
    .from(executions)
    .where(eq(executions.venue, venue));
  return (row?.highest ?? 0) + 1;
}
