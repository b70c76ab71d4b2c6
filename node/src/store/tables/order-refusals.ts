import { bigint, bigserial, index, pgTable, text } from 'drizzle-orm/pg-core';

/** What members asked for and were refused, for an examiner. Rows are only ever added. */
export const orderRefusals = pgTable(
  'order_refusals',
  {
    id: bigserial({ mode: 'number' }).primaryKey(),
    member: text().notNull(),
    action: text()
      .$type<
        | ('place' | 'replace' | 'cancel' | 'cancel-all')
        | ('request-quotes' | 'accept-quote' | 'submit-quote' | 'cancel-quote')
      >()
      .notNull(),
    /** Cut to what could have been one. */
    clientOrderId: text('client_order_id'),
    orderId: text('order_id'),
    code: text().notNull(),
    message: text().notNull(),
    atMs: bigint('at_ms', { mode: 'number' }).notNull(),
  },
  (table) => [index().on(table.member, table.id)],
);
