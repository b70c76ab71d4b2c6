import { bigint, pgTable, text } from 'drizzle-orm/pg-core';

/** How far a contract's logs were taken in; raised in the transaction of their effect. */
export const chainCursors = pgTable('chain_cursors', {
  contract: text().primaryKey(),
  blockNumber: bigint('block_number', { mode: 'number' }).notNull(),
});
