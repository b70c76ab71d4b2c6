import type { SettlementLegMessage } from '@stoa/schema';
import { sql } from 'drizzle-orm';
import { bigint, index, integer, jsonb, pgTable, text, unique } from 'drizzle-orm/pg-core';

/** A venue's EIP-712 signature over its legs of a batch. */
export interface StoredSignature {
  readonly venue: string;
  readonly signer: `0x${string}`;
  readonly signature: `0x${string}`;
}

/**
 * Batches that this node composed (`home`) or signed for another venue (`executing`). What was
 * signed stands in `legs`, whole and in order; a home batch is one all-or-none group.
 */
export const settlementBatches = pgTable(
  'settlement_batches',
  {
    id: text().$type<`0x${string}`>().primaryKey(),
    role: text().$type<'home' | 'executing'>().notNull(),
    homeVenue: text('home_venue').notNull(),
    /** Home batches only; with the number of the group within the order. */
    orderId: text('order_id'),
    groupNumber: integer('group_number'),
    legs: jsonb().$type<readonly SettlementLegMessage[]>().notNull(),
    groupsHash: text('groups_hash').$type<`0x${string}`>().notNull(),
    /** Unix seconds: after it, none of the legs can settle. */
    deadline: bigint({ mode: 'number' }).notNull(),
    signatures: jsonb().$type<readonly StoredSignature[]>().notNull(),
    state: text().$type<'instructed' | 'affirmed' | 'submitted' | 'settled' | 'failed'>().notNull(),
    code: text(),
    reason: text(),
    /** The signed transaction, kept before it is broadcast: what is sent again is the same bytes. */
    sender: text().$type<`0x${string}`>(),
    nonce: bigint({ mode: 'number' }),
    rawTransaction: text('raw_transaction').$type<`0x${string}`>(),
    /** Of the signed transaction, or of whoever's transaction settled the batch. */
    transactionHash: text('transaction_hash').$type<`0x${string}`>(),
    /** Hashes of transactions whose nonce another transaction took. */
    earlierHashes: jsonb('earlier_hashes').$type<readonly `0x${string}`[]>().notNull(),
    blockNumber: bigint('block_number', { mode: 'number' }),
    createdAtMs: bigint('created_at_ms', { mode: 'number' }).notNull(),
  },
  (table) => [
    unique().on(table.orderId, table.groupNumber),
    unique().on(table.sender, table.nonce),
    index('settlement_batches_open')
      .on(table.createdAtMs)
      .where(sql`state in ('instructed', 'affirmed', 'submitted')`),
  ],
);
