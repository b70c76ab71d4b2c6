import type {
  OrderStatus,
  OrderType,
  Remainder,
  RoutingStrategy,
  Side,
  TimeInForce,
} from '@stoa/schema';
import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  numeric,
  pgSequence,
  pgTable,
  text,
  unique,
} from 'drizzle-orm/pg-core';

/** A change of quantity and limit that is not in effect yet, as `orders/order-state.ts` knows it. */
export interface StoredReplacement {
  readonly quantity: number;
  readonly limitPrice?: number;
  readonly reroute: boolean;
  readonly started: boolean;
}

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
    /** As asked for at first: what a repeat of the request is compared with. */
    placedQuantity: bigint('placed_quantity', { mode: 'number' }).notNull(),
    placedLimitPrice: bigint('placed_limit_price', { mode: 'number' }),
    expireAtMs: bigint('expire_at_ms', { mode: 'number' }),
    minQuantity: bigint('min_quantity', { mode: 'number' }),
    allOrNone: boolean('all_or_none').notNull().default(false),
    strategy: text().$type<RoutingStrategy>().notNull().default('best'),
    directedTo: text('directed_to'),
    remainder: text().$type<Remainder>().notNull().default('rest-home'),
    cancelOnDisconnect: boolean('cancel_on_disconnect').notNull().default(false),
    /** The firm quote that it takes, or gave. */
    quoteId: text('quote_id'),
    /** From here on nothing of it is sent any more; null: at no time. */
    endsAtMs: bigint('ends_at_ms', { mode: 'number' }),
    /** It waits unsent until then; null: it does not. */
    heldUntilMs: bigint('held_until_ms', { mode: 'number' }),
    replacements: jsonb().$type<readonly StoredReplacement[]>().notNull().default([]),
    /** Replacements that took effect. */
    revision: integer().notNull().default(0),
    /** Legs up to this number were sent for what the order was before it was replaced. */
    routedFrom: integer('routed_from').notNull().default(0),
    status: text().$type<OrderStatus>().notNull(),
    filled: bigint({ mode: 'number' }).notNull(),
    leaves: bigint({ mode: 'number' }).notNull(),
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
    index('orders_held').on(table.heldUntilMs).where(sql`held_until_ms is not null`),
    check('orders_filled_within', sql`0 <= filled and filled <= quantity`),
    check('orders_quantity_positive', sql`0 < quantity and 0 < placed_quantity`),
    check('orders_notional_positive', sql`0 <= notional`),
    check(
      'orders_conserved',
      sql`case when status in ('filled', 'canceled', 'rejected', 'expired') then leaves = 0
        else filled + leaves = quantity end`,
    ),
    check('orders_filled_whole', sql`status <> 'filled' or filled = quantity`),
  ],
);
