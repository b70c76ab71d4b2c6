import { invariant } from '@stoa/schema';
import { and, asc, desc, eq, gte, inArray, isNotNull, lt, notExists } from 'drizzle-orm';
import { type Hex, type TransactionReceipt, TransactionReceiptNotFoundError } from 'viem';
import { getTransactionReceipt } from 'viem/actions';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import { settlementTransactions } from '../store/tables/settlement-transactions.ts';
import { legsDone, revertReasonOf } from './batch-call.ts';
import {
  type BatchHead,
  type BatchRecords,
  type BatchRow,
  batchHead,
  type LegRow,
  lockHead,
} from './batch-records.ts';
import type { SettlementMetrics } from './settlement-metrics.ts';
import type { SettlementNeeds, SettlementOptions } from './settlement-needs.ts';
import { type BatchEvent, isOpen } from './settlement-state.ts';
import { readVersions, type SignedVersion, type VersionHead } from './signed-transactions.ts';
import {
  type Round,
  rebroadcastMs,
  type SignedBatch,
  TransactionDesk,
} from './transaction-desk.ts';

const maxOpenBatches = 50;
const maxMined = 10_000;
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
  readonly #options: SettlementOptions;
  readonly #needs: SubmitterNeeds;
  readonly #desk: TransactionDesk;
  readonly #minedAtMs = new Map<Hex, number>();
  #failure: { readonly error: unknown } | undefined;

  constructor(options: SettlementOptions, needs: SubmitterNeeds) {
    this.#options = options;
    this.#needs = needs;
    this.#desk = new TransactionDesk(options, needs);
  }

  /**
   * One round over all open batches of this home, oldest first. To be called again and again, never
   * twice at a time; it begins where any crash left things.
   *
   * @throws viem errors when the RPC fails; nothing is lost by it
   */
  async step(finalNumber: bigint): Promise<void> {
    this.#throwFailure();
    await this.#failUnsigned();
    if (this.#minedAtMs.size >= maxMined) this.#minedAtMs.clear();
    const open = await this.#needs.db
      .select(batchHead)
      .from(settlementBatches)
      .where(
        and(
          eq(settlementBatches.role, 'home'),
          inArray(settlementBatches.state, ['affirmed', 'submitted']),
        ),
      )
      // Kept transactions first and by nonce: the chain takes them in no other order.
      .orderBy(asc(settlementBatches.nonce), asc(settlementBatches.createdAtMs))
      .limit(maxOpenBatches);
    if (open.length === 0) return;
    // Asked before any receipt: one that is missing although the count has passed its nonce was
    // never going to come.
    const round = await this.#desk.round();
    await this.#closeGaps(round);
    const signed = open.filter(isSigned);
    const ids = signed.map(({ id }) => id);
    const versions = Map.groupBy(await readVersions(this.#needs.db, ids), ({ batchId }) => batchId);
    for (const batch of signed) {
      const own = (versions.get(batch.id) ?? []).filter(({ nonce }) => nonce === batch.nonce);
      await this.#pursue(batch, own, round, finalNumber);
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
      if (leg) await this.#fail(batch, withdrawnFailure(leg));
      else if (this.#isPastDeadline(batch)) await this.#fail(batch, lateFailure(batch));
      else ready.push(batch.id);
    }
    if (ready.length === 0) return;
    const whole = await this.#needs.db
      .select()
      .from(settlementBatches)
      .where(inArray(settlementBatches.id, ready))
      .orderBy(asc(settlementBatches.createdAtMs));
    this.#send(await this.#desk.sign(whole, round));
  }

  /**
   * While the chain takes batches in, the next are being signed and what was mined is being read: nobody
   * waits for the answer. The chain sorts transactions by their nonces; what fails is this round's or the
   * next one's failure, and offered again.
   */
  #send(batches: readonly SignedBatch[]): void {
    const note = (error: unknown): false => {
      this.#failure ??= { error };
      return false;
    };
    const offers = batches.map(async (batch) =>
      (await this.#offer(batch).catch(note)) ? [batch] : [],
    );
    Promise.all(offers)
      .then((accepted) => this.#noteSubmitted(accepted.flat()))
      .catch(note);
  }

  #throwFailure(): void {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure) throw failure.error;
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
          eq(settlementBatches.state, 'instructed'),
          lt(settlementBatches.deadline, Math.floor(this.#needs.nowMs() / 1_000)),
        ),
      )
      .limit(maxOpenBatches);
    for (const batch of late) await this.#fail(batch, lateFailure(batch));
  }

  /**
   * Sends what was signed for batches that somebody else brought to their end meanwhile. It changes
   * nothing but the nonce, for which all later transactions would wait.
   */
  async #closeGaps(round: Round): Promise<void> {
    const { db, signer } = this.#needs;
    const ended = db
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
          notExists(ended),
        ),
      )
      .orderBy(asc(settlementTransactions.nonce), desc(settlementTransactions.version))
      .limit(maxOpenBatches);
    const newest = new Map(unsent.toReversed().map((one) => [one.nonce, one]));
    for (const version of [...newest.values()].toReversed()) {
      const isStuck = version.nonce === round.usedCount && this.#desk.isStuck(version);
      const next = isStuck ? await this.#bumpGap(version, round) : undefined;
      const { hash, rawTransaction } = next ?? version;
      await this.#desk.offer(hash, rawTransaction);
    }
  }

  /** Everything behind a gap waits for it: it is made dearer like a batch's own transaction. */
  async #bumpGap(before: SignedVersion, round: Round) {
    const terms = await this.#desk.bumpedFees(before, round);
    if (terms === undefined) return undefined;
    const [batch] = await this.#needs.db
      .select()
      .from(settlementBatches)
      .where(eq(settlementBatches.id, before.batchId));
    if (!batch) return undefined;
    return this.#needs.db.transaction((tx) => this.#desk.keepVersion(tx, batch, terms));
  }

  #isPastDeadline(batch: BatchHead): boolean {
    return this.#needs.nowMs() / 1_000 > batch.deadline;
  }

  async #fail(batch: BatchHead, failure: Omit<BatchEvent & { kind: 'failed' }, 'kind'>) {
    await this.#apply(batch, { kind: 'failed', ...failure });
    this.#needs.logger.warn({ batchId: batch.id, code: failure.code }, 'settlement failed');
  }

  async #apply(batch: BatchHead, event: BatchEvent): Promise<void> {
    await this.#needs.db.transaction((tx) => this.#needs.records.apply(tx, batch.id, event));
  }

  /** Hands a batch's transaction to the chain, where that is due. */
  async #broadcast(batch: SignedBatch): Promise<void> {
    if (await this.#offer(batch)) await this.#noteSubmitted([batch]);
  }

  async #offer({ transactionHash, rawTransaction }: SignedBatch): Promise<boolean> {
    if (!this.#desk.isDue(transactionHash)) return false;
    const bytes = rawTransaction ?? (await this.#desk.rawOf(transactionHash));
    return this.#desk.offer(transactionHash, bytes);
  }

  async #noteSubmitted(batches: readonly SignedBatch[]): Promise<void> {
    if (batches.length === 0) return;
    await this.#needs.db.transaction(async (tx) => {
      // In one order everywhere, so that two transactions never wait for each other.
      for (const { id, transactionHash } of batches.toSorted(byId)) {
        const now = await lockHead(tx, id);
        // The follower may have been faster.
        const isThis = now?.transactionHash === transactionHash;
        if (isThis && (now.state === 'affirmed' || now.state === 'submitted')) {
          await this.#needs.records.apply(tx, id, { kind: 'broadcast', transactionHash });
        }
      }
    });
  }

  async #whole({ id }: BatchHead): Promise<BatchRow> {
    const [row] = await this.#needs.db
      .select()
      .from(settlementBatches)
      .where(eq(settlementBatches.id, id));
    invariant(row !== undefined, 'A batch stays.', { id });
    return row;
  }

  /** Finds out where a kept transaction stands, and does what its standing asks for. */
  async #pursue(
    batch: SignedBatch,
    versions: readonly VersionHead[],
    round: Round,
    finalNumber: bigint,
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
      if (receipt.status === 'success') this.#minedAtMs.set(transactionHash, this.#needs.nowMs());
      if (receipt.status === 'success' || blockNumber > finalNumber) return;
      const reason = await revertReasonOf(this.#needs.client, this.#needs.signer.address, {
        ...{ batch: await this.#whole(batch), receipt, domain: this.#options },
        gasPerLeg: this.#options.gasPerLeg,
      });
      return this.#fail(batch, { ...reason, transactionHash, blockNumber: Number(blockNumber) });
    }
    return this.#replace(batch, round);
  }

  /** A transaction that was mined well is looked for again only now and then: blocks may be taken back. */
  #isMined(hash: Hex): boolean {
    return this.#needs.nowMs() < (this.#minedAtMs.get(hash) ?? -rebroadcastMs) + rebroadcastMs;
  }

  async #push(batch: SignedBatch, versions: readonly VersionHead[], round: Round): Promise<void> {
    const newest = versions.at(-1);
    // Later nonces wait for this one, and are not stuck themselves.
    const isFirst = round.usedCount === batch.nonce;
    if (newest && isFirst && this.#desk.isStuck(newest)) await this.#bump(batch, newest, round);
    else await this.#broadcast(batch);
  }

  /** The same transaction at a higher price; the one that was signed before stays good, and counts. */
  async #bump(batch: SignedBatch, before: VersionHead, round: Round): Promise<void> {
    const terms = await this.#desk.bumpedFees(before, round);
    if (terms === undefined) return this.#broadcast(batch);
    await this.#broadcast(await this.#desk.signVersion(await this.#whole(batch), terms));
  }

  /** Another transaction took the nonce. Whether the trades are settled decides what is left to do. */
  async #replace(batch: SignedBatch, round: Round): Promise<void> {
    const whole = await this.#whole(batch);
    const done = await legsDone(this.#needs.client, this.#options.settlement, whole);
    if (!done.includes(true)) {
      if (this.#isPastDeadline(batch)) return this.#fail(batch, lateFailure(batch));
      const { logger, metrics } = this.#needs;
      metrics.nonceConflicts.inc();
      logger.warn(
        { batchId: batch.id, nonce: batch.nonce },
        'nonce was used elsewhere, signing again',
      );
      return this.#send(await this.#desk.sign([whole], round));
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
    await this.#fail(batch, {
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
}

function isSigned(batch: BatchHead): batch is SignedBatch {
  return batch.transactionHash !== null && batch.nonce !== null;
}

function byId(one: BatchHead, other: BatchHead): number {
  return one.id < other.id ? -1 : 1;
}

function withdrawnFailure({ tradeNumber, executingVenue, reversal }: LegRow) {
  const what = `Trade ${tradeNumber} of ${executingVenue} was undone or corrected`;
  return { code: 'TRADE_WITHDRAWN', reason: `${what} (${reversal}) before its group was sent.` };
}

function lateFailure(batch: BatchHead) {
  return batch.state === 'instructed'
    ? { code: 'AFFIRMATION_MISSING', reason: 'Not every venue signed before the deadline.' }
    : { code: 'DEADLINE_PASSED', reason: 'The batch did not reach the chain before its deadline.' };
}
