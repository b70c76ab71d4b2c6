import { isRefusal, type Refusal, refuse } from '@stoa/schema';
import { and, asc, eq, lte } from 'drizzle-orm';
import type { Database, Transaction } from '../store/database.ts';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import { type BatchRecords, type BatchRow, type LegRow, lockBatch } from './batch-records.ts';
import { canBeSentAgain } from './failure-policy.ts';
import type { Instructions } from './instructions.ts';
import type { Reversals } from './reversals.ts';
import type { SettlementNeeds } from './settlement-needs.ts';

const mostAtOnce = 50;

/** What trying again is given. */
export type RetryNeeds = Pick<SettlementNeeds, 'logger' | 'nowMs'> & {
  readonly db: Database;
  readonly records: BatchRecords;
  readonly instructions: Instructions;
  readonly reversals: Reversals;
};

/** A batch is tried again as it was signed, or composed and signed anew, or nothing of it is left. */
export type RetryOutcome = 'sent-again' | 'instructed-anew' | 'closed';

/** Brings failed batches of this home forward again: by themselves when due, or by the operator. */
export class SettlementRetries {
  readonly #needs: RetryNeeds;

  constructor(needs: RetryNeeds) {
    this.#needs = needs;
  }

  /** Tries everything again that is due. */
  async step(): Promise<void> {
    const { db, nowMs } = this.#needs;
    const due = await db
      .select({ id: settlementBatches.id })
      .from(settlementBatches)
      .where(
        and(
          eq(settlementBatches.state, 'failed'),
          eq(settlementBatches.afterFailure, 'retry'),
          lte(settlementBatches.retryAtMs, nowMs()),
        ),
      )
      .orderBy(asc(settlementBatches.retryAtMs))
      .limit(mostAtOnce);
    for (const { id } of due) {
      await db.transaction(async (tx) => {
        const batch = await lockBatch(tx, id);
        if (batch?.state !== 'failed' || batch.afterFailure !== 'retry') return;
        const outcome = await this.#again(tx, batch, false);
        if (isRefusal(outcome)) await this.#leaveToOperator(tx, batch, outcome);
      });
    }
  }

  /**
   * The operator has a failed batch tried again. Trades of its group that settled otherwise or were
   * undone are left out of it then: that the rest goes on without them is the operator's word.
   */
  async byOperator(batchId: `0x${string}`): Promise<RetryOutcome | Refusal> {
    return this.#needs.db.transaction(async (tx) => {
      const batch = await lockBatch(tx, batchId);
      if (batch?.role !== 'home') {
        return refuse('BATCH_UNKNOWN', 'This venue has no such batch.', 'Read the queue again.');
      }
      if (batch.state !== 'failed' || batch.afterFailure === 'replaced') {
        const message = `The batch is ${batch.state}, and nothing about it is to be tried again.`;
        return refuse('BATCH_NOT_FAILED', message, 'Read the queue again.');
      }
      return this.#again(tx, batch, true);
    });
  }

  async #again(
    tx: Transaction,
    batch: BatchRow,
    byOperator: boolean,
  ): Promise<RetryOutcome | Refusal> {
    const { logger, nowMs, records } = this.#needs;
    const legs = await this.#openLegs(tx, batch);
    const isWhole = legs.length === batch.legs.length;
    if (!isWhole && !byOperator) {
      const message =
        'Trades of the group settled otherwise or were undone: it cannot settle whole.';
      return refuse('GROUP_BROKEN', message, 'Decide whether the rest is to settle without them.');
    }
    const fields = { batchId: batch.id, attempts: batch.attempts, byOperator };
    if (isWhole && canBeSentAgain(batch, nowMs())) {
      await records.apply(tx, batch.id, { kind: 'retried' });
      logger.info(fields, 'settlement tried again');
      return 'sent-again';
    }
    await tx
      .update(settlementBatches)
      .set({ afterFailure: 'replaced', retryAtMs: null })
      .where(eq(settlementBatches.id, batch.id));
    if (legs.length === 0) return 'closed';
    await this.#composeAnew(tx, batch, legs, byOperator ? 0 : batch.attempts);
    logger.info(fields, 'settlement instructed anew');
    return 'instructed-anew';
  }

  async #composeAnew(tx: Transaction, batch: BatchRow, legs: readonly LegRow[], attempts: number) {
    const { instructions, reversals } = this.#needs;
    if (batch.purpose === 'settle') {
      await instructions.compose(tx, batch.orderId ?? '', legs, attempts);
      return;
    }
    for (const leg of legs) await reversals.compose(tx, leg, attempts);
  }

  /** Legs of the batch that may still be brought about by it, in the batch's order. */
  async #openLegs(tx: Transaction, batch: BatchRow): Promise<LegRow[]> {
    const isReversal = batch.purpose === 'reverse';
    const column = isReversal ? settlementLegs.reversalBatchId : settlementLegs.batchId;
    const rows = await tx
      .select()
      .from(settlementLegs)
      .where(eq(column, batch.id))
      .orderBy(settlementLegs.executingVenue, settlementLegs.tradeNumber)
      .for('update');
    return rows.filter((leg) =>
      isReversal ? leg.state === 'settled' : leg.state === 'failed' && leg.reversal === null,
    );
  }

  async #leaveToOperator(tx: Transaction, batch: BatchRow, { code, message }: Refusal) {
    const columns = { afterFailure: 'operator', retryAtMs: null, reason: message } as const;
    await tx
      .update(settlementBatches)
      .set(batch.code === null ? { ...columns, code } : columns)
      .where(eq(settlementBatches.id, batch.id));
    this.#needs.logger.warn({ batchId: batch.id, code }, 'settlement is left to the operator');
  }
}
