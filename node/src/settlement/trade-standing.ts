import { and, asc, eq, sql } from 'drizzle-orm';
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
  // One by one by its unique number, whatever the planner knows of the table: taken as a condition on the
  // whole of it, a plan made while it was small would read all of the venue's trades ever after.
  const trade = db
    .select()
    .from(executions)
    .where(and(eq(executions.venue, venue), sql`${executions.tradeNumber} = asked.number`))
    .limit(1)
    .as('trade');
  const rows = await db
    .select({ trade: trade._.selectedFields, change: executionChanges })
    .from(sql`unnest(${`{${numbers.join(',')}}`}::text::bigint[]) as asked(number)`)
    .crossJoinLateral(trade)
    .leftJoin(
      executionChanges,
      and(
        eq(executionChanges.venue, trade.venue),
        eq(executionChanges.executionId, trade.executionId),
      ),
    )
    .orderBy(asc(executionChanges.revision));
  return new Map(
    rows.map(({ trade, change }) => {
      const { price, quantity } = change ?? trade;
      return [trade.tradeNumber, { ...trade, price, quantity, isChanged: change !== null }];
    }),
  );
}
