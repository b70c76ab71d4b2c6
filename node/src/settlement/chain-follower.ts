import {
  decodeSettlementLogs,
  type FailedGroup,
  type SettledLeg,
  type SettlementLogs,
  settlementAbi,
  slugToBytes32,
} from '@stoa/contracts';
import { and, eq, inArray, lt } from 'drizzle-orm';
import { getAbiItem, type Hex } from 'viem';
import { getBlock, getLogs, readContract } from 'viem/actions';
import type { Transaction } from '../store/database.ts';
import { chainCursors } from '../store/tables/chain-cursors.ts';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import { lower } from './batch-composition.ts';
import {
  type BatchRecords,
  type BatchRow,
  type LegRow,
  lockBatch,
  lockLegs,
} from './batch-records.ts';
import type { SettlementMetrics } from './settlement-metrics.ts';
import type { SettlementNeeds, SettlementOptions } from './settlement-needs.ts';

/** Takes in what the final chain says, in ranges of blocks from a kept cursor; no subscription. */
export interface ChainFollower {
  /**
   * Takes in all that has become final since the last call.
   *
   * @returns the number of the final block
   */
  advance(): Promise<bigint>;
  /** Asks the chain about open trades one by one, for those that became known after their event. */
  sweep(): Promise<void>;
}

/** Wider ranges are refused by many nodes. */
const maxRangeBlocks = 2_000n;
/** How far back the sweep looks for the event of a trade that has settled. */
const sweepRangeBlocks = 10_000n;
const maxSweptLegs = 100;

const legSettled = getAbiItem({ abi: settlementAbi, name: 'LegSettled' });
const groupFailed = getAbiItem({ abi: settlementAbi, name: 'GroupFailed' });

