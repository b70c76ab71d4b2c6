import { sql } from 'drizzle-orm';
import { bigint, boolean, customType, index, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';

const bytea = customType<{ data: Uint8Array; driverData: Uint8Array }>({
  dataType: () => 'bytea',
});

/**
 * Frames that this node has taken, its own and others', as they were signed. Rows are added in
 * batches and leave by retention; nothing but them is needed to say what a venue showed, and when.
 */
export const frames = pgTable(
  'frames',
  {
    venue: text().notNull(),
    epoch: bigint({ mode: 'number' }).notNull(),
    sequence: bigint({ mode: 'number' }).notNull(),
    /** By the venue's clock. */
    sentAtMs: bigint('sent_at_ms', { mode: 'number' }).notNull(),
    /** By this node's clock: retention counts from here. */
    receivedAtMs: bigint('received_at_ms', { mode: 'number' }).notNull(),
    /** Whether it holds a print, a correction or a bust that counted. */
    hasTrades: boolean('has_trades').notNull(),
    /** The SignedFrame as it was received. */
    signed: bytea().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.venue, table.epoch, table.sequence] }),
    index().on(table.sentAtMs, table.venue),
    index().on(table.receivedAtMs),
    index('frames_with_trades').on(table.sentAtMs).where(sql`has_trades`),
  ],
);
