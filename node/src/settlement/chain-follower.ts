import {
  decodeSettlementLogs,
  type FailedGroup,
  type SettledLeg,
  type SettlementLogs,
  settlementTopics,
} from '@stoa/contracts';
import { CodedError } from '@stoa/schema';
import { and, eq, lt, ne, sql } from 'drizzle-orm';
import { formatLog, type Hex, numberToHex, type RpcLog } from 'viem';
import { getBlock } from 'viem/actions';
import type { Transaction } from '../store/database.ts';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import { failureCode } from './batch-call.ts';
import { type BatchGroup, groupsOf, lower } from './batch-composition.ts';
import {
  type BatchHead,
  type BatchRecords,
  type BatchRow,
  lockBatch,
  lockHead,
  lockHeads,
  lockLegs,
} from './batch-records.ts';
import { ChainPosition, finalBlock } from './chain-position.ts';
import {
  departGroup,
  failTrades,
  type GroupFailure,
  isStillOf,
  tradesLeft,
} from './group-departure.ts';
import { isUnsentBatch } from './indexed-conditions.ts';
import type { SettlementMetrics } from './settlement-metrics.ts';
import type { SettlementNeeds, SettlementOptions } from './settlement-needs.ts';
import { rollBackSettlement } from './settlement-rollback.ts';
import { isOneOfTrades } from './trade-condition.ts';

/** Wider ranges are refused by many nodes. */
const maxRangeBlocks = 2_000n;

type RawLogs = {
  readonly Method: 'eth_getLogs';
  readonly Parameters: readonly object[];
  readonly ReturnType: readonly RpcLog[];
};

/** What following the chain is given. */
export type FollowerNeeds = Pick<SettlementNeeds, 'db' | 'client' | 'logger'> & {
  readonly records: BatchRecords;
  readonly metrics: SettlementMetrics;
  readonly nextGroupNumber: (tx: Transaction, orderId: string) => Promise<number>;
  /** Told of every trade that settled on the chain, after it was taken in. */
  readonly onSettled: (leg: SettledLeg) => void;
};

/**
 * Takes in what the final chain says, in ranges of blocks from a kept position; no subscription. With
 * less finality than the chain's own, blocks may be taken back: what they did is then taken back too.
 */
export class ChainFollower {
  readonly #options: SettlementOptions;
  readonly #needs: FollowerNeeds;
  readonly #position: ChainPosition;
  #final: { readonly number: bigint; readonly hash: Hex } | undefined;

  constructor(options: SettlementOptions, needs: FollowerNeeds) {
    this.#options = options;
    this.#needs = needs;
    this.#position = new ChainPosition(lower(options.settlement), needs);
  }

  /**
   * That less is final than was taken in before is so after more confirmations were asked for. But a
   * chain whose newest block is older than that began anew, or answers from a node that lags behind:
   * nothing is decided by it.
   */
  async #checkNotBehind(cursor: bigint): Promise<void> {
    const { number } = await getBlock(this.#needs.client, { blockTag: 'latest' });
    if (number >= cursor) return;
    const message = `The chain ends at block ${number}, and block ${cursor} was taken in before.`;
    throw new CodedError('CHAIN_BEHIND_RECORD', message);
  }

