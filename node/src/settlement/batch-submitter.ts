import {
  decodeRevertReason,
  encodeSettle,
  revertDataOf,
  settleGasLimit,
  settlementAbi,
  settlementGas,
  slugToBytes32,
} from '@stoa/contracts';
import { and, asc, eq, gte, inArray, lt, max } from 'drizzle-orm';
import {
  type Hex,
  keccak256,
  type TransactionReceipt,
  TransactionReceiptNotFoundError,
} from 'viem';
import {
  call,
  estimateMaxPriorityFeePerGas,
  getBlock,
  getTransactionCount,
  getTransactionReceipt,
  readContract,
  sendRawTransaction,
} from 'viem/actions';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import { legFromMessage } from './batch-composition.ts';
import type { BatchRecords, BatchRow } from './batch-records.ts';
import type { SettlementNeeds, SettlementOptions } from './settlement-needs.ts';
import { type BatchEvent, isOpen } from './settlement-state.ts';

/** A batch whose transaction is signed and kept. */
type SignedBatch = BatchRow & {
  readonly rawTransaction: Hex;
  readonly transactionHash: Hex;
  readonly nonce: number;
};

const maxOpenBatches = 50;
/** A transaction that is in no block is offered again after this long. */
const rebroadcastMs = 2_000;
const maxOffered = 10_000;

/** What submitting is given. */
export type SubmitterNeeds = Pick<
  SettlementNeeds,
  'db' | 'client' | 'signer' | 'logger' | 'nowMs'
> & {
  readonly records: BatchRecords;
};

/** Brings affirmed batches onto the chain. The only writer of the signer's nonces. */
export class BatchSubmitter {
  readonly #options: SettlementOptions;
  readonly #needs: SubmitterNeeds;
  readonly #offeredAtMs = new Map<Hex, number>();

  constructor(options: SettlementOptions, needs: SubmitterNeeds) {
    this.#options = options;
    this.#needs = needs;
  }

  /**
   * One round over all open batches of this home, oldest first. To be called again and again, never
   * twice at a time; it begins where any crash left things.
   *
   * @throws viem errors when the RPC fails; nothing is lost by it
   */
  async step(finalNumber: bigint): Promise<void> {
    await this.#failUnsigned();
    const open = await this.#needs.db
      .select()
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
    const usedCount = await getTransactionCount(this.#needs.client, {
      address: this.#needs.signer.address,
      blockTag: 'latest',
    });
    await this.#closeGaps(usedCount);
    for (const batch of open) {
      if (isSigned(batch)) await this.#pursue(batch, usedCount, finalNumber);
      else if (this.#isPastDeadline(batch)) await this.#fail(batch, lateFailure(batch));
      else await this.#broadcast(await this.#sign(batch));
    }
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
  async #closeGaps(usedCount: number): Promise<void> {
    const unsent = await this.#needs.db
      .select()
      .from(settlementBatches)
      .where(
        and(
          eq(settlementBatches.sender, this.#needs.signer.address),
          gte(settlementBatches.nonce, usedCount),
          inArray(settlementBatches.state, ['settled', 'failed']),
        ),
      )
      .orderBy(asc(settlementBatches.nonce))
      .limit(maxOpenBatches);
    for (const { rawTransaction } of unsent) {
      if (rawTransaction !== null) await this.#offer(rawTransaction);
    }
  }

  #isPastDeadline(batch: BatchRow): boolean {
    return this.#needs.nowMs() / 1_000 > batch.deadline;
  }

