import { and, asc, desc, eq, gte, inArray, notExists } from 'drizzle-orm';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { settlementTransactions } from '../store/tables/settlement-transactions.ts';
import type { SettlementNeeds } from './settlement-needs.ts';
import type { SignedVersion } from './signed-transactions.ts';
import type { Round, TransactionDesk } from './transaction-desk.ts';

/** Gaps closed in one round. */
const mostAtOnce = 50;

export interface NonceGapNeeds extends Pick<SettlementNeeds, 'db' | 'signer'> {
  readonly desk: TransactionDesk;
}

/**
 * Sends what was signed for batches that somebody else brought to their end meanwhile. It changes
 * nothing but the nonce, for which all later transactions would wait.
 *
 * @throws viem errors when the RPC fails
 */
export async function closeNonceGaps(round: Round, needs: NonceGapNeeds): Promise<void> {
  const { db, signer, desk } = needs;
  const pursued = db
    .select({ id: settlementBatches.id })
    .from(settlementBatches)
    .where(
      and(
        eq(settlementBatches.id, settlementTransactions.batchId),
        // An open batch's own transaction is pursued; those of its earlier attempts are not.
        inArray(settlementBatches.state, ['affirmed', 'submitted']),
        eq(settlementBatches.nonce, settlementTransactions.nonce),
      ),
    );
  const unsent = await db
    .select()
    .from(settlementTransactions)
    .where(
      and(
        eq(settlementTransactions.sender, signer.address),
        gte(settlementTransactions.nonce, round.usedCount),
        notExists(pursued),
      ),
    )
    .orderBy(asc(settlementTransactions.nonce), desc(settlementTransactions.version))
    .limit(mostAtOnce);
  const newest = new Map(unsent.toReversed().map((one) => [one.nonce, one]));
  for (const version of [...newest.values()].toReversed()) {
    const isStuck = version.nonce === round.usedCount && desk.isStuck(version);
    const next = isStuck ? await bumpGap(version, round, needs) : undefined;
    const { hash, rawTransaction } = next ?? version;
    await desk.offer(hash, rawTransaction);
  }
}

/** Everything behind a gap waits for it: it is made dearer like a batch's own transaction. */
async function bumpGap(before: SignedVersion, round: Round, { db, desk }: NonceGapNeeds) {
  const terms = await desk.bumpedFees(before, round);
  if (terms === undefined) return undefined;
  const [batch] = await db
    .select()
    .from(settlementBatches)
    .where(eq(settlementBatches.id, before.batchId));
  if (!batch) return undefined;
  return db.transaction((tx) => desk.keepVersion(tx, batch, terms));
}
