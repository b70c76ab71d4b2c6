import { invariant } from '@stoa/schema';
import { and, eq, inArray, ne } from 'drizzle-orm';
import type { Transaction } from '../store/database.ts';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import type { SettlementMetrics } from './settlement-metrics.ts';
import { type BatchEvent, type BatchStatus, batchAfter } from './settlement-state.ts';

export type BatchRow = typeof settlementBatches.$inferSelect;
export type LegRow = typeof settlementLegs.$inferSelect;

/** Moves batches through their states in the store: the batch and its legs in one transaction. */
export interface BatchRecords {
  /**
   * @returns the batch as it is after the event; undefined when there is no such batch
   * @throws CodedError `INVARIANT_BROKEN` as {@link batchAfter} does
   */
  apply(tx: Transaction, batchId: `0x${string}`, event: BatchEvent): Promise<BatchRow | undefined>;
}

export function createBatchRecords(needs: {
  readonly metrics: SettlementMetrics;
  readonly nowMs: () => number;
}): BatchRecords {
  return {
    apply: async (tx, batchId, event) => {
      const batch = await lockBatch(tx, batchId);
      if (!batch) return undefined;
      const before = statusOf(batch);
      const after = batchAfter(before, event);
      if (after === before) return batch;
      const columns = columnsOf(after);
      await tx.update(settlementBatches).set(columns).where(eq(settlementBatches.id, batchId));
      // Its legs settle one by one, as the chain names them; a settled one never changes again.
      if (after.state !== 'settled') {
        await tx
          .update(settlementLegs)
          .set(columns)
          .where(and(eq(settlementLegs.batchId, batchId), ne(settlementLegs.state, 'settled')));
      }
      if (after.state !== before.state) {
        const { transitions, failures, settleSeconds } = needs.metrics;
        transitions.inc({ role: batch.role, state: after.state });
        if (after.state === 'failed') failures.inc({ code: after.code });
        if (after.state === 'settled')
          settleSeconds.observe((needs.nowMs() - batch.createdAtMs) / 1_000);
      }
      return { ...batch, ...columns };
    },
  };
}

/** The batch, locked until the transaction ends. */
export async function lockBatch(
  tx: Transaction,
  batchId: `0x${string}`,
): Promise<BatchRow | undefined> {
  const rows = await tx
    .select()
    .from(settlementBatches)
    .where(eq(settlementBatches.id, batchId))
    .for('update');
  return rows[0];
}

/** This node's own trades of a book, by number, locked until the transaction ends. */
export async function lockLegs(
  tx: Transaction,
  executingVenue: string,
  tradeNumbers: readonly number[],
): Promise<Map<number, LegRow>> {
  const rows = await tx
    .select()
    .from(settlementLegs)
    .where(
      and(
        eq(settlementLegs.executingVenue, executingVenue),
        inArray(settlementLegs.tradeNumber, [...tradeNumbers]),
      ),
    )
    // In one order everywhere, so that two transactions never wait for each other.
    .orderBy(settlementLegs.tradeNumber)
    .for('update');
  return new Map(rows.map((row) => [row.tradeNumber, row]));
}

function statusOf(batch: BatchRow): BatchStatus {
  const { state, transactionHash, blockNumber, code, reason } = batch;
  switch (state) {
    case 'instructed':
    case 'affirmed':
      return { state };
    case 'submitted':
      invariant(transactionHash !== null, 'A submitted batch has a transaction.');
      return { state, transactionHash };
    case 'settled':
      invariant(
        transactionHash !== null && blockNumber !== null,
        'A settled batch has a transaction in a block.',
      );
      return { state, transactionHash, blockNumber };
    case 'failed':
      return {
        state,
        code: code ?? '',
        reason: reason ?? '',
        ...(transactionHash !== null && { transactionHash }),
        ...(blockNumber !== null && { blockNumber }),
      };
  }
}

/** Columns that a batch and its legs share. */
function columnsOf(status: BatchStatus) {
  const failure =
    status.state === 'failed'
      ? { code: status.code, reason: status.reason }
      : { code: null, reason: null };
  return {
    state: status.state,
    ...failure,
    ...('transactionHash' in status && { transactionHash: status.transactionHash }),
    ...('blockNumber' in status && { blockNumber: status.blockNumber }),
  };
}
