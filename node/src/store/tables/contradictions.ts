import { bigint, customType, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';

const bytea = customType<{ data: Uint8Array; driverData: Uint8Array }>({
  dataType: () => 'bytea',
});

/** Pairs of frames that a venue signed and that cannot both be true. Evidence: rows are never removed. */
export const contradictions = pgTable(
  'contradictions',
  {
    code: text().$type<'EQUIVOCATION' | 'CHAIN_BROKEN'>().notNull(),
    venue: text().notNull(),
    epoch: bigint({ mode: 'number' }).notNull(),
    sequence: bigint({ mode: 'number' }).notNull(),
    /** SignedFrame bytes, the one that was held first. */
    held: bytea().notNull(),
    other: bytea().notNull(),
    foundAtMs: bigint('found_at_ms', { mode: 'number' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.code, table.venue, table.epoch, table.sequence] })],
);
