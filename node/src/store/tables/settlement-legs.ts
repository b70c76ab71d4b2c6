import { sql } from 'drizzle-orm';
import { bigint, index, integer, numeric, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';

const chainAmount = (name: string) => numeric(name, { precision: 78, scale: 0, mode: 'bigint' });

/**
 * Trades whose settlement concerns this node: of its own orders, and those at its own book that it
 * signed for another home venue. Amounts with `token` and `cash` are in the tokens' smallest units.
 */
export const settlementLegs = pgTable(
  'settlement_legs',
  {
    executingVenue: text('executing_venue').notNull(),
    tradeNumber: bigint('trade_number', { mode: 'number' }).notNull(),
    executionId: text('execution_id').notNull(),
    homeVenue: text('home_venue').notNull(),
    instrument: text().notNull(),
    price: bigint({ mode: 'number' }).notNull(),
    quantity: bigint({ mode: 'number' }).notNull(),
    token: text().$type<`0x${string}`>().notNull(),
    cashToken: text('cash_token').$type<`0x${string}`>().notNull(),
    seller: text().$type<`0x${string}`>().notNull(),
    buyer: text().$type<`0x${string}`>().notNull(),
    tokenQuantity: chainAmount('token_quantity').notNull(),
    cashAmount: chainAmount('cash_amount').notNull(),
    /** This node's order that took liquidity, whose group settles the trade; null where another is home. */
    orderId: text('order_id'),
    legId: text('leg_id'),
    /** Which of the order's groups the trade is in, and since when that waits for a batch. */
    groupNumber: integer('group_number'),
    readyAtMs: bigint('ready_at_ms', { mode: 'number' }),
    batchId: text('batch_id').$type<`0x${string}`>(),
    /** `instructed` until it settles or fails: what it is meanwhile, its batch is. */
    state: text()
      .$type<'instructed' | 'affirmed' | 'submitted' | 'settled' | 'failed' | 'reversed'>()
      .notNull(),
    code: text(),
    reason: text(),
    /** The trade was undone or corrected after it had gone into a batch: what settled is to be reversed. */
    reversal: text(),
    /** The batch that reverses it, and the block in which it did. */
    reversalBatchId: text('reversal_batch_id').$type<`0x${string}`>(),
    reversalBlockNumber: bigint('reversal_block_number', { mode: 'number' }),
    transactionHash: text('transaction_hash').$type<`0x${string}`>(),
    blockNumber: bigint('block_number', { mode: 'number' }),
    recordedAtMs: bigint('recorded_at_ms', { mode: 'number' }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.executingVenue, table.tradeNumber] }),
    index().on(table.orderId),
    // Without the trades in no batch: an order's own are found by the order, however many others wait.
    index().on(table.batchId).where(sql`batch_id is not null`),
    index('settlement_legs_to_reverse')
      .on(table.recordedAtMs)
      .where(sql`reversal is not null and state = 'settled'`),
    index('settlement_legs_ready')
      .on(table.readyAtMs)
      .where(sql`batch_id is null and ready_at_ms is not null`),
    index('settlement_legs_block').on(table.blockNumber),
  ],
);
