import { groupsHash } from '@stoa/contracts';
import { invariant } from '@stoa/schema';
import { and, eq, inArray, ne } from 'drizzle-orm';
import type { Transaction } from '../store/database.ts';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import { type BatchGroup, batchIdOf, legFromMessage } from './batch-composition.ts';
import type { BatchRecords, BatchRow } from './batch-records.ts';
import type { BatchEvent } from './settlement-state.ts';
import { isOneOfTrades } from './trade-condition.ts';

/** Why a group does not settle with its batch. */
export type GroupFailure = Omit<Extract<BatchEvent, { kind: 'failed' }>, 'kind' | 'blockNumber'>;

/**
 * Takes a group that failed by itself out of its batch, into a failed batch of its own, which is tried
 * again or left to the operator like any other. What settled meanwhile stays where it is.
 *
 * It notes no block: where the chain takes the failure back, its trades may settle in the batch that
 * they left, and are then found settled when this one is tried again.
 */
export async function departGroup(
  tx: Transaction,
  {
    batch,
    group,
    groupNumber,
  }: {
    readonly batch: BatchRow;
    readonly group: BatchGroup;
    /** A number that the order has not used before. */
    readonly groupNumber: number;
  },
  failure: GroupFailure,
  records: BatchRecords,
): Promise<void> {
  const { orderId } = group;
  invariant(orderId !== undefined, 'Only an order’s group leaves its batch.', { id: batch.id });
  const id = batchIdOf(batch.homeVenue, orderId, groupNumber);
  const legs = batch.legs.slice(group.first, group.first + group.legs);
  const { homeVenue, deadline, attempts, createdAtMs } = batch;
  await tx.insert(settlementBatches).values({
    ...{ id, role: 'home', homeVenue, orderId, groupNumber, legs, deadline, attempts, createdAtMs },
    groupsHash: groupsHash([legs.map(legFromMessage)]),
    // Nobody signed it, so that nothing of it can be sent: it is composed anew where it is tried again.
    ...{ digests: {}, signatures: [], state: 'instructed', earlierHashes: [] },
  });
  await tx.update(settlementLegs).set({ batchId: id, groupNumber }).where(isOpenOf(batch, group));
  await records.apply(tx, id, { kind: 'failed', ...failure });
}

/** An executing venue's own trades of a group that failed; of the others it knows nothing. */
export async function failTrades(
  tx: Transaction,
  batch: BatchRow,
  group: BatchGroup,
  failure: Pick<GroupFailure, 'code' | 'reason'>,
): Promise<void> {
  await tx
    .update(settlementLegs)
    .set({ ...failure, state: 'failed' })
    .where(isOpenOf(batch, group));
}

/** Whether the group's trades are still the batch's, and none of them has settled. */
export async function isStillOf(
  tx: Transaction,
  batch: BatchRow,
  group: BatchGroup,
): Promise<boolean> {
  return (await tx.$count(settlementLegs, isOpenOf(batch, group))) > 0;
}

/** How many trades are still the batch's and have not failed. */
export function tradesLeft(tx: Transaction, batchId: `0x${string}`): Promise<number> {
  return tx.$count(
    settlementLegs,
    and(eq(settlementLegs.batchId, batchId), ne(settlementLegs.state, 'failed')),
  );
}

/** A group's trades that are still its batch's and have not settled. */
function isOpenOf(batch: BatchRow, group: BatchGroup) {
  const legs = batch.legs.slice(group.first, group.first + group.legs);
  return and(
    eq(settlementLegs.batchId, batch.id),
    inArray(settlementLegs.state, ['instructed', 'failed']),
    isOneOfTrades(legs),
  );
}
