import type { OrderStatus, OrderType, Side, TimeInForce } from '@stoa/schema';
import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  index,
  numeric,
  pgSequence,
  pgTable,
  text,
  unique,
} from 'drizzle-orm/pg-core';

/** Numbers of the orders of this home node: order ids are `<home>-<number>`. */
export const orderNumbers = pgSequence('order_numbers', { startWith: 1, cache: 1 });

/**
 * Orders whose home is this node, as they stand now; how they came to stand so is in `order_events`.
 * Times are Unix milliseconds, prices and quantities the instrument's integers.
 */
export const orders = pgTable(
  'orders',
  {
    id: text().primaryKey(),
    number: bigint({ mode: 'number' }).notNull().unique(),
    clientOrderId: text('client_order_id').notNull(),
    member: text().notNull(),
    instrument: text().notNull(),
    account: text().$type<`0x${string}`>().notNull(),
    side: text().$type<Side>().notNull(),
    type: text().$type<OrderType>().notNull(),
    timeInForce: text('time_in_force').$type<TimeInForce>().notNull(),
    quantity: bigint({ mode: 'number' }).notNull(),
    limitPrice: bigint('limit_price', { mode: 'number' }),
    status: text().$type<OrderStatus>().notNull(),
    filled: bigint({ mode: 'number' }).notNull(),
    /** Sum of price × quantity of its executions: beyond 2^53. */
    notional: numeric({ precision: 40, scale: 0, mode: 'bigint' }).notNull(),
    cancelRequested: boolean('cancel_requested').notNull(),
    reason: text(),
    /** Has executions to settle that are in no settlement group yet. */
    groupOpen: boolean('group_open').notNull(),
    /** Number of its latest row in `order_events`. */
    lastEvent: bigint('last_event', { mode: 'number' }).notNull(),
    placedAtMs: bigint('placed_at_ms', { mode: 'number' }).notNull(),
  },
  (table) => [
    unique().on(table.member, table.clientOrderId),
    index().on(table.member, table.number.desc()),
    index().on(table.status),
    check('orders_filled_within', sql`0 <= filled and filled <= quantity`),
  ],
);
