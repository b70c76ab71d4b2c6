import { bigint, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';

/** What happened to each order, in order. Rows are only ever added. */
export const orderEvents = pgTable(
  'order_events',
  {
    orderId: text('order_id').notNull(),
    /** 1, 2, 3 … within the order. */
    sequence: bigint({ mode: 'number' }).notNull(),
    kind: text().notNull(),
    data: jsonb().$type<Readonly<Record<string, unknown>>>().notNull(),
    atMs: bigint('at_ms', { mode: 'number' }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.orderId, table.sequence] })],
);
