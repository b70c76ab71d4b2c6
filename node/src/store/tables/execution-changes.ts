import { sql } from 'drizzle-orm';
import { bigint, check, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';

/** Busts and corrections of recorded trades. Rows are only ever added; the latest of a trade holds. */
export const executionChanges = pgTable(
  'execution_changes',
  {
    venue: text().notNull(),
    executionId: text('execution_id').notNull(),
    /** 1, 2, 3 … of the trade. */
    revision: integer().notNull(),
    kind: text().$type<'busted' | 'corrected'>().notNull(),
    /** What stands from here on; nothing of a busted trade does. */
    price: bigint({ mode: 'number' }).notNull(),
    quantity: bigint({ mode: 'number' }).notNull(),
    reason: text(),
    recordedAtMs: bigint('recorded_at_ms', { mode: 'number' }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.venue, table.executionId, table.revision] }),
    check(
      'execution_changes_terms',
      sql`0 < revision and 0 <= price and 0 <= quantity
        and (kind = 'busted') = (quantity = 0)`,
    ),
  ],
);
