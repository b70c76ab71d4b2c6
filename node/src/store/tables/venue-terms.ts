import type { VenueTerms } from '@stoa/schema';
import { bigint, customType, jsonb, pgTable, text } from 'drizzle-orm/pg-core';

const bytea = customType<{ data: Uint8Array; driverData: Uint8Array }>({
  dataType: () => 'bytea',
});

/** The latest terms that each venue told this node, and those that this node told the others. */
export const venueTermsTold = pgTable('venue_terms', {
  venue: text().primaryKey(),
  version: bigint({ mode: 'number' }).notNull(),
  terms: jsonb().$type<VenueTerms>().notNull(),
  /** The signed order message that brought them; null for this node's own. */
  signed: bytea(),
  /** Unix time, milliseconds. */
  recordedAtMs: bigint('recorded_at_ms', { mode: 'number' }).notNull(),
});