  async #fail(batch: BatchRow, failure: Omit<BatchEvent & { kind: 'failed' }, 'kind'>) {
    await this.#apply(batch, { kind: 'failed', ...failure });
    this.#needs.logger.warn({ batchId: batch.id, code: failure.code }, 'settlement failed');
  }

  async #apply(batch: BatchRow, event: BatchEvent): Promise<void> {
    await this.#needs.db.transaction((tx) => this.#needs.records.apply(tx, batch.id, event));
  }

  /** Signs a transaction with the next nonce and keeps it; only then may it leave this process. */
  async #sign(batch: BatchRow): Promise<SignedBatch> {
    const [block, tip, pendingCount, kept] = await Promise.all([
      getBlock(this.#needs.client, { blockTag: 'latest' }),
      estimateMaxPriorityFeePerGas(this.#needs.client),
      getTransactionCount(this.#needs.client, {
        address: this.#needs.signer.address,
        blockTag: 'pending',
      }),
      this.#needs.db
        .select({ nonce: max(settlementBatches.nonce) })
        .from(settlementBatches)
        .where(eq(settlementBatches.sender, this.#needs.signer.address)),
    ]);
    const nonce = Math.max(pendingCount, (kept[0]?.nonce ?? -1) + 1);
    const groups = [batch.legs.map(legFromMessage)];
    const perLeg = this.#options.gasPerLeg ?? settlementGas.perLeg;
    const rawTransaction = await this.#needs.signer.signTransaction({
      type: 'eip1559',
      chainId: this.#options.chainId,
      nonce,
      to: this.#options.settlement,
      data: encodeSettle({
        batchId: batch.id,
        groups,
        signatures: batch.signatures,
        minGasPerLeg: perLeg,
      }),
      // By formula: an estimate finds the gas at which the group fails and the transaction succeeds.
      gas: settleGasLimit(groups, perLeg),
      // Twice the base fee stays enough for six full blocks in a row (EIP-1559: +1/8 each).
      maxFeePerGas: 2n * (block.baseFeePerGas ?? 0n) + tip,
      maxPriorityFeePerGas: tip,
    });
    const transaction = {
      sender: this.#needs.signer.address,
      nonce,
      rawTransaction,
      transactionHash: keccak256(rawTransaction),
      earlierHashes:
        batch.transactionHash === null
          ? batch.earlierHashes
          : [...batch.earlierHashes, batch.transactionHash],
    };
    await this.#needs.db
      .update(settlementBatches)
      .set(transaction)
      .where(eq(settlementBatches.id, batch.id));
    this.#needs.logger.info(
      { batchId: batch.id, nonce, transactionHash: transaction.transactionHash },
      'settlement signed',
    );
    return { ...batch, ...transaction };
  }

  async #broadcast(batch: SignedBatch): Promise<void> {
    const { transactionHash, rawTransaction } = batch;
    if (await this.#offer(rawTransaction)) {
      await this.#apply(batch, { kind: 'broadcast', transactionHash });
    }
  }

  /** Hands the bytes to the chain, where that is due; true when the chain has them. */
  async #offer(rawTransaction: Hex): Promise<boolean> {
    const hash = keccak256(rawTransaction);
    const nowMs = this.#needs.nowMs();
    if (nowMs < (this.#offeredAtMs.get(hash) ?? -rebroadcastMs) + rebroadcastMs) return false;
    if (this.#offeredAtMs.size >= maxOffered) this.#offeredAtMs.clear();
    this.#offeredAtMs.set(hash, nowMs);
    try {
      await sendRawTransaction(this.#needs.client, { serializedTransaction: rawTransaction });
    } catch (error) {
      const text = error instanceof Error ? error.message : '';
      // Its nonce is in the chain: the next round finds out whose transaction that was.
      if (/nonce too low/i.test(text)) return false;
      if (/already ?(known|imported)/i.test(text)) return true;
      this.#offeredAtMs.delete(hash);
      throw error;
    }
    return true;
  }

  /** Finds out where a kept transaction stands, and does what its standing asks for. */
  async #pursue(batch: SignedBatch, usedCount: number, finalNumber: bigint): Promise<void> {
    const receipt = await this.#findReceipt([batch.transactionHash, ...batch.earlierHashes]);
    if (receipt) {
      const { transactionHash, blockNumber } = receipt;
      if (batch.state === 'affirmed') {
        await this.#apply(batch, { kind: 'broadcast', transactionHash });
      }
      // A success is judged by its events, which the follower takes in.
      if (receipt.status === 'success' || blockNumber > finalNumber) return;
      const reason = await this.#revertReason(batch, receipt);
      return this.#fail(batch, { ...reason, transactionHash, blockNumber: Number(blockNumber) });
    }
    if (usedCount > batch.nonce) return this.#replace(batch);
    return this.#broadcast(batch);
  }

  /** Another transaction took the nonce. Whether the trades are settled decides what is left to do. */
  async #replace(batch: SignedBatch): Promise<void> {
    const settled = await readContract(this.#needs.client, {
      address: this.#options.settlement,
      abi: settlementAbi,
      functionName: 'areSettled',
      args: [
        batch.legs.map((leg) => slugToBytes32(leg.executingVenue)),
        batch.legs.map((leg) => BigInt(leg.tradeNumber)),
      ],
    });
    if (!settled.includes(true)) {
      if (this.#isPastDeadline(batch)) return this.#fail(batch, lateFailure(batch));
      this.#needs.logger.warn(
        { batchId: batch.id, nonce: batch.nonce },
        'nonce was used elsewhere, signing again',
      );
      return this.#broadcast(await this.#sign(batch));
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

  /** The whole transaction reverted; a receipt does not say why, so the call is made again. */
  async #revertReason(batch: SignedBatch, receipt: TransactionReceipt) {
    const groups = [batch.legs.map(legFromMessage)];
    const perLeg = this.#options.gasPerLeg ?? settlementGas.perLeg;
    const { id: batchId, signatures } = batch;
    try {
      await call(this.#needs.client, {
        account: this.#needs.signer.address,
        to: this.#options.settlement,
        data: encodeSettle({ batchId, groups, signatures, minGasPerLeg: perLeg }),
        gas:
          receipt.gasUsed > settleGasLimit(groups, perLeg)
            ? receipt.gasUsed
            : settleGasLimit(groups, perLeg),
        blockNumber: receipt.blockNumber,
      });
    } catch (error) {
      const data = revertDataOf(error);
      // Without revert data this was the RPC failing, which the next round tries again.
      if (data === undefined) throw error;
      const { code, message } = decodeRevertReason(data);
      return { code, reason: message };
    }
    return {
      code: 'REVERTED',
      reason: 'The transaction reverted, and would not have done so again.',
    };
  }
}

function isSigned(batch: BatchRow): batch is SignedBatch {
  return batch.rawTransaction !== null && batch.transactionHash !== null && batch.nonce !== null;
}

function lateFailure(batch: BatchRow) {
  return batch.state === 'instructed'
    ? { code: 'AFFIRMATION_MISSING', reason: 'Not every venue signed before the deadline.' }
    : { code: 'DEADLINE_PASSED', reason: 'The batch did not reach the chain before its deadline.' };
}
