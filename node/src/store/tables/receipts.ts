import { bigint, customType, index, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';

const bytea = customType<{ data: Uint8Array; driverData: Uint8Array }>({
  dataType: () => 'bytea',
});

/**
 * Why each order went where it went, and what came of it: signed revisions, each naming the one
 * before it. Rows are only ever added. docs/receipts.md describes the body.
 */
export const receipts = pgTable(
  'receipts',
  {
    orderId: text('order_id').notNull(),
    /** 1, 2, 3 … within the order. */
    revision: integer().notNull(),
    kind: text().$type<'decision' | 'outcome'>().notNull(),
    /** Of decisions: the round of routing, and the rules it followed. */
    round: integer(),
    routerVersion: text('router_version'),
    atMs: bigint('at_ms', { mode: 'number' }).notNull(),
    /** Canonical JSON: what was signed. */
    body: text().notNull(),
    /** SHA-256 of the body, in hex. */
    hash: text().notNull(),
    /** Ed25519, of this node's key. */
    signature: bytea().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.orderId, table.revision] }),
    index().on(table.kind, table.atMs),
  ],
);
