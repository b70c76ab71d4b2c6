import { invariant } from '@stoa/schema';
import { eq } from 'drizzle-orm';
import { type Hex, type TransactionReceipt, TransactionReceiptNotFoundError } from 'viem';
import { getTransactionReceipt } from 'viem/actions';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import { legsDone, revertReasonOf } from './batch-call.ts';
import type { BatchDispatch } from './batch-dispatch.ts';
import { type BatchFailures, isPastDeadline, lateFailure } from './batch-failures.ts';
import type { BatchHead, BatchRecords, BatchRow } from './batch-records.ts';
import type { SettlementMetrics } from './settlement-metrics.ts';
import type { SettlementNeeds, SettlementOptions } from './settlement-needs.ts';
import { type BatchEvent, isOpen } from './settlement-state.ts';
import type { VersionHead } from './signed-transactions.ts';
import {
  type Round,
  rebroadcastMs,
  type SignedBatch,
  type TransactionDesk,
} from './transaction-desk.ts';

const maxMined = 10_000;

/** What pursuing transactions is given. */
export interface PursuitNeeds
  extends Pick<SettlementNeeds, 'db' | 'client' | 'signer' | 'logger' | 'nowMs'> {
  readonly records: BatchRecords;
  readonly metrics: Pick<SettlementMetrics, 'nonceConflicts'>;
  readonly desk: TransactionDesk;
  readonly dispatch: BatchDispatch;
  readonly failures: BatchFailures;
}

/** Brings a batch whose transaction is kept to its end, whatever became of the transaction. */
export class TransactionPursuit {
  readonly #options: SettlementOptions;
  readonly #needs: PursuitNeeds;
  readonly #minedAtMs = new Map<Hex, number>();

  constructor(options: SettlementOptions, needs: PursuitNeeds) {
    this.#options = options;
    this.#needs = needs;
  }

  /**
   * Finds out where a kept transaction stands, and does what its standing asks for.
   *
   * @throws viem errors when the RPC fails
   */
  async pursue(
    batch: SignedBatch,
    versions: readonly VersionHead[],
    { round, finalNumber }: { readonly round: Round; readonly finalNumber: bigint },
  ): Promise<void> {
    // Not in the chain yet, so that there is no receipt to ask for.
    if (round.usedCount <= batch.nonce) return this.#push(batch, versions, round);
    if ((await round.usedCountAt(finalNumber)) <= batch.nonce) {
      // Mined, as of all that is known, and not final: the follower judges it by its events then.
      const { transactionHash } = batch;
      if (batch.state === 'affirmed')
        await this.#apply(batch, { kind: 'broadcast', transactionHash });
      return;
    }
    // Final, and the follower took in every event until there: it did not settle by them.
    if (this.#isMined(batch.transactionHash)) return;
    // Newest first; any version may be the one that was mined.
    const hashes = new Set([
      batch.transactionHash,
      ...versions.toReversed().map(({ hash }) => hash),
    ]);
    const receipt = await this.#findReceipt([...hashes]);
    if (receipt) {
      const { transactionHash, blockNumber } = receipt;
      if (batch.state === 'affirmed' || batch.transactionHash !== transactionHash) {
        await this.#apply(batch, { kind: 'broadcast', transactionHash });
      }
      // A success is judged by its events, which the follower takes in.
      if (receipt.status === 'success') this.#noteMined(transactionHash);
      if (receipt.status === 'success' || blockNumber > finalNumber) return;
      const reason = await revertReasonOf(this.#needs.client, this.#needs.signer.address, {
        ...{ batch: await this.#whole(batch), receipt, domain: this.#options },
        gasPerLeg: this.#options.gasPerLeg,
      });
      return this.#needs.failures.fail(batch, {
        ...reason,
        transactionHash,
        blockNumber: Number(blockNumber),
      });
    }
    return this.#replace(batch, round);
  }

  /** A transaction that was mined well is looked for again only now and then: blocks may be taken back. */
  #isMined(hash: Hex): boolean {
    return this.#needs.nowMs() < (this.#minedAtMs.get(hash) ?? -rebroadcastMs) + rebroadcastMs;
  }

  #noteMined(hash: Hex): void {
    if (this.#minedAtMs.size >= maxMined) this.#minedAtMs.clear();
    this.#minedAtMs.set(hash, this.#needs.nowMs());
  }

  async #push(batch: SignedBatch, versions: readonly VersionHead[], round: Round): Promise<void> {
    const newest = versions.at(-1);
    // Later nonces wait for this one, and are not stuck themselves.
    const isFirst = round.usedCount === batch.nonce;
    if (newest && isFirst && this.#needs.desk.isStuck(newest))
      await this.#bump(batch, newest, round);
    else await this.#needs.dispatch.broadcast(batch);
  }

  /** The same transaction at a higher price; the one that was signed before stays good, and counts. */
  async #bump(batch: SignedBatch, before: VersionHead, round: Round): Promise<void> {
    const terms = await this.#needs.desk.bumpedFees(before, round);
    if (terms === undefined) return this.#needs.dispatch.broadcast(batch);
    const version = await this.#needs.desk.signVersion(await this.#whole(batch), terms);
    await this.#needs.dispatch.broadcast(version);
  }

  /** Another transaction took the nonce. Whether the trades are settled decides what is left to do. */
  async #replace(batch: SignedBatch, round: Round): Promise<void> {
    const whole = await this.#whole(batch);
    const done = await legsDone(this.#needs.client, this.#options.settlement, whole);
    if (!done.includes(true)) {
      if (isPastDeadline(batch, this.#needs.nowMs())) {
        return this.#needs.failures.fail(batch, lateFailure(batch));
      }
      const { logger, metrics } = this.#needs;
      metrics.nonceConflicts.inc();
      logger.warn(
        { batchId: batch.id, nonce: batch.nonce },
        'nonce was used elsewhere, signing again',
      );
      return this.#needs.dispatch.send(await this.#needs.desk.sign([whole], round));
    }
    // Under this batch's id the follower settles it. Where it has taken in the trades and the batch
    // is open all the same, they settled under another id.
    const legs = await this.#needs.db
      .select()
      .from(settlementLegs)
      .where(eq(settlementLegs.batchId, batch.id));
    const elsewhere = legs.find((leg) => leg.state === 'settled');
    const [current] = await this.#needs.db
      .select({ state: settlementBatches.state })
      .from(settlementBatches)
      .where(eq(settlementBatches.id, batch.id));
    if (!elsewhere || !current || !isOpen(current.state)) return;
    await this.#needs.failures.fail(batch, {
      code: 'TRADE_ALREADY_SETTLED',
      reason: `Trade ${elsewhere.tradeNumber} of ${elsewhere.executingVenue} has already settled in another batch.`,
    });
  }

  async #findReceipt(hashes: readonly Hex[]): Promise<TransactionReceipt | undefined> {
    for (const hash of hashes) {
      try {
        return await getTransactionReceipt(this.#needs.client, { hash });
      } catch (error) {
        if (!(error instanceof TransactionReceiptNotFoundError)) throw error;
      }
    }
    return undefined;
  }

  async #apply(batch: BatchHead, event: BatchEvent): Promise<void> {
    await this.#needs.db.transaction((tx) => this.#needs.records.apply(tx, batch.id, event));
  }

  async #whole({ id }: BatchHead): Promise<BatchRow> {
    const [row] = await this.#needs.db
      .select()
      .from(settlementBatches)
      .where(eq(settlementBatches.id, id));
    invariant(row !== undefined, 'A batch stays.', { id });
    return row;
  }
}
