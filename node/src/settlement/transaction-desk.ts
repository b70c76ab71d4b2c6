import { invariant } from '@stoa/schema';
import { eq } from 'drizzle-orm';
import { type Hex, keccak256 } from 'viem';
import { getTransactionCount, sendRawTransaction } from 'viem/actions';
import type { Transaction } from '../store/database.ts';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { settlementTransactions } from '../store/tables/settlement-transactions.ts';
import { issue } from '../store/transactions.ts';
import { batchCall } from './batch-call.ts';
import type { BatchHead, BatchRow } from './batch-records.ts';
import type { SettlementMetrics } from './settlement-metrics.ts';
import type { SettlementNeeds, SettlementOptions } from './settlement-needs.ts';
import {
  bumpedFees,
  currentFees,
  type Fees,
  mostVersions,
  nextUnsignedNonce,
  type SignedVersion,
  type VersionHead,
} from './signed-transactions.ts';

/** A batch whose transaction is signed and kept. */
export type SignedBatch = BatchHead & {
  readonly transactionHash: Hex;
  readonly nonce: number;
  /** Where it is at hand; it is long. */
  readonly rawTransaction?: Hex;
};

/** A transaction that is in no block is offered again after this long. */
export const rebroadcastMs = 2_000;
const maxOffered = 10_000;
const defaultStuckAfterMs = 30_000;
const defaultMaxFeePerGas = 500_000_000_000n;

/** What holds for all transactions of one round: asked for once, and only where something is signed. */
export interface Round {
  /** Transactions of the signer that are in the chain. */
  readonly usedCount: number;
  /** The same as of a block; asked for once a round. */
  readonly usedCountAt: (blockNumber: bigint) => Promise<number>;
  readonly fees: () => Promise<Fees>;
  readonly takeNonce: () => Promise<number>;
}

export interface VersionTerms {
  readonly nonce: number;
  readonly fees: Fees;
  /** 1, and one more for every version of the same nonce. */
  readonly version: number;
}

/** What signing and sending is given. */
export type DeskNeeds = Pick<SettlementNeeds, 'db' | 'client' | 'signer' | 'logger' | 'nowMs'> & {
  readonly metrics: Pick<SettlementMetrics, 'feeBumps'>;
};

/** Signs, keeps and sends transactions. The only writer of the signer's nonces. */
export class TransactionDesk {
  readonly #options: SettlementOptions;
  readonly #needs: DeskNeeds;
  readonly #offeredAtMs = new Map<Hex, number>();

  constructor(options: SettlementOptions, needs: DeskNeeds) {
    this.#options = options;
    this.#needs = needs;
  }

  /**
   * Begins a round.
   *
   * @throws viem errors when the RPC fails
   */
  async round(): Promise<Round> {
    const { client, db, signer } = this.#needs;
    const { address } = signer;
    let fees: Promise<Fees> | undefined;
    let nonce: number | undefined;
    let usedAt: { readonly blockNumber: bigint; readonly count: Promise<number> } | undefined;
    const usedCount = await getTransactionCount(client, { address, blockTag: 'latest' });
    return {
      usedCount,
      usedCountAt: (blockNumber) => {
        if (usedAt?.blockNumber !== blockNumber) {
          usedAt = { blockNumber, count: getTransactionCount(client, { address, blockNumber }) };
        }
        return usedAt.count;
      },
      fees: () => {
        fees ??= currentFees(client, this.#feeCap);
        return fees;
      },
      takeNonce: async () => {
        nonce ??= Math.max(
          await getTransactionCount(client, { address, blockTag: 'pending' }),
          await nextUnsignedNonce(db, address),
        );
        nonce += 1;
        return nonce - 1;
      },
    };
  }

  get #feeCap(): bigint {
    return this.#options.maxFeePerGas ?? defaultMaxFeePerGas;
  }

