import type { SettlementLegMessage, SignedMandateMessage } from '@stoa/schema';
import { sql } from 'drizzle-orm';
import { bigint, index, integer, jsonb, pgTable, text, unique } from 'drizzle-orm/pg-core';

/** A venue's EIP-712 signature over its legs of a batch. */
export interface StoredSignature {
  readonly venue: string;
  readonly signer: `0x${string}`;
  readonly signature: `0x${string}`;
}

/** Legs that follow each other in a batch and settle all or none. */
export interface StoredGroup {
  /** Its place in the whole batch, as the chain names it. */
  readonly index: number;
  readonly legs: number;
  /** Home batches only: the order, and which of its groups this is. A reversal has none. */
  readonly orderId?: string;
  readonly groupNumber?: number;
}

/**
 * Batches that this node composed (`home`) or signed for another venue (`executing`). What was
 * signed stands in `legs`, whole and in order, and how they are grouped in `groups`; an executing
 * venue has its own legs only. The trades that are still the batch's are those whose row names it: a
 * group that failed by itself has left it.
 */
export const settlementBatches = pgTable(
  'settlement_batches',
  {
    id: text().$type<`0x${string}`>().primaryKey(),
    role: text().$type<'home' | 'executing'>().notNull(),
    /** Settles its legs, each by itself or net, or undoes legs that another batch settled. */
    purpose: text().$type<'settle' | 'net' | 'reverse'>().notNull().default('settle'),
    homeVenue: text('home_venue').notNull(),
    /** Home batches only: of the first group. */
    orderId: text('order_id'),
    groupNumber: integer('group_number'),
    legs: jsonb().$type<readonly SettlementLegMessage[]>().notNull(),
    /** Null in rows of versions before there were batches of several groups: all legs are one. */
    groups: jsonb().$type<readonly StoredGroup[]>(),
    /** Home batches only: for each group the mandates that it settles under; null where none has any. */
    mandates: jsonb().$type<readonly (readonly SignedMandateMessage[])[]>(),
    groupsHash: text('groups_hash').$type<`0x${string}`>().notNull(),
    /** Home batches only: the EIP-712 digest that each venue is to sign. */
    digests: jsonb().$type<Readonly<Record<string, `0x${string}`>>>(),
    /** Unix seconds: after it, none of the legs can settle. */
    deadline: bigint({ mode: 'number' }).notNull(),
    signatures: jsonb().$type<readonly StoredSignature[]>().notNull(),
    state: text()
      .$type<'instructed' | 'affirmed' | 'submitted' | 'settled' | 'failed' | 'reversed'>()
      .notNull(),
    code: text(),
    reason: text(),
    /** Home batches that failed: what comes next, and for `retry` when. */
    afterFailure: text('after_failure').$type<'retry' | 'operator' | 'replaced'>(),
    retryAtMs: bigint('retry_at_ms', { mode: 'number' }),
    /** Failures so far, those of batches that this one replaced included. */
    attempts: integer().notNull().default(0),
    /** Of the signed transaction, whose bytes stand in `settlement_transactions`. */
    sender: text().$type<`0x${string}`>(),
    nonce: bigint({ mode: 'number' }),
    /** Of the signed transaction, or of whoever's transaction settled the batch. */
    transactionHash: text('transaction_hash').$type<`0x${string}`>(),
    /** Hashes of earlier versions, of earlier attempts, and of those whose nonce another took. */
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
    index('settlement_batches_failed')
      .on(table.afterFailure, table.retryAtMs)
      .where(sql`after_failure in ('retry', 'operator')`),
    index('settlement_batches_block').on(table.blockNumber),
  ],
);
