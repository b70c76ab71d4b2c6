import type { OrderStatus } from '@stoa/schema';
import { bigint, jsonb, pgTable, primaryKey, text, unique } from 'drizzle-orm/pg-core';

/**
 * What happened to each order, in order. Rows are only ever added: a trigger refuses anything else.
 * `orders` and `legs` say nothing that does not follow from these.
 */
export const orderEvents = pgTable(
  'order_events',
  {
    orderId: text('order_id').notNull(),
    /** 1, 2, 3 … within the order. */
    sequence: bigint({ mode: 'number' }).notNull(),
    member: text().notNull(),
    /** 1, 2, 3 … of the member, without gaps, in the order of commits: what a feed resumes from. */
    memberSequence: bigint('member_sequence', { mode: 'number' }).notNull(),
    kind: text().notNull(),
    data: jsonb().$type<Readonly<Record<string, unknown>>>().notNull(),
    /** As the order stood after it. */
    status: text().$type<OrderStatus>().notNull(),
    quantity: bigint({ mode: 'number' }).notNull(),
    filled: bigint({ mode: 'number' }).notNull(),
    atMs: bigint('at_ms', { mode: 'number' }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.orderId, table.sequence] }),
    unique().on(table.member, table.memberSequence),
  ],
);
