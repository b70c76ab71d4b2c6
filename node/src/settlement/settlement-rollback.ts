import { and, eq, gt, inArray, sql } from 'drizzle-orm';
import type { Hex } from 'viem';
import type { Transaction } from '../store/database.ts';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import { settlementTransactions } from '../store/tables/settlement-transactions.ts';
import type { BatchRecords } from './batch-records.ts';

/**
 * Takes back what blocks after the ancestor did, which the chain no longer has. What settled or
 * failed there is open again as it was before, and the submitter finds out where its transaction is.
 *
 * @returns the batches that are open again
 */
export async function rollBackSettlement(
  tx: Transaction,
  ancestor: bigint,
  records: BatchRecords,
): Promise<`0x${string}`[]> {
  const after = Number(ancestor);
  await takeBackReversals(tx, after, records);
  await tx
    .update(settlementLegs)
    .set({
      state: 'instructed',
      code: null,
      reason: null,
      transactionHash: null,
      blockNumber: null,
    })
    .where(
      and(
        gt(settlementLegs.blockNumber, after),
        inArray(settlementLegs.state, ['settled', 'failed']),
      ),
    );
  const undone = await tx
    .select({
      id: settlementBatches.id,
      hash: sql<Hex | null>`(select ${settlementTransactions.hash} from ${settlementTransactions}
        where ${settlementTransactions.batchId} = ${settlementBatches.id}
          and ${settlementTransactions.nonce} = ${settlementBatches.nonce}
        order by ${settlementTransactions.version} desc limit 1)`,
    })
    .from(settlementBatches)
    .where(gt(settlementBatches.blockNumber, after))
    .orderBy(settlementBatches.id);
  for (const { id, hash } of undone) {
    await records.apply(tx, id, { kind: 'rolled-back', ...(hash !== null && { ours: hash }) });
  }
  return undone.map(({ id }) => id);
}

async function takeBackReversals(tx: Transaction, after: number, records: BatchRecords) {
  const legs = await tx
    .update(settlementLegs)
    .set({ state: 'settled', reversalBlockNumber: null })
    .where(and(gt(settlementLegs.reversalBlockNumber, after), eq(settlementLegs.state, 'reversed')))
    .returning({ batchId: settlementLegs.batchId });
  const batchIds = new Set(legs.flatMap(({ batchId }) => batchId ?? []));
  for (const batchId of [...batchIds].sort()) {
    await records.apply(tx, batchId, { kind: 'reversal-undone' });
  }
}