  /** Signs first versions, keeps them in one transaction, and only then gives them away. */
  async sign(batches: readonly BatchRow[], round: Round): Promise<SignedBatch[]> {
    const fees = await round.fees();
    return this.#needs.db.transaction(async (tx) => {
      const signed: SignedBatch[] = [];
      for (const batch of batches) {
        const nonce = await round.takeNonce();
        signed.push(await this.#signVersion(tx, batch, { nonce, fees, version: 1 }));
      }
      return signed;
    });
  }

  /** Signs a further version and keeps it; only then may it leave this process. */
  signVersion(batch: BatchRow, terms: VersionTerms): Promise<SignedBatch> {
    return this.#needs.db.transaction((tx) => this.#signVersion(tx, batch, terms));
  }

  async #signVersion(tx: Transaction, batch: BatchRow, terms: VersionTerms): Promise<SignedBatch> {
    const { rawTransaction, hash } = await this.keepVersion(tx, batch, terms);
    const earlierHashes =
      batch.transactionHash === null
        ? batch.earlierHashes
        : [...batch.earlierHashes, batch.transactionHash];
    const kept = {
      ...{ sender: this.#needs.signer.address, nonce: terms.nonce },
      ...{ transactionHash: hash, earlierHashes },
    };
    issue(tx, tx.update(settlementBatches).set(kept).where(eq(settlementBatches.id, batch.id)));
    return { ...batch, ...kept, rawTransaction };
  }

  async keepVersion(
    tx: Transaction,
    batch: BatchRow,
    { nonce, fees, version }: VersionTerms,
  ): Promise<SignedVersion> {
    const { chainId, settlement, gasPerLeg } = this.#options;
    const { signer, nowMs, logger } = this.#needs;
    const rawTransaction = await signer.signTransaction({
      ...{ type: 'eip1559', chainId, nonce, to: settlement },
      ...batchCall(batch, this.#options, gasPerLeg),
      ...fees,
    });
    const hash = keccak256(rawTransaction);
    const kept = {
      ...{ hash, batchId: batch.id, sender: signer.address, nonce, version },
      ...{ rawTransaction, ...fees, signedAtMs: nowMs() },
    };
    issue(tx, tx.insert(settlementTransactions).values(kept));
    logger.info({ batchId: batch.id, nonce, version, transactionHash: hash }, 'settlement signed');
    return kept;
  }

  async rawOf(hash: Hex): Promise<Hex> {
    const [row] = await this.#needs.db
      .select({ rawTransaction: settlementTransactions.rawTransaction })
      .from(settlementTransactions)
      .where(eq(settlementTransactions.hash, hash));
    invariant(row !== undefined, 'A signed transaction is kept.', { hash });
    return row.rawTransaction;
  }

  isDue(hash: Hex): boolean {
    const offeredAtMs = this.#offeredAtMs.get(hash) ?? -rebroadcastMs;
    return this.#needs.nowMs() >= offeredAtMs + rebroadcastMs;
  }

  /** Hands the bytes to the chain, where that is due; true when the chain has them. */
  async offer(hash: Hex, rawTransaction: Hex): Promise<boolean> {
    if (!this.isDue(hash)) return false;
    if (this.#offeredAtMs.size >= maxOffered) this.#offeredAtMs.clear();
    this.#offeredAtMs.set(hash, this.#needs.nowMs());
    try {
      await sendRawTransaction(this.#needs.client, { serializedTransaction: rawTransaction });
    } catch (error) {
      const text = error instanceof Error ? error.message : '';
      // Its nonce is in the chain: the next round finds out whose transaction that was.
      if (/nonce too low/i.test(text)) return false;
      if (/already ?(known|imported)/i.test(text)) return true;
      // A version with higher fees waits there already.
      if (/underpriced/i.test(text)) return true;
      this.#offeredAtMs.delete(hash);
      throw error;
    }
    return true;
  }

  isStuck({ signedAtMs }: VersionHead): boolean {
    return this.#needs.nowMs() >= signedAtMs + (this.#options.stuckAfterMs ?? defaultStuckAfterMs);
  }

  /** Fees for a version in the place of another; undefined where that one has to do. */
  async bumpedFees(before: VersionHead, round: Round): Promise<VersionTerms | undefined> {
    const { nonce, version, batchId } = before;
    if (version >= mostVersions) return undefined;
    const fees = bumpedFees(before, await round.fees(), this.#feeCap);
    if (fees === undefined) return undefined;
    const { metrics, logger } = this.#needs;
    metrics.feeBumps.inc();
    logger.warn({ batchId, nonce, version: version + 1 }, 'transaction is stuck, fees raised');
    return { nonce, fees, version: version + 1 };
  }
}
