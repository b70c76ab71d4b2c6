import { bigint, index, integer, numeric, pgTable, text, unique } from 'drizzle-orm/pg-core';

const fee = (name: string) => numeric(name, { precision: 78, scale: 0, mode: 'bigint' }).notNull();

/**
 * Every transaction that was ever signed for a batch, kept before it is broadcast. Versions of one
 * nonce differ in their fees alone: whichever of them is mined counts.
 */
export const settlementTransactions = pgTable(
  'settlement_transactions',
  {
    hash: text().$type<`0x${string}`>().primaryKey(),
    batchId: text('batch_id').$type<`0x${string}`>().notNull(),
    sender: text().$type<`0x${string}`>().notNull(),
    nonce: bigint({ mode: 'number' }).notNull(),
    /** 1, 2, 3 … of the nonce. */
    version: integer().notNull(),
    rawTransaction: text('raw_transaction').$type<`0x${string}`>().notNull(),
    maxFeePerGas: fee('max_fee_per_gas'),
    maxPriorityFeePerGas: fee('max_priority_fee_per_gas'),
    signedAtMs: bigint('signed_at_ms', { mode: 'number' }).notNull(),
  },
  (table) => [
    unique().on(table.sender, table.nonce, table.version),
    index().on(table.batchId, table.nonce),
  ],
);
