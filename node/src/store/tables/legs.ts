import type { OrderStatus, TimeInForce } from '@stoa/schema';
import { sql } from 'drizzle-orm';
import { bigint, check, index, integer, pgTable, text } from 'drizzle-orm/pg-core';

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
    /** `route`: takes liquidity at once. `rest`: waits in the home venue's book. */
    purpose: text().$type<'route' | 'rest'>().notNull(),
    venue: text().notNull(),
    timeInForce: text('time_in_force').$type<TimeInForce>().notNull(),
    quantity: bigint({ mode: 'number' }).notNull(),
    limitPrice: bigint('limit_price', { mode: 'number' }).notNull(),
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
  ],
);
