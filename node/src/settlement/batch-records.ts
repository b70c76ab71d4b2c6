import { invariant } from '@stoa/schema';
import { and, eq, getTableColumns, inArray, notInArray } from 'drizzle-orm';
import { isAnyTextOf } from '../store/any-of.ts';
import type { Transaction } from '../store/database.ts';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import { issue } from '../store/transactions.ts';
import { courseAfter, isWorthSendingAgain } from './failure-policy.ts';
import type { SettlementMetrics } from './settlement-metrics.ts';
import { type BatchEvent, type BatchStatus, batchAfter, isOpen } from './settlement-state.ts';

export type BatchRow = typeof settlementBatches.$inferSelect;
/** A batch without its legs, mandates and signatures, which are long and which its state does not need. */
export type BatchHead = Omit<BatchRow, 'legs' | 'mandates' | 'signatures'>;
export type LegRow = typeof settlementLegs.$inferSelect;

/** Moves batches through their states in the store: the batch and its legs in one transaction. */
export interface BatchRecords {
  /**
   * @returns the batch as it is after the event; undefined when there is no such batch
   * @throws CodedError `INVARIANT_BROKEN` as {@link batchAfter} does
   */
  apply(tx: Transaction, batchId: `0x${string}`, event: BatchEvent): Promise<BatchHead | undefined>;
  /**
   * The same for a batch that this transaction has locked, as it read it then or as the last event left
   * it.
   */
  applyTo(tx: Transaction, batch: BatchHead, event: BatchEvent): BatchHead;
}

/** Before a failed batch is tried again for the first time. */
const defaultRetryAfterMs = 10_000;

export function createBatchRecords(
  needs: { readonly metrics: SettlementMetrics; readonly nowMs: () => number },
  { retryAfterMs = defaultRetryAfterMs }: { readonly retryAfterMs?: number | undefined } = {},
): BatchRecords {
  const records: BatchRecords = {
    apply: async (tx, batchId, event) => {
      const batch = await lockHead(tx, batchId);
      return batch && records.applyTo(tx, batch, event);
    },
    applyTo: (tx, batch, event) => {
      const { id: batchId } = batch;
      const before = statusOf(batch);
      const after = batchAfter(before, event);
      if (after === before) return batch;
      const columns = { ...columnsOf(after), ...(isAnew(event) && chainColumnsOf(after)) };
      const kept = {
        ...columns,
        ...courseOf({ ...batch, before: before.state }, after, {
          firstWaitMs: retryAfterMs,
          nowMs: needs.nowMs(),
        }),
        ...(event.kind === 'retried' && noTransaction(batch)),
      };
      issue(tx, tx.update(settlementBatches).set(kept).where(eq(settlementBatches.id, batchId)));
      // Its legs settle and are reversed one by one, as the chain names them; between instruction and
      // that they stand where their batch stands.
      const isReopened = before.state === 'failed' && isOpen(after.state);
      if (after.state === 'failed' || isReopened) {
        const ofTheBatch = and(
          eq(settlementLegs.batchId, batchId),
          notInArray(settlementLegs.state, ['settled', 'reversed']),
        );
        const state = isReopened ? 'instructed' : 'failed';
        issue(
          tx,
          tx
            .update(settlementLegs)
            .set({ ...columns, state })
            .where(ofTheBatch),
        );
      }
      if (after.state !== before.state) {
        const { transitions, failures, settleSeconds } = needs.metrics;
        transitions.inc({ role: batch.role, state: after.state });
        if (after.state === 'failed') failures.inc({ code: after.code });
        if (after.state === 'settled')
          settleSeconds.observe((needs.nowMs() - batch.createdAtMs) / 1_000);
      }
      return { ...batch, ...kept };
    },
  };
  return records;
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

const {
  legs: _legs,
  mandates: _mandates,
  signatures: _signatures,
  ...headColumns
} = getTableColumns(settlementBatches);

/** What batches are read by where their legs and signatures are not needed. */
export const batchHead = headColumns;

/** The same as {@link lockBatch}, without what is long. */
export async function lockHead(
  tx: Transaction,
  batchId: `0x${string}`,
): Promise<BatchHead | undefined> {
  const rows = await tx
    .select(batchHead)
    .from(settlementBatches)
    .where(eq(settlementBatches.id, batchId))
    .for('update');
  return rows[0];
}

/** The same of several batches, in one statement. */
export async function lockHeads(
  tx: Transaction,
  batchIds: readonly `0x${string}`[],
): Promise<BatchHead[]> {
  return (
    tx
      .select(batchHead)
      .from(settlementBatches)
      .where(isAnyTextOf(settlementBatches.id, batchIds))
      // In one order everywhere, so that two transactions never wait for each other.
      .orderBy(settlementBatches.id)
      .for('update')
  );
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

function statusOf(batch: BatchHead): BatchStatus {
  const { state, transactionHash, blockNumber, code, reason } = batch;
  switch (state) {
    case 'instructed':
    case 'affirmed':
      return { state };
    case 'submitted':
      invariant(transactionHash !== null, 'A submitted batch has a transaction.');
      return { state, transactionHash };
    case 'settled':
    case 'reversed':
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

/** Whether the event ends an attempt, whose place in the chain is then no more the batch's. */
function isAnew({ kind }: BatchEvent): boolean {
  return kind === 'retried' || kind === 'rolled-back';
}

function chainColumnsOf(status: BatchStatus) {
  return {
    transactionHash: 'transactionHash' in status ? (status.transactionHash ?? null) : null,
    blockNumber: null,
  };
}

/**
 * What becomes of a failed batch; nothing further of one that did not fail. Only the home tries again.
 * Of several groups each goes on by itself, and at once, where they cannot be sent again together.
 */
function courseOf(
  batch: BatchHead & { readonly before: BatchStatus['state'] },
  after: BatchStatus,
  when: { readonly firstWaitMs: number; readonly nowMs: number },
) {
  if (after.state !== 'failed' || batch.role !== 'home') {
    return { afterFailure: null, retryAtMs: null };
  }
  const course = courseAfter(after.code, { attempts: batch.attempts, ...when });
  const isOver =
    batch.before === 'instructed' || batch.purpose === 'net' || !isWorthSendingAgain(after.code);
  if (!isDivisible(batch) || !isOver) return course;
  return { ...course, afterFailure: 'retry' as const, retryAtMs: when.nowMs };
}

/** Whether the batch holds more than one all-or-none group, or nets what could settle one by one. */
export function isDivisible({ groups, purpose }: Pick<BatchHead, 'groups' | 'purpose'>): boolean {
  return purpose === 'net' || (groups?.length ?? 1) > 1;
}

/** The next attempt is a transaction of its own, with a nonce of its own. */
function noTransaction({ transactionHash, earlierHashes }: BatchHead) {
  return {
    nonce: null,
    earlierHashes: transactionHash === null ? earlierHashes : [...earlierHashes, transactionHash],
  };
}
