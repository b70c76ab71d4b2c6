import type { BatchHead, BatchRecords, LegRow } from './batch-records.ts';
import type { SettlementNeeds } from './settlement-needs.ts';
import type { BatchEvent } from './settlement-state.ts';

type Failure = Omit<Extract<BatchEvent, { kind: 'failed' }>, 'kind'>;

/** Records that batches failed, and why. */
export class BatchFailures {
  readonly #needs: Pick<SettlementNeeds, 'db' | 'logger'> & { readonly records: BatchRecords };

  constructor(needs: Pick<SettlementNeeds, 'db' | 'logger'> & { readonly records: BatchRecords }) {
    this.#needs = needs;
  }

  async fail(batch: BatchHead, failure: Failure): Promise<void> {
    const { db, records, logger } = this.#needs;
    await db.transaction((tx) => records.apply(tx, batch.id, { kind: 'failed', ...failure }));
    logger.warn({ batchId: batch.id, code: failure.code }, 'settlement failed');
  }
}

export function isPastDeadline({ deadline }: BatchHead, nowMs: number): boolean {
  return nowMs / 1_000 > deadline;
}

/** A trade was undone before anything was sent. */
export function withdrawnFailure({ tradeNumber, executingVenue, reversal }: LegRow): Failure {
  const what = `Trade ${tradeNumber} of ${executingVenue} was undone or corrected`;
  return { code: 'TRADE_WITHDRAWN', reason: `${what} (${reversal}) before its group was sent.` };
}

/** What the deadline found: a batch without all signatures, or one that did not reach the chain. */
export function lateFailure(batch: BatchHead): Failure {
  return batch.state === 'instructed'
    ? { code: 'AFFIRMATION_MISSING', reason: 'Not every venue signed before the deadline.' }
    : { code: 'DEADLINE_PASSED', reason: 'The batch did not reach the chain before its deadline.' };
}
