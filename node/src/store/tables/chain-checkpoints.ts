import { bigint, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';

/**
 * Blocks up to which a contract's logs were taken in, by hash: where the chain no longer has such a
 * block, it was reorganized, and what came after the newest that it still has is taken back.
 */
export const chainCheckpoints = pgTable(
  'chain_checkpoints',
  {
    contract: text().notNull(),
    blockNumber: bigint('block_number', { mode: 'number' }).notNull(),
    hash: text().$type<`0x${string}`>().notNull(),
    parentHash: text('parent_hash').$type<`0x${string}`>().notNull(),
  },
  (table) => [primaryKey({ columns: [table.contract, table.blockNumber] })],
);