export function createChainFollower(
  options: SettlementOptions,
  needs: Pick<SettlementNeeds, 'db' | 'client' | 'logger' | 'nowMs'> & {
    readonly records: BatchRecords;
    readonly metrics: SettlementMetrics;
  },
): ChainFollower {
  const { db, client, records } = needs;
  const contract = lower(options.settlement);
  let finalNumber: bigint | undefined;

  async function finalBlock() {
    if (options.finality === 'finalized') return getBlock(client, { blockTag: 'finalized' });
    const latest = await getBlock(client, { blockTag: 'latest' });
    const lag = BigInt(options.finality - 1);
    if (lag === 0n || latest.number < lag) return latest;
    return getBlock(client, { blockNumber: latest.number - lag });
  }

  async function advance(): Promise<bigint> {
    const final = await finalBlock();
    if (final.number === finalNumber) return final.number;
    const cursor = await readCursor();
    // A node that starts for the first time knows no trade, so nothing before now concerns it.
    let from = cursor ?? final.number;
    if (cursor === undefined) await db.transaction((tx) => setCursor(tx, final.number));
    while (from < final.number) {
      const toBlock = from + maxRangeBlocks < final.number ? from + maxRangeBlocks : final.number;
      const logs = await getLogs(client, {
        address: options.settlement,
        events: [legSettled, groupFailed],
        fromBlock: from + 1n,
        toBlock,
      });
      await db.transaction(async (tx) => {
        await record(tx, decodeSettlementLogs(logs, options.settlement));
        await setCursor(tx, toBlock);
      });
      from = toBlock;
    }
    await expire(Number(final.timestamp));
    finalNumber = final.number;
    return final.number;
  }

  async function readCursor(): Promise<bigint | undefined> {
    const [row] = await db.select().from(chainCursors).where(eq(chainCursors.contract, contract));
    return row && BigInt(row.blockNumber);
  }

  async function setCursor(tx: Transaction, blockNumber: bigint): Promise<void> {
    const position = { blockNumber: Number(blockNumber) };
    await tx
      .insert(chainCursors)
      .values({ contract, ...position })
      .onConflictDoUpdate({ target: chainCursors.contract, set: position });
  }

  async function record(tx: Transaction, logs: SettlementLogs): Promise<void> {
    for (const settled of logs.settled) await recordLeg(tx, settled);
    // After all legs: a batch is settled when each of its legs is.
    for (const settled of distinctBatches(logs.settled)) await recordBatch(tx, settled);
    for (const failed of logs.failed) await recordFailure(tx, failed);
  }

  async function recordLeg(tx: Transaction, settled: SettledLeg): Promise<void> {
    const tradeNumber = Number(settled.tradeNumber);
    const leg = (await lockLegs(tx, settled.executingVenue, [tradeNumber])).get(tradeNumber);
    if (!leg || leg.state === 'settled') return;
    if (!isAsRecorded(leg, settled)) {
      needs.metrics.discrepancies.inc();
      const { batchId, transactionHash } = settled;
      needs.logger.error(
        { venue: leg.executingVenue, tradeNumber, batchId, transactionHash },
        'trade settled on other terms than recorded',
      );
    }
    await tx
      .update(settlementLegs)
      .set({
        state: 'settled',
        code: null,
        reason: null,
        batchId: leg.batchId ?? settled.batchId,
        transactionHash: settled.transactionHash,
        blockNumber: Number(settled.blockNumber),
      })
      .where(
        and(
          eq(settlementLegs.executingVenue, leg.executingVenue),
          eq(settlementLegs.tradeNumber, tradeNumber),
        ),
      );
  }

  async function recordBatch(tx: Transaction, settled: SettledLeg): Promise<void> {
    const batch = await lockBatch(tx, settled.batchId);
    if (!batch) return;
    // All or none: the event of one leg is the event of every leg.
    const { batchId, transactionHash } = settled;
    const blockNumber = Number(settled.blockNumber);
    await records.apply(tx, batchId, { kind: 'settled', transactionHash, blockNumber });
    needs.logger.info({ batchId, transactionHash, blockNumber }, 'settlement final');
  }

  async function recordFailure(tx: Transaction, failed: FailedGroup): Promise<void> {
    const batch = await lockBatch(tx, failed.batchId);
    if (!batch || !isOurAttempt(batch, failed.transactionHash)) return;
    const { code, message } = failed.reason;
    await records.apply(tx, failed.batchId, {
      kind: 'failed',
      code,
      reason: message,
      transactionHash: failed.transactionHash,
      blockNumber: Number(failed.blockNumber),
    });
    needs.logger.warn({ batchId: failed.batchId, code }, 'settlement failed on chain');
  }

  /** By the chain's clock: what passed its deadline there can settle no more. */
  async function expire(chainTimeS: number): Promise<void> {
    await db.transaction(async (tx) => {
      const expired = await tx
        .select({ id: settlementBatches.id })
        .from(settlementBatches)
        .where(
          and(
            eq(settlementBatches.role, 'executing'),
            inArray(settlementBatches.state, ['instructed', 'affirmed']),
            lt(settlementBatches.deadline, chainTimeS),
          ),
        )
        .limit(100);
      for (const { id } of expired) {
        const reason = 'The home venue did not settle the batch before its deadline.';
        await records.apply(tx, id, { kind: 'failed', code: 'DEADLINE_PASSED', reason });
      }
    });
  }

  async function sweep(): Promise<void> {
    const cursor = await readCursor();
    if (cursor === undefined) return;
    const open = await db
      .select()
      .from(settlementLegs)
      .where(
        and(
          inArray(settlementLegs.state, ['instructed', 'affirmed', 'submitted']),
          // What is younger may still be on its way through the cursor.
          lt(settlementLegs.recordedAtMs, needs.nowMs() - 5_000),
        ),
      )
      .orderBy(settlementLegs.recordedAtMs)
      .limit(maxSweptLegs);
    if (open.length === 0) return;
    const answers = await readContract(client, {
      address: options.settlement,
      abi: settlementAbi,
      functionName: 'areSettled',
      args: [
        open.map((leg) => slugToBytes32(leg.executingVenue)),
        open.map((leg) => BigInt(leg.tradeNumber)),
      ],
      blockNumber: cursor,
    });
    for (const leg of open.filter((_, index) => answers[index] === true)) {
      const logs = await getLogs(client, {
        address: options.settlement,
        event: legSettled,
        args: {
          executingVenue: slugToBytes32(leg.executingVenue),
          tradeNumber: BigInt(leg.tradeNumber),
        },
        fromBlock: cursor > sweepRangeBlocks ? cursor - sweepRangeBlocks : 0n,
        toBlock: cursor,
      });
      await db.transaction((tx) => record(tx, decodeSettlementLogs(logs, options.settlement)));
    }
  }

  return { advance, sweep };
}

function distinctBatches(settled: readonly SettledLeg[]): SettledLeg[] {
  return [...new Map(settled.map((leg) => [leg.batchId, leg])).values()];
}

/**
 * Anyone may submit a signed batch, at a moment when it fails. At home only our own transaction's
 * failure counts; an executing venue does not know the home's transaction and believes the event,
 * which a later settlement corrects.
 */
function isOurAttempt(batch: BatchRow, transactionHash: Hex): boolean {
  if (batch.role === 'executing') return true;
  return batch.transactionHash === transactionHash || batch.earlierHashes.includes(transactionHash);
}

function isAsRecorded(leg: LegRow, settled: SettledLeg): boolean {
  return (
    leg.homeVenue === settled.homeVenue &&
    leg.token === lower(settled.token) &&
    leg.seller === lower(settled.seller) &&
    leg.buyer === lower(settled.buyer) &&
    leg.tokenQuantity === settled.quantity &&
    leg.cashAmount === settled.amount
  );
}
