import type { Side } from '@stoa/schema';
import { bigint, bigserial, index, jsonb, pgTable, text } from 'drizzle-orm/pg-core';

/** Requests for quote that this venue was asked, from its own brokers or from other home nodes. */
export const quoteInquiries = pgTable(
  'quote_inquiries',
  {
    requestId: text('request_id').primaryKey(),
    /** The order in which they were recorded. */
    sequence: bigserial({ mode: 'number' }).notNull().unique(),
    homeVenue: text('home_venue').notNull(),
    member: text().notNull(),
    instrument: text().notNull(),
    /** Null: both sides are to be quoted. */
    side: text().$type<Side>(),
    quantity: bigint({ mode: 'number' }).notNull(),
    /** By this venue's clock, as well as that can be told. */
    expireAtMs: bigint('expire_at_ms', { mode: 'number' }).notNull(),
    /** Members that may answer; null: whoever this venue asks. */
    responders: jsonb().$type<readonly string[]>(),
    status: text().$type<'open' | 'ended'>().notNull(),
    receivedAtMs: bigint('received_at_ms', { mode: 'number' }).notNull(),
  },
  (table) => [index().on(table.status), index().on(table.homeVenue, table.status)],
);
