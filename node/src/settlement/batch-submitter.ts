import {
  decodeRevertReason,
  encodeSettle,
  revertDataOf,
  settleGasLimit,
  settlementAbi,
  settlementGas,
  slugToBytes32,
} from '@stoa/contracts';
import { and, asc, eq, inArray, max } from 'drizzle-orm';
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

/** Brings affirmed batches onto the chain. The only writer of the signer's nonces. */
export interface BatchSubmitter {
  /**
   * One round over all open batches of this home, oldest first. To be called again and again, never
   * twice at a time; it begins where any crash left things.
   *
   * @throws viem errors when the RPC fails; nothing is lost by it
   */
  step(finalNumber: bigint): Promise<void>;
}

/** A batch whose transaction is signed and kept. */
type SignedBatch = BatchRow & {
  readonly rawTransaction: Hex;
  readonly transactionHash: Hex;
  readonly nonce: number;
};

const maxOpenBatches = 50;
/** A transaction that is in no block is offered again after this long. */
const rebroadcastMs = 2_000;

export function createBatchSubmitter(
  options: SettlementOptions,
  needs: Pick<SettlementNeeds, 'db' | 'client' | 'signer' | 'logger' | 'nowMs'> & {
    readonly records: BatchRecords;
  },
): BatchSubmitter {
  const { db, client, signer, records, logger } = needs;
  const broadcastAtMs = new Map<Hex, number>();

  async function step(finalNumber: bigint): Promise<void> {
    const open = await db
      .select()
      .from(settlementBatches)
      .where(
        and(
          eq(settlementBatches.role, 'home'),
          inArray(settlementBatches.state, ['instructed', 'affirmed', 'submitted']),
        ),
      )
      // Kept transactions first and by nonce: the chain takes them in no other order.
      .orderBy(asc(settlementBatches.nonce), asc(settlementBatches.createdAtMs))
      .limit(maxOpenBatches);
    for (const batch of open) {
      if (isSigned(batch)) await pursue(batch, finalNumber);
      else if (isPastDeadline(batch)) await fail(batch, lateFailure(batch));
      else if (batch.state === 'affirmed') await broadcast(await sign(batch));
    }
  }

  const isPastDeadline = (batch: BatchRow) => needs.nowMs() / 1_000 > batch.deadline;

  async function fail(batch: BatchRow, failure: Omit<BatchEvent & { kind: 'failed' }, 'kind'>) {
    await apply(batch, { kind: 'failed', ...failure });
    logger.warn({ batchId: batch.id, code: failure.code }, 'settlement failed');
  }

  const apply = (batch: BatchRow, event: BatchEvent) =>
    db.transaction((tx) => records.apply(tx, batch.id, event));

  /** Signs a transaction with the next nonce and keeps it; only then may it leave this process. */
  async function sign(batch: BatchRow): Promise<SignedBatch> {
    const [block, tip, pendingCount, kept] = await Promise.all([
      getBlock(client, { blockTag: 'latest' }),
      estimateMaxPriorityFeePerGas(client),
      getTransactionCount(client, { address: signer.address, blockTag: 'pending' }),
      db
        .select({ nonce: max(settlementBatches.nonce) })
        .from(settlementBatches)
        .where(eq(settlementBatches.sender, signer.address)),
    ]);
    const nonce = Math.max(pendingCount, (kept[0]?.nonce ?? -1) + 1);
    const groups = [batch.legs.map(legFromMessage)];
    const perLeg = options.gasPerLeg ?? settlementGas.perLeg;
    const rawTransaction = await signer.signTransaction({
      type: 'eip1559',
      chainId: options.chainId,
      nonce,
      to: options.settlement,
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
      sender: signer.address,
      nonce,
      rawTransaction,
      transactionHash: keccak256(rawTransaction),
      earlierHashes:
        batch.transactionHash === null
          ? batch.earlierHashes
          : [...batch.earlierHashes, batch.transactionHash],
    };
    await db.update(settlementBatches).set(transaction).where(eq(settlementBatches.id, batch.id));
    logger.info(
      { batchId: batch.id, nonce, transactionHash: transaction.transactionHash },
      'settlement signed',
    );
    return { ...batch, ...transaction };
  }

  async function broadcast(batch: SignedBatch): Promise<void> {
    const { transactionHash } = batch;
    broadcastAtMs.set(transactionHash, needs.nowMs());
    try {
      await sendRawTransaction(client, { serializedTransaction: batch.rawTransaction });
    } catch (error) {
      const text = error instanceof Error ? error.message : '';
      // Its nonce is in the chain: the next round finds out whose transaction that was.
      if (/nonce too low/i.test(text)) return;
      if (!/already (known|imported)/i.test(text)) throw error;
    }
    await apply(batch, { kind: 'broadcast', transactionHash });
  }

  /** Finds out where a kept transaction stands, and does what its standing asks for. */
  async function pursue(batch: SignedBatch, finalNumber: bigint): Promise<void> {
    // The count first: a receipt that is missing after it was never going to come.
    const usedCount = await getTransactionCount(client, {
      address: signer.address,
      blockTag: 'latest',
    });
    const receipt = await findReceipt([batch.transactionHash, ...batch.earlierHashes]);
    if (receipt) {
      const { transactionHash, blockNumber } = receipt;
      if (batch.state === 'affirmed') await apply(batch, { kind: 'broadcast', transactionHash });
      // A success is judged by its events, which the follower takes in.
      if (receipt.status === 'success' || blockNumber > finalNumber) return;
      const reason = await revertReason(batch, receipt);
      return fail(batch, { ...reason, transactionHash, blockNumber: Number(blockNumber) });
    }
    if (usedCount > batch.nonce) return replace(batch);
    const dueAtMs = (broadcastAtMs.get(batch.transactionHash) ?? -rebroadcastMs) + rebroadcastMs;
    if (needs.nowMs() >= dueAtMs) await broadcast(batch);
  }

  /** Another transaction took the nonce. Whether the trades are settled decides what is left to do. */
  async function replace(batch: SignedBatch): Promise<void> {
    const settled = await readContract(client, {
      address: options.settlement,
      abi: settlementAbi,
      functionName: 'areSettled',
      args: [
        batch.legs.map((leg) => slugToBytes32(leg.executingVenue)),
        batch.legs.map((leg) => BigInt(leg.tradeNumber)),
      ],
    });
    if (!settled.includes(true)) {
      if (isPastDeadline(batch)) return fail(batch, lateFailure(batch));
      logger.warn(
        { batchId: batch.id, nonce: batch.nonce },
        'nonce was used elsewhere, signing again',
      );
      return broadcast(await sign(batch));
    }
    // Under this batch's id the follower settles it. Where it has taken in the trades and the batch
    // is open all the same, they settled under another id.
    const legs = await db.select().from(settlementLegs).where(eq(settlementLegs.batchId, batch.id));
    const elsewhere = legs.find((leg) => leg.state === 'settled');
    const [current] = await db
      .select({ state: settlementBatches.state })
      .from(settlementBatches)
      .where(eq(settlementBatches.id, batch.id));
    if (!elsewhere || !current || !isOpen(current.state)) return;
    await fail(batch, {
      code: 'TRADE_ALREADY_SETTLED',
      reason: `Trade ${elsewhere.tradeNumber} of ${elsewhere.executingVenue} has already settled in another batch.`,
    });
  }

  async function findReceipt(hashes: readonly Hex[]): Promise<TransactionReceipt | undefined> {
    for (const hash of hashes) {
      try {
        return await getTransactionReceipt(client, { hash });
      } catch (error) {
        if (!(error instanceof TransactionReceiptNotFoundError)) throw error;
      }
    }
    return undefined;
  }

  /** The whole transaction reverted; a receipt does not say why, so the call is made again. */
  async function revertReason(batch: SignedBatch, receipt: TransactionReceipt) {
    const groups = [batch.legs.map(legFromMessage)];
    const perLeg = options.gasPerLeg ?? settlementGas.perLeg;
    const { id: batchId, signatures } = batch;
    try {
      await call(client, {
        account: signer.address,
        to: options.settlement,
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

  return { step };
}

function isSigned(batch: BatchRow): batch is SignedBatch {
  return batch.rawTransaction !== null && batch.transactionHash !== null && batch.nonce !== null;
}

function lateFailure(batch: BatchRow) {
  return batch.state === 'instructed'
    ? { code: 'AFFIRMATION_MISSING', reason: 'Not every venue signed before the deadline.' }
    : { code: 'DEADLINE_PASSED', reason: 'The batch did not reach the chain before its deadline.' };
}
