import { bigint, index, integer, numeric, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';

/**
 * Transfers of the instruments' tokens, as far as the chain was followed. An issue comes from the
 * zero address and a redemption goes there; of a partitioned token only the instrument's partition.
 */
export const tokenTransfers = pgTable(
  'token_transfers',
  {
    token: text().$type<`0x${string}`>().notNull(),
    blockNumber: bigint('block_number', { mode: 'number' }).notNull(),
    logIndex: integer('log_index').notNull(),
    sender: text().$type<`0x${string}`>().notNull(),
    receiver: text().$type<`0x${string}`>().notNull(),
    /** In the token's smallest unit. */
    value: numeric({ precision: 78, scale: 0, mode: 'bigint' }).notNull(),
    transactionHash: text('transaction_hash').$type<`0x${string}`>().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.token, table.blockNumber, table.logIndex] }),
    index().on(table.token, table.sender),
    index().on(table.token, table.receiver),
  ],
);
