import type { Side } from '@stoa/schema';
import { bigint, index, jsonb, pgSequence, pgTable, text, unique } from 'drizzle-orm/pg-core';

/** A venue that a request for quote went to. */
export interface AskedVenue {
  readonly venue: string;
  /** Members of it that may answer; absent: whoever it asks. */
  readonly responders?: readonly string[];
  /** Why there will be no quotes from it. */
  readonly rejection?: { readonly code: string; readonly message: string };
}

/** Numbers of the requests of this home node: which order them. */
export const quoteRequestNumbers = pgSequence('quote_request_numbers', { startWith: 1, cache: 1 });

/** Requests for quote whose home is this node. Times are Unix milliseconds. */
export const quoteRequests = pgTable(
  'quote_requests',
  {
    id: text().primaryKey(),
    number: bigint({ mode: 'number' }).notNull().unique(),
    member: text().notNull(),
    clientRequestId: text('client_request_id').notNull(),
    instrument: text().notNull(),
    account: text().$type<`0x${string}`>().notNull(),
    /** Null: both sides are to be quoted. */
    side: text().$type<Side>(),
    quantity: bigint({ mode: 'number' }).notNull(),
    expireAtMs: bigint('expire_at_ms', { mode: 'number' }).notNull(),
    venues: jsonb().$type<readonly AskedVenue[]>().notNull(),
    status: text().$type<'open' | 'accepting' | 'accepted' | 'canceled' | 'expired'>().notNull(),
    requestedAtMs: bigint('requested_at_ms', { mode: 'number' }).notNull(),
  },
  (table) => [
    unique().on(table.member, table.clientRequestId),
    index().on(table.member, table.number.desc()),
    index().on(table.status),
  ],
);
