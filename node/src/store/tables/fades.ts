import type { Side } from '@stoa/schema';
import { sql } from 'drizzle-orm';
import { bigint, customType, index, integer, pgTable, text } from 'drizzle-orm/pg-core';

const bytea = customType<{ data: Uint8Array; driverData: Uint8Array }>({
  dataType: () => 'bytea',
});

/**
 * Legs that other venues did not fill as they had quoted, one row each. A row is written with what
 * the venue said, and judged a little later, when what was under way has arrived.
 */
export const fades = pgTable(
  'fades',
  {
    legId: text('leg_id').primaryKey(),
    orderId: text('order_id').notNull(),
    round: integer().notNull(),
    venue: text().notNull(),
    instrument: text().notNull(),
    side: text().$type<Side>().notNull(),
    quantity: bigint({ mode: 'number' }).notNull(),
    limitPrice: bigint('limit_price', { mode: 'number' }).notNull(),
    /** When it may be judged; from then on, when it was. */
    dueAtMs: bigint('due_at_ms', { mode: 'number' }).notNull(),
    /** Null until it is judged. */
    verdict: text().$type<'fade' | 'unanswered' | 'excused'>(),
    code: text(),
    message: text(),
    /** Canonical JSON that was signed, and the signature; null where there is no evidence to show. */
    body: text(),
    signature: bytea(),
  },
  (table) => [
    index().on(table.orderId),
    index().on(table.venue, table.dueAtMs),
    index('fades_pending').on(table.dueAtMs).where(sql`verdict is null`),
  ],
);
