import { sql } from 'drizzle-orm';
import { bigint, check, index, pgTable, primaryKey, text, unique } from 'drizzle-orm/pg-core';

/**
 * Every trade that this node has a part in, once: trades at this venue, and trades of this node's
 * orders at other venues. `buyLegId` and `sellLegId` name the sides this node knows. Rows say what
 * was told first; what became of a trade since stands in `execution_changes`.
 */
export const executions = pgTable(
  'executions',
  {
    venue: text().notNull(),
    executionId: text('execution_id').notNull(),
    tradeNumber: bigint('trade_number', { mode: 'number' }).notNull(),
    instrument: text().notNull(),
    price: bigint({ mode: 'number' }).notNull(),
    quantity: bigint({ mode: 'number' }).notNull(),
    buyer: text().$type<`0x${string}`>().notNull(),
    seller: text().$type<`0x${string}`>().notNull(),
    homeVenue: text('home_venue').notNull(),
    executedAtMs: bigint('executed_at_ms', { mode: 'number' }).notNull(),
    recordedAtMs: bigint('recorded_at_ms', { mode: 'number' }).notNull(),
    buyLegId: text('buy_leg_id'),
    sellLegId: text('sell_leg_id'),
  },
  (table) => [
    primaryKey({ columns: [table.venue, table.executionId] }),
    unique().on(table.venue, table.tradeNumber),
    index().on(table.buyLegId),
    index().on(table.sellLegId),
    check('executions_terms_positive', sql`0 < price and 0 < quantity and 0 < trade_number`),
  ],
);
