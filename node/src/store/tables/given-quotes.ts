import { sql } from 'drizzle-orm';
import { bigint, check, index, pgTable, text, unique } from 'drizzle-orm/pg-core';

/** Firm quotes given here: by the venue itself, or by a member of it that answered. */
export const givenQuotes = pgTable(
  'given_quotes',
  {
    id: text().primaryKey(),
    requestId: text('request_id').notNull(),
    /** The venue's own name of its quote; null for a member's. */
    venueQuoteId: text('venue_quote_id').unique(),
    /** Whose it is, and the wallet that would settle; null for the venue's own. */
    member: text(),
    account: text().$type<`0x${string}`>(),
    /** The member's own name of it: client order id of what comes of it. */
    clientQuoteId: text('client_quote_id'),
    bidPrice: bigint('bid_price', { mode: 'number' }),
    bidQuantity: bigint('bid_quantity', { mode: 'number' }),
    offerPrice: bigint('offer_price', { mode: 'number' }),
    offerQuantity: bigint('offer_quantity', { mode: 'number' }),
    /** Unix milliseconds, by this venue's clock: the boundary is inclusive. */
    validUntilMs: bigint('valid_until_ms', { mode: 'number' }).notNull(),
    givenAtMs: bigint('given_at_ms', { mode: 'number' }).notNull(),
    status: text().$type<'firm' | 'accepted' | 'ended'>().notNull(),
    /** Why it ended. */
    code: text(),
    message: text(),
    /** The leg that took it, and the order of the member who gave it. */
    legId: text('leg_id'),
    makerOrderId: text('maker_order_id'),
  },
  (table) => [
    unique().on(table.member, table.clientQuoteId),
    index().on(table.requestId),
    index().on(table.legId),
    index().on(table.status),
    check('given_quotes_sided', sql`bid_price is not null or offer_price is not null`),
  ],
);
