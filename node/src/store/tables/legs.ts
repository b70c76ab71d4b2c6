import type { OrderStatus, TimeInForce } from '@stoa/schema';
import { sql } from 'drizzle-orm';
import { bigint, boolean, check, index, integer, pgTable, text } from 'drizzle-orm/pg-core';

/** Child orders of this node's orders, each at one venue, as the home node knows them. */
export const legs = pgTable(
  'legs',
  {
    /** `<orderId>.<leg>.<attempt>`; the client order id at the venue. */
    id: text().primaryKey(),
    orderId: text('order_id').notNull(),
    /** 1, 2, 3 … within the order. */
    number: integer().notNull(),
    /** Routing round it belongs to. */
    round: integer().notNull(),
    /** `route`: takes liquidity at once. `rest`: waits in its venue's book. */
    purpose: text().$type<'route' | 'rest'>().notNull(),
    venue: text().notNull(),
    timeInForce: text('time_in_force').$type<TimeInForce>().notNull(),
    quantity: bigint({ mode: 'number' }).notNull(),
    limitPrice: bigint('limit_price', { mode: 'number' }).notNull(),
    expireAtMs: bigint('expire_at_ms', { mode: 'number' }),
    minQuantity: bigint('min_quantity', { mode: 'number' }),
    allOrNone: boolean('all_or_none').notNull().default(false),
    /** Replacements that its venue was asked for. */
    revision: integer().notNull().default(0),
    /** What the last of them asks for, until the venue has answered. */
    pendingQuantity: bigint('pending_quantity', { mode: 'number' }),
    pendingLimitPrice: bigint('pending_limit_price', { mode: 'number' }),
    status: text().$type<OrderStatus>().notNull(),
    filled: bigint({ mode: 'number' }).notNull(),
    /** What the venue said it filled when it ended the leg; null while it has not. */
    finalFilled: bigint('final_filled', { mode: 'number' }),
    reason: text(),
    sentAtMs: bigint('sent_at_ms', { mode: 'number' }).notNull(),
  },
  (table) => [
    index().on(table.orderId),
    index().on(table.status),
    check('legs_filled_within', sql`0 <= filled and filled <= quantity`),
    check('legs_final_within', sql`filled <= final_filled and final_filled <= quantity`),
    check('legs_terms_positive', sql`0 < quantity and 0 < limit_price and 0 <= revision`),
  ],
);
