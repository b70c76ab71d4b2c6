import type { OrderStatus, Side, TimeInForce } from '@stoa/schema';
import { sql } from 'drizzle-orm';
import { bigint, bigserial, check, index, pgTable, text } from 'drizzle-orm/pg-core';

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
    status: text().$type<OrderStatus>().notNull(),
    filled: bigint({ mode: 'number' }).notNull(),
    reason: text(),
    receivedAtMs: bigint('received_at_ms', { mode: 'number' }).notNull(),
  },
  (table) => [
    index().on(table.status),
    check('venue_orders_filled_within', sql`0 <= filled and filled <= quantity`),
  ],
);
