import { and, asc, eq, inArray, isNotNull, lt } from 'drizzle-orm';
import type { Hex } from 'viem';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import { BatchDispatch } from './batch-dispatch.ts';
import { BatchFailures, isPastDeadline, lateFailure, withdrawnFailure } from './batch-failures.ts';
import { type BatchHead, type BatchRecords, batchHead, type LegRow } from './batch-records.ts';
import { isAffirmedBatch, isUnsignedBatch } from './indexed-conditions.ts';
import { closeNonceGaps } from './nonce-gaps.ts';
import type { SettlementMetrics } from './settlement-metrics.ts';
import type { SettlementNeeds, SettlementOptions } from './settlement-needs.ts';
import { readVersions } from './signed-transactions.ts';
import { type Round, type SignedBatch, TransactionDesk } from './transaction-desk.ts';
import { TransactionPursuit } from './transaction-pursuit.ts';

const maxOpenBatches = 50;
/** Batches of one transaction of the store: while the chain works on them, the next are signed. */
const signedAtOnce = 8;

/** What submitting is given. */
export type SubmitterNeeds = Pick<
  SettlementNeeds,
  'db' | 'client' | 'signer' | 'logger' | 'nowMs'
> & {
  readonly records: BatchRecords;
  readonly metrics: SettlementMetrics;
};

/** Brings affirmed batches onto the chain. */
export class BatchSubmitter {
  readonly #needs: SubmitterNeeds;
  readonly #desk: TransactionDesk;
  readonly #dispatch: BatchDispatch;
  readonly #failures: BatchFailures;
  readonly #pursuit: TransactionPursuit;

  constructor(options: SettlementOptions, needs: SubmitterNeeds) {
    this.#needs = needs;
    this.#desk = new TransactionDesk(options, needs);
    this.#dispatch = new BatchDispatch({ ...needs, desk: this.#desk });
    this.#failures = new BatchFailures(needs);
    const parts = { desk: this.#desk, dispatch: this.#dispatch, failures: this.#failures };
    this.#pursuit = new TransactionPursuit(options, { ...needs, ...parts });
  }

  /**
   * One round over all open batches of this home, oldest first. To be called again and again, never
   * twice at a time; it begins where any crash left things.
   *
   * @throws viem errors when the RPC fails; nothing is lost by it
   */
  async step(finalNumber: bigint): Promise<void> {
    this.#dispatch.throwFailure();
    await this.#failUnsigned();
    const open = await this.#needs.db
      .select(batchHead)
      .from(settlementBatches)
      .where(and(eq(settlementBatches.role, 'home'), isAffirmedBatch))
      // Kept transactions first and by nonce: the chain takes them in no other order.
      .orderBy(asc(settlementBatches.nonce), asc(settlementBatches.createdAtMs))
      .limit(maxOpenBatches);
    if (open.length === 0) return;
    // Asked before any receipt: one that is missing although the count has passed its nonce was
    // never going to come.
    const round = await this.#desk.round();
    await closeNonceGaps(round, { ...this.#needs, desk: this.#desk });
    const signed = open.filter(isSigned);
    const ids = signed.map(({ id }) => id);
    const versions = Map.groupBy(await readVersions(this.#needs.db, ids), ({ batchId }) => batchId);
    for (const batch of signed) {
      const own = (versions.get(batch.id) ?? []).filter(({ nonce }) => nonce === batch.nonce);
      await this.#pursuit.pursue(batch, own, { round, finalNumber });
    }
    const unsigned = open.filter((batch) => !isSigned(batch));
    for (let first = 0; first < unsigned.length; first += signedAtOnce) {
      await this.#begin(unsigned.slice(first, first + signedAtOnce), round);
    }
  }

  /** Signs what may be sent, and has it sent. */
  async #begin(batches: readonly BatchHead[], round: Round): Promise<void> {
    const withdrawn = await this.#withdrawn(batches);
    const ready: Hex[] = [];
    for (const batch of batches) {
      const leg = withdrawn.get(batch.id);
      if (leg) await this.#failures.fail(batch, withdrawnFailure(leg));
      else if (isPastDeadline(batch, this.#needs.nowMs()))
        await this.#failures.fail(batch, lateFailure(batch));
      else ready.push(batch.id);
    }
    if (ready.length === 0) return;
    const whole = await this.#needs.db
      .select()
      .from(settlementBatches)
      .where(inArray(settlementBatches.id, ready))
      .orderBy(asc(settlementBatches.createdAtMs));
    this.#dispatch.send(await this.#desk.sign(whole, round));
  }

  /**
   * Trades that their venues undid before anything was sent, by batch: the group cannot settle whole any
   * more, and what remains of it is not for this node to regroup.
   */
  async #withdrawn(batches: readonly BatchHead[]): Promise<Map<string | null, LegRow>> {
    const ids = batches.flatMap(({ id, purpose }) => (purpose === 'reverse' ? [] : [id]));
    if (ids.length === 0) return new Map();
    const legs = await this.#needs.db
      .select()
      .from(settlementLegs)
      .where(and(inArray(settlementLegs.batchId, ids), isNotNull(settlementLegs.reversal)));
    return new Map(legs.map((leg) => [leg.batchId, leg]));
  }

  /** What a venue has not signed in time. Apart from the others, which must not wait behind it. */
  async #failUnsigned(): Promise<void> {
    const late = await this.#needs.db
      .select()
      .from(settlementBatches)
      .where(
        and(
          eq(settlementBatches.role, 'home'),
          isUnsignedBatch,
          lt(settlementBatches.deadline, Math.floor(this.#needs.nowMs() / 1_000)),
        ),
      )
      .limit(maxOpenBatches);
    for (const batch of late) await this.#failures.fail(batch, lateFailure(batch));
  }
}

function isSigned(batch: BatchHead): batch is SignedBatch {
  return batch.transactionHash !== null && batch.nonce !== null;
}
