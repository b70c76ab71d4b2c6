import type { OrderStatus, Side, TimeInForce } from '@stoa/schema';
import { sql } from 'drizzle-orm';
import {
  bigint,
  bigserial,
  boolean,
  check,
  index,
  integer,
  pgTable,
  text,
} from 'drizzle-orm/pg-core';

/** Orders that this venue's book was asked to take, from its own brokers or from another home node. */
export const venueOrders = pgTable(
  'venue_orders',
  {
    legId: text('leg_id').primaryKey(),
    /** The order in which they were recorded, which is the order they reach the book. */
    sequence: bigserial({ mode: 'number' }).notNull().unique(),
    homeVenue: text('home_venue').notNull(),
    member: text().notNull(),
    account: text().$type<`0x${string}`>().notNull(),
    instrument: text().notNull(),
    side: text().$type<Side>().notNull(),
    timeInForce: text('time_in_force').$type<TimeInForce>().notNull(),
    quantity: bigint({ mode: 'number' }).notNull(),
    limitPrice: bigint('limit_price', { mode: 'number' }).notNull(),
    expireAtMs: bigint('expire_at_ms', { mode: 'number' }),
    minQuantity: bigint('min_quantity', { mode: 'number' }),
    allOrNone: boolean('all_or_none').notNull().default(false),
    /** The firm quote of this venue that it takes, or that its member gave. */
    quoteId: text('quote_id'),
    /** Number of the last replacement that the book answered. */
    revision: integer().notNull().default(0),
    /** The replacement that the book was asked for and has not answered. */
    pendingRevision: integer('pending_revision'),
    pendingQuantity: bigint('pending_quantity', { mode: 'number' }),
    pendingLimitPrice: bigint('pending_limit_price', { mode: 'number' }),
    /** Its home asked for its end, and the book has not answered. */
    cancelRequested: boolean('cancel_requested').notNull().default(false),
    /** Its home was told with this record that the book accepts it. */
    acceptanceTold: boolean('acceptance_told').notNull().default(false),
    status: text().$type<OrderStatus>().notNull(),
    filled: bigint({ mode: 'number' }).notNull(),
    reason: text(),
    receivedAtMs: bigint('received_at_ms', { mode: 'number' }).notNull(),
  },
  (table) => [
    index().on(table.status),
    check('venue_orders_filled_within', sql`0 <= filled and filled <= quantity`),
    check('venue_orders_terms_positive', sql`0 < quantity and 0 < limit_price`),
  ],
);
