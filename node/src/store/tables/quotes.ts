import { sql } from 'drizzle-orm';
import { bigint, check, customType, index, pgTable, text } from 'drizzle-orm/pg-core';

const bytea = customType<{ data: Uint8Array; driverData: Uint8Array }>({
  dataType: () => 'bytea',
});

/** Firm quotes that answered this home node's requests, as their venues told them. */
export const quotes = pgTable(
  'quotes',
  {
    id: text().primaryKey(),
    requestId: text('request_id').notNull(),
    venue: text().notNull(),
    bidPrice: bigint('bid_price', { mode: 'number' }),
    bidQuantity: bigint('bid_quantity', { mode: 'number' }),
    offerPrice: bigint('offer_price', { mode: 'number' }),
    offerQuantity: bigint('offer_quantity', { mode: 'number' }),
    /** By this node's clock, as well as that can be told. */
    validUntilMs: bigint('valid_until_ms', { mode: 'number' }).notNull(),
    receivedAtMs: bigint('received_at_ms', { mode: 'number' }).notNull(),
    status: text().$type<'firm' | 'accepting' | 'accepted' | 'ended'>().notNull(),
    /** Why it ended. */
    code: text(),
    message: text(),
    /** The order that takes it. */
    orderId: text('order_id'),
    /** The message as its venue signed it; null for this venue's own. */
    signed: bytea(),
  },
  (table) => [
    index().on(table.requestId),
    index().on(table.status),
    index().on(table.orderId),
    check('quotes_sided', sql`bid_price is not null or offer_price is not null`),
  ],
);
