import type { Execution, Side, VenueId } from '@stoa/schema';
import { and, eq, max } from 'drizzle-orm';
import type { Database, Transaction } from '../store/database.ts';
import { executions } from '../store/tables/executions.ts';

/** The legs on both sides of a trade, as far as this node knows them. */
export interface TradeLegs {
  readonly buyLegId: string | undefined;
  readonly sellLegId: string | undefined;
}

/** Records a trade; false when one of this id, or of this trade number, is recorded already. */
export async function insertExecution(
  tx: Transaction,
  execution: Execution,
  { buyLegId, sellLegId }: TradeLegs,
  nowMs: number,
): Promise<boolean> {
  const row = { buyLegId: buyLegId ?? null, sellLegId: sellLegId ?? null, recordedAtMs: nowMs };
  const inserted = await tx
    .insert(executions)
    .values({ ...execution, ...row })
    .onConflictDoNothing()
    .returning({ executionId: executions.executionId });
  return inserted.length === 1;
}

/**
 * How a leg stands to an execution told of it: `new`, `counted` before, or `other-side`: recorded for
 * the leg that it met, which is this node's too, but not for this one.
 */
export async function standingOf(
  tx: Transaction,
  execution: Execution,
  legId: string,
  side: Side,
): Promise<'new' | 'counted' | 'other-side' | 'contradicts'> {
  const [row] = await tx
    .select()
    .from(executions)
    .where(
      and(eq(executions.venue, execution.venue), eq(executions.executionId, execution.executionId)),
    );
  if (!row) return 'new';
  const recorded = side === 'buy' ? row.buyLegId : row.sellLegId;
  if (recorded === legId) return 'counted';
  const same =
    recorded === null &&
    row.tradeNumber === execution.tradeNumber &&
    row.instrument === execution.instrument &&
    row.price === execution.price &&
    row.quantity === execution.quantity;
  return same ? 'other-side' : 'contradicts';
}

/** Adds this node's second leg to a trade between two of its orders. */
export async function addOtherSide(
  tx: Transaction,
  execution: Execution,
  legId: string,
  side: Side,
): Promise<void> {
  await tx
    .update(executions)
    .set(side === 'buy' ? { buyLegId: legId } : { sellLegId: legId })
    .where(
      and(eq(executions.venue, execution.venue), eq(executions.executionId, execution.executionId)),
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
