import { setTimeout as sleep } from 'node:timers/promises';
import type { MemberId } from '@stoa/schema';
import { count, inArray } from 'drizzle-orm';
import type { Transaction } from '../store/database.ts';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { createAffirmations } from './affirmations.ts';
import { createBatchRecords } from './batch-records.ts';
import { createBatchSubmitter } from './batch-submitter.ts';
import { createChainFollower } from './chain-follower.ts';
import { createInstructions, type Instruction } from './instructions.ts';
import { createSettlementMetrics } from './settlement-metrics.ts';
import type { SettlementMessage, SettlementNeeds, SettlementOptions } from './settlement-needs.ts';
import { createSettlementReader, type SettlementReader } from './settlement-reader.ts';

export type { Instruction } from './instructions.ts';
export type { SettlementMessage, SettlementNeeds, SettlementOptions } from './settlement-needs.ts';

/** From executions to delivery against payment. */
export interface SettlementService extends SettlementReader {
  /**
   * Writes down what is to be settled, in the transaction that records the execution of a home
   * order. The same trade again is no new instruction.
   *
   * @throws CodedError `INVARIANT_BROKEN` for a trade that is known on other terms
   */
  instruct(tx: Transaction, instruction: Instruction): Promise<void>;
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
const maxBackoffMs = 5_000;
const sweepIntervalMs = 5_000;
const stopTimeoutMs = 1_500;

/** Puts settlement together. It does nothing on the chain before `start`. */
export function createSettlementService(
  options: SettlementOptions,
  needs: SettlementNeeds,
): SettlementService {
  const metrics = createSettlementMetrics(needs.metrics);
  const records = createBatchRecords({ metrics, nowMs: needs.nowMs });
  const instructions = createInstructions(options, { ...needs, records });
  const affirmations = createAffirmations(options, { ...needs, records });
  const submitter = createBatchSubmitter(options, { ...needs, records });
  const follower = createChainFollower(options, { ...needs, records, metrics });
  const pollIntervalMs = options.pollIntervalMs ?? defaultPollIntervalMs;
  const idlePollIntervalMs = options.idlePollIntervalMs ?? defaultIdlePollIntervalMs;

  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  let trouble: string | undefined = 'settlement has not started';
  let wake = new AbortController();
  let sweptAtMs = 0;

  /** Follow, then submit: what others settled meanwhile is known before anything is sent. */
  async function round(): Promise<void> {
    const finalNumber = await follower.advance();
    await submitter.step(finalNumber);
    if (needs.nowMs() - sweptAtMs >= sweepIntervalMs) {
      await follower.sweep();
      sweptAtMs = needs.nowMs();
    }
  }

  async function countOpen(): Promise<number> {
    const [row] = await needs.db
      .select({ open: count() })
      .from(settlementBatches)
      .where(inArray(settlementBatches.state, ['instructed', 'affirmed', 'submitted']));
    return row?.open ?? 0;
  }

  async function work(signal: AbortSignal): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      let pauseMs = idlePollIntervalMs;
      wake = new AbortController();
      try {
        await round();
        const open = await countOpen();
        metrics.openBatches.set(open);
        if (open > 0) pauseMs = pollIntervalMs;
        if (failures > 0) needs.logger.info({ failures }, 'settlement works again');
        failures = 0;
        trouble = undefined;
      } catch (error) {
        if (failures === 0) needs.logger.error({ err: error }, 'settlement round failed');
        failures += 1;
        metrics.chainErrors.inc();
        trouble = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
        pauseMs = Math.min(pollIntervalMs * 2 ** Math.min(failures, 10), maxBackoffMs);
      }
      const pause = AbortSignal.any([signal, ...(failures === 0 ? [wake.signal] : [])]);
      await sleep(pauseMs, undefined, { signal: pause }).catch(() => undefined);
    }
  }

  return {
    ...createSettlementReader(needs.db),
    instruct: instructions.instruct,
    closeGroup: async (orderId) => {
      await instructions.closeGroup(orderId);
      wake.abort();
    },
    onMessage: affirmations.onMessage,
    readiness: () => (trouble === undefined ? { ready: true } : { ready: false, reason: trouble }),
    start: (signal) => {
      running ??= work(AbortSignal.any([signal, stopping.signal]));
    },
    stop: async () => {
      stopping.abort();
      // Whatever is in hand may be left at any point: it is resumed from the store.
      await Promise.race([running, sleep(stopTimeoutMs, undefined, { ref: false })]);
    },
  };
}
