import type { MemberId } from '@stoa/schema';
import { inArray } from 'drizzle-orm';
import type { Transaction } from '../store/database.ts';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { Affirmations } from './affirmations.ts';
import { createBatchRecords } from './batch-records.ts';
import { BatchSubmitter } from './batch-submitter.ts';
import { ChainFollower } from './chain-follower.ts';
import { type Instruction, Instructions } from './instructions.ts';
import { createSettlementMetrics } from './settlement-metrics.ts';
import type { SettlementMessage, SettlementNeeds, SettlementOptions } from './settlement-needs.ts';
import { createSettlementReader, type SettlementReader } from './settlement-reader.ts';
import { SettlementWorker } from './settlement-worker.ts';

export type { Instruction } from './instructions.ts';
export type { SettlementMessage, SettlementNeeds, SettlementOptions } from './settlement-needs.ts';

/** From executions to delivery against payment. */
export interface SettlementService extends SettlementReader {
  /**
   * Writes down what is to be settled, in the transaction that records the executions of home
   * orders. The same trade again is no new instruction.
   *
   * @throws CodedError `INVARIANT_BROKEN` for a trade that is known on other terms
   */
  instruct(tx: Transaction, trades: readonly Instruction[]): Promise<void>;
  /** Makes one all-or-none batch of the order's trades that are in none, and asks the venues to sign. */
  closeGroup(orderId: string): Promise<void>;
  /** Takes a settlement message that an order session received, in its transaction. */
  onMessage(tx: Transaction, from: MemberId, body: SettlementMessage): Promise<void>;
  /** Whether chain and store answer; the reason where they do not. */
  readiness(): { readonly ready: boolean; readonly reason?: string };
  /** Resumes everything open and goes on until the signal or {@link stop}. Returns at once. */
  start(signal: AbortSignal): void;
  /** Ends the work; waits for the call in hand, though not for long. */
  stop(): Promise<void>;
}

const defaultPollIntervalMs = 250;
const defaultIdlePollIntervalMs = 1_000;

/** Puts settlement together. It does nothing on the chain before `start`. */
export function createSettlementService(
  options: SettlementOptions,
  needs: SettlementNeeds,
): SettlementService {
  const metrics = createSettlementMetrics(needs.metrics);
  const records = createBatchRecords({ metrics, nowMs: needs.nowMs });
  const instructions = new Instructions(options, { ...needs, records });
  const affirmations = new Affirmations(options, { ...needs, records });
  const submitter = new BatchSubmitter(options, { ...needs, records });
  const follower = new ChainFollower(options, { ...needs, records, metrics });
  /** Follow, then submit: what others settled meanwhile is known before anything is sent. */
  async function round(): Promise<boolean> {
    const finalNumber = await follower.advance();
    await submitter.step(finalNumber);
    const open = await needs.db.$count(
      settlementBatches,
      inArray(settlementBatches.state, ['instructed', 'affirmed', 'submitted']),
    );
    metrics.openBatches.set(open);
    return open > 0;
  }

  const worker = new SettlementWorker(
    {
      round,
      pollIntervalMs: options.pollIntervalMs ?? defaultPollIntervalMs,
      idlePollIntervalMs: options.idlePollIntervalMs ?? defaultIdlePollIntervalMs,
    },
    { logger: needs.logger, metrics },
  );

  return {
    ...createSettlementReader(needs.db),
    instruct: (tx, trades) => instructions.instruct(tx, trades),
    closeGroup: async (orderId) => {
      await instructions.closeGroup(orderId);
      worker.wake();
    },
    onMessage: (tx, from, body) => affirmations.onMessage(tx, from, body),
    readiness: () => worker.readiness(),
    start: (signal) => worker.start(signal),
    stop: () => worker.stop(),
  };
}
