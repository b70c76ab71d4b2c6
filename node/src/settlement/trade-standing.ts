import { and, asc, eq, inArray } from 'drizzle-orm';
import type { Database, Transaction } from '../store/database.ts';
import { executionChanges } from '../store/tables/execution-changes.ts';
import { executions } from '../store/tables/executions.ts';

/** A trade as it stands now, after busts and corrections: of a busted one the quantity is 0. */
export type StandingTrade = typeof executions.$inferSelect & {
  /** Its venue undid or corrected it. */
  readonly isChanged: boolean;
};

/** A venue's trades as this node recorded them, by number. */
export async function standingTrades(
  db: Database | Transaction,
  venue: string,
  numbers: readonly number[],
): Promise<Map<number, StandingTrade>> {
  if (numbers.length === 0) return new Map();
  const rows = await db
    .select({ trade: executions, change: executionChanges })
    .from(executions)
    .leftJoin(
      executionChanges,
      and(
        eq(executionChanges.venue, executions.venue),
        eq(executionChanges.executionId, executions.executionId),
      ),
    )
    .where(and(eq(executions.venue, venue), inArray(executions.tradeNumber, [...numbers])))
    .orderBy(asc(executionChanges.revision));
  return new Map(
    rows.map(({ trade, change }) => {
      const { price, quantity } = change ?? trade;
      return [trade.tradeNumber, { ...trade, price, quantity, isChanged: change !== null }];
    }),
  );
}
