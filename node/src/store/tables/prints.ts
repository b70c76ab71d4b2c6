import { bigint, boolean, index, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';

/**
 * Trades as their venues' latest word has them, one row each: made from the signed frames, and kept when
 * those have left by retention. Where a word stands is (epoch, sequence, place within the frame).
 */
export const prints = pgTable(
  'prints',
  {
    venue: text().notNull(),
    executionId: text('execution_id').notNull(),
    instrument: text().notNull(),
    price: bigint({ mode: 'number' }).notNull(),
    quantity: bigint({ mode: 'number' }).notNull(),
    /** By the venue's clock. */
    executedAtMs: bigint('executed_at_ms', { mode: 'number' }).notNull(),
    isBusted: boolean('is_busted').notNull(),
    isCorrected: boolean('is_corrected').notNull(),
    /** Where the latest word stands. */
    epoch: bigint({ mode: 'number' }).notNull(),
    sequence: bigint({ mode: 'number' }).notNull(),
    entry: bigint({ mode: 'number' }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.venue, table.executionId] }),
    index().on(table.instrument, table.executedAtMs, table.venue, table.executionId),
  ],
);
