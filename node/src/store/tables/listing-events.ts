import { bigint, bigserial, boolean, index, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';

/** How each listing stood when this node last looked, so that a restart tells what changed meanwhile. */
export const listingStandings = pgTable(
  'listing_standings',
  {
    instrument: text().notNull(),
    venue: text().notNull(),
    status: text().notNull(),
    /** When this node saw that status first. */
    sinceMs: bigint('since_ms', { mode: 'number' }).notNull(),
    isHalted: boolean('is_halted').notNull(),
    /** Codes of the contradictions that hold. */
    contradictions: text().array().notNull(),
  },
  (table) => [primaryKey({ columns: [table.instrument, table.venue] })],
);

/** What happened to listings: only ever added to. */
export const listingEvents = pgTable(
  'listing_events',
  {
    /** Rises; a number can be missing. */
    sequence: bigserial({ mode: 'number' }).primaryKey(),
    instrument: text().notNull(),
    venue: text().notNull(),
    /** Member id of the issuer, whose event it is. */
    issuer: text().notNull(),
    kind: text()
      .$type<'status' | 'halted' | 'resumed' | 'contradiction' | 'contradiction-over'>()
      .notNull(),
    /** Status or code that it was; null where there was none. */
    before: text(),
    /** Status, code, or the reason of a halt. */
    after: text(),
    atMs: bigint('at_ms', { mode: 'number' }).notNull(),
  },
  (table) => [
    index().on(table.issuer, table.sequence),
    index().on(table.instrument, table.sequence),
  ],
);