  /** Where to go on: after what was taken in, or after the last of it that the chain still has. */
  async #startingPoint(cursor: bigint, finalNumber: bigint): Promise<bigint> {
    if (finalNumber < cursor) {
      await this.#checkNotBehind(cursor);
      return cursor;
    }
    const ancestor = await this.#position.commonAncestor(cursor);
    if (ancestor === cursor) return cursor;
    const { db, records, metrics, logger } = this.#needs;
    const undone = await db.transaction(async (tx) => {
      const batches = await rollBackSettlement(tx, ancestor, records);
      await this.#position.retreat(tx, ancestor);
      return batches;
    });
    metrics.reorganizations.inc();
    const fields = { from: Number(cursor), to: Number(ancestor), batches: undone };
    logger.warn(fields, 'chain was reorganized, settlement taken back');
    return ancestor;
  }

  /**
   * Takes in all that has become final since the last call.
   *
   * @returns the number of the final block
   * @throws CodedError `CHAIN_BEHIND_RECORD`, `CHAIN_REPLACED`; viem errors when the RPC fails
   */
  async advance(): Promise<bigint> {
    const final = await finalBlock(this.#needs.client, this.#options.finality);
    if (final.number === this.#final?.number && final.hash === this.#final.hash) {
      return final.number;
    }
    const cursor = await this.#position.read();
    // A node that starts for the first time knows no trade, so nothing before now concerns it.
    if (cursor === undefined) await this.#position.begin(final);
    let from =
      cursor === undefined ? final.number : await this.#startingPoint(cursor, final.number);
    while (from < final.number) {
      const toBlock = from + maxRangeBlocks < final.number ? from + maxRangeBlocks : final.number;
      const [end, logs] = await Promise.all([
        toBlock === final.number ? final : getBlock(this.#needs.client, { blockNumber: toBlock }),
        this.#logs(from + 1n, toBlock),
      ]);
      await this.#needs.db.transaction(async (tx) => {
        await this.#record(tx, logs);
        await this.#position.advance(tx, end);
      });
      for (const leg of logs.settled) this.#needs.onSettled(leg);
      from = toBlock;
    }
    await this.#expire(Number(final.timestamp));
    this.#final = final;
    return final.number;
  }

  /** Asked for by topic and decoded once: viem's `getLogs` decodes what it is given events for. */
  async #logs(fromBlock: bigint, toBlock: bigint): Promise<SettlementLogs> {
    const { settlement } = this.#options;
    const found = await this.#needs.client.request<RawLogs>({
      method: 'eth_getLogs',
      params: [
        {
          address: settlement,
          topics: [Object.values(settlementTopics)],
          fromBlock: numberToHex(fromBlock),
          toBlock: numberToHex(toBlock),
        },
      ],
    });
    return decodeSettlementLogs(
      found.map((log) => formatLog(log)),
      settlement,
    );
  }

  async #record(tx: Transaction, logs: SettlementLogs): Promise<void> {
    if (logs.settled.length > 0) await this.#recordLegs(tx, logs.settled);
    // After all legs: a batch is settled when each of its legs is.
    if (logs.settled.length > 0) await this.#recordBatches(tx, logs.settled);
    for (const failed of logs.failed) await this.#recordFailure(tx, failed);
    for (const reversed of logs.reversed) await this.#recordReversal(tx, reversed);
  }

  /** Takes in legs that settled, of whichever venues and batches, in one statement. */
  async #recordLegs(tx: Transaction, settled: readonly SettledLeg[]): Promise<void> {
    const said = settled.map((event) => ({
      ...{ venue: event.executingVenue, number: Number(event.tradeNumber) },
      ...{ batch: event.batchId, hash: event.transactionHash, block: Number(event.blockNumber) },
      ...{ home: event.homeVenue, token: event.token, seller: event.seller, buyer: event.buyer },
      ...{ quantity: event.quantity.toString(), amount: event.amount.toString() },
    }));
    const trades = settled.map(({ executingVenue, tradeNumber }) => ({
      ...{ executingVenue, tradeNumber: Number(tradeNumber) },
    }));
    // Locked in one order everywhere, so that two transactions never wait for each other.
    const taken = await tx.execute<{ venue: string; number: string; differs: boolean }>(sql`
      with said as (
        select * from jsonb_to_recordset(${JSON.stringify(said)}::text::jsonb) as event(venue text,
          number bigint, batch text, hash text, block bigint, home text, token text, seller text,
          buyer text, quantity numeric, amount numeric)
      ), locked as (
        select executing_venue, trade_number from ${settlementLegs}
        where ${isOneOfTrades(trades)} and state not in ('settled', 'reversed')
        order by executing_venue, trade_number for update
      )
      update ${settlementLegs} as leg set state = 'settled', code = null, reason = null,
        batch_id = coalesce(leg.batch_id, said.batch), transaction_hash = said.hash,
        block_number = said.block
      from said join locked on locked.executing_venue = said.venue and locked.trade_number = said.number
      where leg.executing_venue = said.venue and leg.trade_number = said.number
      returning said.venue, said.number,
        (leg.home_venue, leg.token, leg.seller, leg.buyer, leg.token_quantity, leg.cash_amount)
          is distinct from (said.home, said.token, said.seller, said.buyer, said.quantity, said.amount)
          as differs`);
    for (const { venue, number, differs } of taken) {
      if (!differs) continue;
      this.#needs.metrics.discrepancies.inc();
      this.#needs.logger.error(
        { venue, tradeNumber: Number(number) },
        'trade settled on other terms than recorded',
      );
    }
  }

  async #recordBatches(tx: Transaction, settled: readonly SettledLeg[]): Promise<void> {
    // All or none: the event of one leg is the event of every leg.
    const byId = new Map(settled.map((leg) => [leg.batchId, leg]));
    for (const batch of await lockHeads(tx, [...byId.keys()])) {
      const leg = byId.get(batch.id);
      if (!leg) continue;
      const { batchId, transactionHash } = leg;
      const blockNumber = Number(leg.blockNumber);
      this.#needs.records.applyTo(tx, batch, { kind: 'settled', transactionHash, blockNumber });
      this.#needs.logger.info({ batchId, transactionHash, blockNumber }, 'settlement final');
    }
  }

  async #recordFailure(tx: Transaction, failed: FailedGroup): Promise<void> {
    const batch = await lockBatch(tx, failed.batchId);
    if (!batch || !isOurAttempt(batch, failed.transactionHash)) return;
    const { batchId, transactionHash } = failed;
    const { message: reason } = failed.reason;
    const code = failureCode(failed.reason);
    this.#needs.logger.warn(
      { batchId, group: failed.groupIndex, code },
      'settlement failed on chain',
    );
    const block = { transactionHash, blockNumber: Number(failed.blockNumber) };
    const groups = groupsOf(batch);
    const group = groups.find(({ index }) => index === failed.groupIndex);
    // An executing venue does not see the groups that hold none of its trades.
    if (!group) return;
    if (groups.length > 1) {
      if (batch.role === 'home')
        await this.#depart(tx, batch, group, { code, reason, transactionHash });
      else await failTrades(tx, batch, group, { code, reason });
      if ((await tradesLeft(tx, batchId)) > 0) return;
    }
    await this.#needs.records.apply(tx, batchId, { kind: 'failed', code, reason, ...block });
    if (groups.length === 1 || batch.role !== 'home') return;
    // Each of its groups goes on by itself.
    await tx
      .update(settlementBatches)
      .set({ afterFailure: 'replaced', retryAtMs: null })
      .where(eq(settlementBatches.id, batchId));
  }

  async #depart(tx: Transaction, batch: BatchRow, group: BatchGroup, failure: GroupFailure) {
    if (!(await isStillOf(tx, batch, group))) return;
    const groupNumber = await this.#needs.nextGroupNumber(tx, group.orderId ?? '');
    await departGroup(tx, { batch, group, groupNumber }, failure, this.#needs.records);
  }

  /** A trade was undone: the batch that did it is through, and so is the one that settled it. */
  async #recordReversal(tx: Transaction, reversed: SettledLeg): Promise<void> {
    const { batchId, executingVenue, transactionHash } = reversed;
    const tradeNumber = Number(reversed.tradeNumber);
    const blockNumber = Number(reversed.blockNumber);
    const leg = (await lockLegs(tx, executingVenue, [tradeNumber])).get(tradeNumber);
    const settledIn = leg?.batchId;
    if (leg && leg.state !== 'reversed') {
      await tx
        .update(settlementLegs)
        .set({ state: 'reversed', reversalBatchId: batchId, reversalBlockNumber: blockNumber })
        .where(
          and(
            eq(settlementLegs.executingVenue, executingVenue),
            eq(settlementLegs.tradeNumber, tradeNumber),
          ),
        );
    }
    if (await lockHead(tx, batchId)) {
      await this.#needs.records.apply(tx, batchId, {
        kind: 'settled',
        transactionHash,
        blockNumber,
      });
    }
    if (!settledIn) return;
    const standing = await tx.$count(
      settlementLegs,
      and(eq(settlementLegs.batchId, settledIn), ne(settlementLegs.state, 'reversed')),
    );
    const batch = await lockHead(tx, settledIn);
    if (standing === 0 && batch?.state === 'settled') {
      await this.#needs.records.apply(tx, settledIn, { kind: 'reversed' });
    }
    const fields = { venue: executingVenue, tradeNumber, batchId, transactionHash };
    this.#needs.logger.warn(fields, 'settlement reversed');
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
            isUnsentBatch,
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

/**
 * Anyone may submit a signed batch, at a moment when it fails. At home only our own transaction's
 * failure counts; an executing venue does not know the home's transaction and believes the event,
 * which a later settlement corrects.
 */
function isOurAttempt(batch: BatchHead, transactionHash: Hex): boolean {
  if (batch.role === 'executing') return true;
  return batch.transactionHash === transactionHash || batch.earlierHashes.includes(transactionHash);
}
