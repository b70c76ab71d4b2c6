import { isRefusal, type Refusal, refuse } from '@stoa/schema';
import { and, asc, eq, lte } from 'drizzle-orm';
import type { Database, Transaction } from '../store/database.ts';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import { groupsOf } from './batch-composition.ts';
import {
  type BatchRecords,
  type BatchRow,
  isDivisible,
  type LegRow,
  lockBatch,
} from './batch-records.ts';
import { canBeSentAgain, isWorthSendingAgain } from './failure-policy.ts';
import { departGroup } from './group-departure.ts';
import { isToBeRetried } from './indexed-conditions.ts';
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

const brokenMessage =
  'Trades of the group settled otherwise or were undone: it cannot settle whole.';

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
      .where(and(isToBeRetried, lte(settlementBatches.retryAtMs, nowMs())))
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
    if (isDivisible(batch) && !(isWhole && this.#canGoAgainTogether(batch))) {
      return this.#divide(tx, batch, legs);
    }
    if (!isWhole && !byOperator) {
      const action = 'Decide whether the rest is to settle without them.';
      return refuse('GROUP_BROKEN', brokenMessage, action);
    }
    const fields = { batchId: batch.id, attempts: batch.attempts, byOperator };
    if (isWhole && canBeSentAgain(batch, nowMs())) {
      await records.apply(tx, batch.id, { kind: 'retried' });
      logger.info(fields, 'settlement tried again');
      return 'sent-again';
    }
    await this.#replaced(tx, batch);
    if (legs.length === 0) return 'closed';
    await this.#composeAnew(tx, batch, legs, byOperator ? 0 : batch.attempts);
    logger.info(fields, 'settlement instructed anew');
    return 'instructed-anew';
  }

  #canGoAgainTogether(batch: BatchRow): boolean {
    const isWorthIt = batch.purpose !== 'net' && isWorthSendingAgain(batch.code ?? '');
    return isWorthIt && canBeSentAgain(batch, this.#needs.nowMs());
  }

  /** Each group goes on by itself: the one that cannot settle holds up no other. */
  async #divide(tx: Transaction, batch: BatchRow, legs: readonly LegRow[]): Promise<RetryOutcome> {
    const { instructions, records, logger } = this.#needs;
    await this.#replaced(tx, batch);
    for (const group of groupsOf(batch)) {
      const { orderId, first } = group;
      const named = batch.legs.slice(first, first + group.legs).map(nameOf);
      const rows = legs.filter((leg) => named.includes(nameOf(leg)));
      if (orderId === undefined || rows.length === 0) continue;
      const groupNumber = await instructions.nextGroupNumber(tx, orderId);
      if (rows.length === group.legs) {
        const before = { attempts: batch.attempts, replaces: batch.id };
        await instructions.compose(tx, [{ orderId, groupNumber, rows }], before);
      } else {
        const failure = { code: 'GROUP_BROKEN', reason: brokenMessage };
        await departGroup(tx, { batch, group, groupNumber }, failure, records);
      }
    }
    logger.info({ batchId: batch.id, code: batch.code }, 'settlement batch divided');
    return 'instructed-anew';
  }

  async #replaced(tx: Transaction, batch: BatchRow): Promise<void> {
    await tx
      .update(settlementBatches)
      .set({ afterFailure: 'replaced', retryAtMs: null })
      .where(eq(settlementBatches.id, batch.id));
  }

  async #composeAnew(tx: Transaction, batch: BatchRow, legs: readonly LegRow[], attempts: number) {
    const { instructions, reversals } = this.#needs;
    if (batch.purpose !== 'reverse') {
      const orderId = batch.orderId ?? '';
      const groupNumber = await instructions.nextGroupNumber(tx, orderId);
      await instructions.compose(tx, [{ orderId, groupNumber, rows: legs }], { attempts });
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

function nameOf({ executingVenue, tradeNumber }: Pick<LegRow, 'executingVenue' | 'tradeNumber'>) {
  return `${executingVenue} ${tradeNumber}`;
}
