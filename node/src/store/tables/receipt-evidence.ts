import { customType, index, pgTable, text } from 'drizzle-orm/pg-core';

const bytea = customType<{ data: Uint8Array; driverData: Uint8Array }>({
  dataType: () => 'bytea',
});

/**
 * What receipts and fades refer to, by its SHA-256 in hex. Rows are only ever added. The hash is not
 * unique: transactions that write the same at once would wait for each other, and a second copy harms
 * nobody.
 */
export const receiptEvidence = pgTable(
  'receipt_evidence',
  {
    hash: text().notNull(),
    kind: text().$type<'frame' | 'message' | 'directory'>().notNull(),
    /** SignedFrame, SignedOrderMessage, or canonical JSON. */
    bytes: bytea().notNull(),
  },
  (table) => [index().on(table.hash)],
);
