import {
  decodeSettlementLogs,
  type FailedGroup,
  type SettledLeg,
  type SettlementLogs,
  settlementAbi,
} from '@stoa/contracts';
import { CodedError } from '@stoa/schema';
import { and, eq, inArray, lt, sql } from 'drizzle-orm';
import { getAbiItem, type Hex } from 'viem';
import { getBlock, getLogs } from 'viem/actions';
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

/** Wider ranges are refused by many nodes. */
const maxRangeBlocks = 2_000n;

const legSettled = getAbiItem({ abi: settlementAbi, name: 'LegSettled' });
const groupFailed = getAbiItem({ abi: settlementAbi, name: 'GroupFailed' });

/** What following the chain is given. */
export type FollowerNeeds = Pick<SettlementNeeds, 'db' | 'client' | 'logger'> & {
  readonly records: BatchRecords;
  readonly metrics: SettlementMetrics;
};

/** Takes in what the final chain says, in ranges of blocks from a kept cursor; no subscription. */
export class ChainFollower {
  readonly #options: SettlementOptions;
  readonly #needs: FollowerNeeds;
  #finalNumber: bigint | undefined;

  constructor(options: SettlementOptions, needs: FollowerNeeds) {
    this.#options = options;
    this.#needs = needs;
  }

  async #finalBlock() {
    if (this.#options.finality === 'finalized')
      return getBlock(this.#needs.client, { blockTag: 'finalized' });
    const latest = await getBlock(this.#needs.client, { blockTag: 'latest' });
    const lag = BigInt(this.#options.finality - 1);
    if (lag === 0n) return latest;
    const blockNumber = latest.number > lag ? latest.number - lag : 0n;
    return getBlock(this.#needs.client, { blockNumber });
  }

  /**
   * That less is final than was taken in before is so after more confirmations were asked for. But a
   * chain whose newest block is older than that began anew, and settles nothing that is recorded.
   */
  async #checkSameChain(cursor: bigint): Promise<void> {
    const { number } = await getBlock(this.#needs.client, { blockTag: 'latest' });
    if (number >= cursor) return;
    const message = `The chain ends at block ${number}, and block ${cursor} was taken in before.`;
    throw new CodedError('CHAIN_BEHIND_RECORD', message);
  }

  /**
   * Takes in all that has become final since the last call.
   *
   * @returns the number of the final block
   */
  async advance(): Promise<bigint> {
    const final = await this.#finalBlock();
    if (final.number === this.#finalNumber) return final.number;
    const cursor = await this.#readCursor();
    if (cursor !== undefined && final.number < cursor) await this.#checkSameChain(cursor);
    // A node that starts for the first time knows no trade, so nothing before now concerns it.
    let from = cursor ?? final.number;
    if (cursor === undefined)
      await this.#needs.db.transaction((tx) => this.#setCursor(tx, final.number));
    while (from < final.number) {
      const toBlock = from + maxRangeBlocks < final.number ? from + maxRangeBlocks : final.number;
      const logs = await getLogs(this.#needs.client, {
        address: this.#options.settlement,
        events: [legSettled, groupFailed],
        fromBlock: from + 1n,
        toBlock,
      });
      await this.#needs.db.transaction(async (tx) => {
        await this.#record(tx, decodeSettlementLogs(logs, this.#options.settlement));
        await this.#setCursor(tx, toBlock);
      });
      from = toBlock;
    }
    await this.#expire(Number(final.timestamp));
    this.#finalNumber = final.number;
    return final.number;
  }

  async #readCursor(): Promise<bigint | undefined> {
    const [row] = await this.#needs.db
      .select()
      .from(chainCursors)
      .where(eq(chainCursors.contract, lower(this.#options.settlement)));
    return row && BigInt(row.blockNumber);
  }

  async #setCursor(tx: Transaction, blockNumber: bigint): Promise<void> {
    const position = { blockNumber: Number(blockNumber) };
    await tx
      .insert(chainCursors)
      .values({ contract: lower(this.#options.settlement), ...position })
      .onConflictDoUpdate({ target: chainCursors.contract, set: position });
  }

  async #record(tx: Transaction, logs: SettlementLogs): Promise<void> {
    for (const legs of Map.groupBy(logs.settled, partOf).values()) await this.#recordLegs(tx, legs);
    // After all legs: a batch is settled when each of its legs is.
    for (const settled of distinctBatches(logs.settled)) await this.#recordBatch(tx, settled);
    for (const failed of logs.failed) await this.#recordFailure(tx, failed);
  }

  /** Takes in legs of one venue that settled in one transaction of one batch. */
  async #recordLegs(tx: Transaction, settled: readonly SettledLeg[]): Promise<void> {
    const [first] = settled;
    if (!first) return;
    const { executingVenue, batchId, transactionHash, blockNumber } = first;
    const numbers = settled.map(({ tradeNumber }) => Number(tradeNumber));
    const legs = await lockLegs(tx, executingVenue, numbers);
    const taken: number[] = [];
    for (const event of settled) {
      const tradeNumber = Number(event.tradeNumber);
      const leg = legs.get(tradeNumber);
      if (!leg || leg.state === 'settled') continue;
      taken.push(tradeNumber);
      if (isAsRecorded(leg, event)) continue;
      this.#needs.metrics.discrepancies.inc();
      this.#needs.logger.error(
        { venue: executingVenue, tradeNumber, batchId, transactionHash },
        'trade settled on other terms than recorded',
      );
    }
    if (taken.length === 0) return;
    await tx
      .update(settlementLegs)
      .set({
        state: 'settled',
        code: null,
        reason: null,
        batchId: sql`coalesce(${settlementLegs.batchId}, ${batchId})`,
        transactionHash,
        blockNumber: Number(blockNumber),
      })
      .where(
        and(
          eq(settlementLegs.executingVenue, executingVenue),
          inArray(settlementLegs.tradeNumber, taken),
        ),
      );
  }

  async #recordBatch(tx: Transaction, settled: SettledLeg): Promise<void> {
    const batch = await lockBatch(tx, settled.batchId);
    if (!batch) return;
    // All or none: the event of one leg is the event of every leg.
    const { batchId, transactionHash } = settled;
    const blockNumber = Number(settled.blockNumber);
    await this.#needs.records.apply(tx, batchId, { kind: 'settled', transactionHash, blockNumber });
    this.#needs.logger.info({ batchId, transactionHash, blockNumber }, 'settlement final');
  }

  async #recordFailure(tx: Transaction, failed: FailedGroup): Promise<void> {
    const batch = await lockBatch(tx, failed.batchId);
    if (!batch || !isOurAttempt(batch, failed.transactionHash)) return;
    const { code, message } = failed.reason;
    await this.#needs.records.apply(tx, failed.batchId, {
      kind: 'failed',
      code,
      reason: message,
      transactionHash: failed.transactionHash,
      blockNumber: Number(failed.blockNumber),
    });
    this.#needs.logger.warn({ batchId: failed.batchId, code }, 'settlement failed on chain');
  }

  /** By the chain's clock: what passed its deadline there can settle no more. */
  async #expire(chainTimeS: number): Promise<void> {
    await this.#needs.db.transaction(async (tx) => {
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
        await this.#needs.records.apply(tx, id, {
          kind: 'failed',
          code: 'DEADLINE_PASSED',
          reason,
        });
      }
    });
  }
}

function partOf({ batchId, transactionHash, executingVenue }: SettledLeg): string {
  return `${batchId} ${transactionHash} ${executingVenue}`;
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
