import { CodedError, type Execution, type Side, type VenueId } from '@stoa/schema';
import { and, eq, inArray, max, or } from 'drizzle-orm';
import type { Database, Transaction } from '../store/database.ts';
import { executions } from '../store/tables/executions.ts';

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

/**
 * The trades of one venue that a transaction is about: what is recorded of them is read once, and
 * what is new is written once. Only one transaction at a time records trades of a venue: those of a
 * peer's session, or of this venue's own deliveries, come one after the other.
 */
export class TradeBook {
  readonly #tx: Transaction;
  readonly #byId = new Map<string, TradeRow>();
  readonly #numbers = new Set<number>();
  readonly #fresh: TradeRow[] = [];

  private constructor(tx: Transaction, known: readonly TradeRow[]) {
    this.#tx = tx;
    for (const row of known) this.#keep(row);
  }

  /** Reads what is recorded of these trades, by id and by number. */
  static async read(
    tx: Transaction,
    venue: VenueId,
    trades: readonly Execution[],
  ): Promise<TradeBook> {
    if (trades.length === 0) return new TradeBook(tx, []);
    const ids = trades.map(({ executionId }) => executionId);
    const numbers = trades.map(({ tradeNumber }) => tradeNumber);
    const known = await tx
      .select()
      .from(executions)
      .where(
        and(
          eq(executions.venue, venue),
          or(inArray(executions.executionId, ids), inArray(executions.tradeNumber, numbers)),
        ),
      );
    return new TradeBook(tx, known);
  }

  /** Where a leg stands to an execution that was told of it. */
  standingOf(execution: Execution, legId: string, side: Side): TradeStanding {
    const row = this.#byId.get(execution.executionId);
    if (!row) return this.#numbers.has(execution.tradeNumber) ? 'number-reused' : 'new';
    const recorded = (side === 'buy' ? row.buyLegId : row.sellLegId) ?? undefined;
    if (recorded === legId) return 'counted';
    return recorded === undefined && isSameTrade(row, execution) ? 'other-side' : 'id-reused';
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

  /** Writes the new trades. */
  async write(nowMs: number): Promise<void> {
    if (this.#fresh.length === 0) return;
    await this.#tx
      .insert(executions)
      .values(this.#fresh.map((row) => ({ ...row, recordedAtMs: nowMs })));
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
