import type { SettledLeg } from '@stoa/contracts';
import type { Execution, MemberId, Refusal, Side } from '@stoa/schema';
import type { Transaction } from '../store/database.ts';
import { whenEnded } from '../store/transactions.ts';
import { Affirmations } from './affirmations.ts';
import { BatchAssembly } from './batch-assembly.ts';
import { createBatchRecords } from './batch-records.ts';
import { BatchSubmitter } from './batch-submitter.ts';
import type { CapTable, CapTableQuery } from './cap-table.ts';
import { ChainFollower } from './chain-follower.ts';
import { type Instruction, Instructions } from './instructions.ts';
import { GivenMandates } from './mandates/given-mandates.ts';
import { createLegMandates, type LegMandates } from './mandates/held-mandates.ts';
import { type MandateChecks, MandateGate } from './mandates/mandate-gate.ts';
import { MandateRegister } from './mandates/mandate-register.ts';
import { Reconciliation, type ReconciliationReport } from './reconciliation.ts';
import { Reversals } from './reversals.ts';
import { createSettlementMetrics } from './settlement-metrics.ts';
import type { SettlementMessage, SettlementNeeds, SettlementOptions } from './settlement-needs.ts';
import {
  createOperatorQueue,
  createSettlementReader,
  type SettlementReader,
} from './settlement-reader.ts';
import { type RetryOutcome, SettlementRetries } from './settlement-retries.ts';
import type { QueuedSettlement } from './settlement-view.ts';
import { SettlementWorker } from './settlement-worker.ts';
import { createTokenHoldings } from './token-holdings.ts';
import { UnsettledFills, type UnsettledTrades } from './unsettled-fills.ts';
import { readWorkAtHand } from './work-at-hand.ts';

export type { Instruction } from './instructions.ts';
export type { SettlementMessage, SettlementNeeds, SettlementOptions } from './settlement-needs.ts';
export type { UnsettledClaims } from './unsettled-fills.ts';

/** Investors' mandates, as orders and the API need them. */
export type InvestorMandates = MandateChecks &
  LegMandates &
  Pick<MandateRegister, 'register' | 'revoke' | 'list'>;

/** From executions to delivery against payment. */
export interface SettlementService extends SettlementReader {
  /**
   * Writes down what is to be settled, in the transaction that records the executions of home
   * orders. The same trade again is no new instruction.
   *
   * @throws CodedError `INVARIANT_BROKEN` for a trade that is known on other terms
   */
  instruct(tx: Transaction, trades: readonly Instruction[]): Promise<void>;
  /**
   * Takes a trade's instruction back, in the transaction that records that its venue undid or
   * corrected it; a corrected one is then instructed anew. What is in a batch cannot be taken back
   * any more: it is noted, with the reason, as to be reversed.
   */
  withdraw(
    tx: Transaction,
    trade: Pick<Execution, 'venue' | 'tradeNumber'>,
    reason: string,
  ): Promise<'withdrawn' | 'in-settlement'>;
  /**
   * Makes one all-or-none group of the order's trades that are in none. Its batch is signed by the
   * venues at once, or when others have joined it or it has waited long enough.
   */
  closeGroup(orderId: string): Promise<void>;
  /**
   * A fill of one of this node's orders, whoever settles it, or what its venue made of it since: what it
   * gave away counts as spoken for from its commit until the chain has settled it.
   */
  filled(tx: Transaction, trade: Execution, side: Side): void;
  /** What wallets gave away in fills that have not settled, and are to be given for it. */
  readonly unsettled: UnsettledTrades;
  /** What investors signed that venues may do for them. */
  readonly mandates: InvestorMandates;
  /** Reads what is unsettled, and which mandates count: to be called before orders are taken. */
  load(): Promise<void>;
  /** Takes a settlement message that an order session received, in its transaction. */
  onMessage(tx: Transaction, from: MemberId, body: SettlementMessage): Promise<void>;
  /** What waits for this venue's operator, oldest first. */
  operatorQueue(first: number): Promise<QueuedSettlement[]>;
  /** The operator has a failed batch tried again; see {@link SettlementRetries.byOperator}. */
  retryByOperator(batchId: `0x${string}`): Promise<RetryOutcome | Refusal>;
  /** Compares database, venue and chain at once; they are compared by themselves too. */
  reconcile(): Promise<ReconciliationReport>;
  /** What the last comparisons found. */
  reconciliation(): ReconciliationReport;
  /** Who holds a token that is an instrument's. */
  capTable(
    token: `0x${string}`,
    query: Omit<CapTableQuery, 'token' | 'indexedTo'>,
  ): Promise<CapTable | Refusal<'BLOCK_NOT_INDEXED' | 'CURSOR_INVALID'>>;
  /** Whether chain and store answer; the reason where they do not. */
  readiness(): { readonly ready: boolean; readonly reason?: string };
  /** Resumes everything open and goes on until the signal or {@link stop}. Returns at once. */
  start(signal: AbortSignal): void;
  /** Ends the work; waits for the call in hand, though not for long. */
  stop(): Promise<void>;
}

const defaultPollIntervalMs = 250;
const defaultIdlePollIntervalMs = 1_000;

const defaultReconcileIntervalMs = 60_000;

/** Puts settlement together. It does nothing on the chain before `start`. */
export function createSettlementService(
  options: SettlementOptions,
  needs: SettlementNeeds,
): SettlementService {
  const { unsettled, register, legMandates, mandateGate, ...parts } = assemble(options, needs);
  const { instructions, affirmations, retries, reconciliation, holdings, queue, worker } = parts;
  return {
    ...createSettlementReader(needs.db),
    instruct: (tx, trades) => instructions.instruct(tx, trades),
    filled: (tx, trade, side) => unsettled.filled(tx, trade, side),
    unsettled,
    mandates: {
      checkOrder: (order, openUnits) => mandateGate.checkOrder(order, openUnits),
      register: (member, asked) => register.register(member, asked),
      revoke: (member, hash) => register.revoke(member, hash),
      list: (member, first) => register.list(member, first),
      heldFor: (tx, leg) => legMandates.heldFor(tx, leg),
    },
    load: async () => {
      await Promise.all([unsettled.load(), register.load()]);
    },
    withdraw: (tx, trade, reason) => instructions.withdraw(tx, trade, reason),
    closeGroup: async (orderId) => {
      await needs.db.transaction((tx) => instructions.closeGroup(tx, orderId));
      worker.wake();
    },
    onMessage: async (tx, from, body) => {
      // A batch that has its last signature goes out at once.
      if (body.kind === 'settlement-affirmed') whenEnded(tx, () => worker.wake());
      await affirmations.onMessage(tx, from, body);
    },
    operatorQueue: (first) => queue.read(first),
    retryByOperator: async (batchId) => {
      const outcome = await retries.byOperator(batchId);
      worker.wake();
      return outcome;
    },
    capTable: (token, query) => holdings.capTable(token, query),
    reconcile: () => reconciliation.run(),
    reconciliation: () => reconciliation.report(),
    readiness: () => worker.readiness(),
    start: (signal) => {
      worker.start(signal);
      if (options.indexTokens !== false) holdings.start(signal);
    },
    stop: async () => {
      await Promise.all([worker.stop(), holdings.stop(), reconciliation.stop()]);
    },
  };
}

function assemble(options: SettlementOptions, needs: SettlementNeeds) {
  const { db, nowMs } = needs;
  const metrics = createSettlementMetrics(needs.metrics);
  const records = createBatchRecords({ metrics, nowMs }, options);
  const parts = { ...needs, records, metrics };
  const instructions = new Instructions(options, parts);
  const reversals = new Reversals(options, parts);
  const given = new GivenMandates({ ...parts, instructions });
  const affirmations = new Affirmations(options, { ...parts, given });
  const retries = new SettlementRetries({ ...parts, instructions, reversals });
  const submitter = new BatchSubmitter(options, parts);
  const assembly = new BatchAssembly(options, { ...parts, instructions });
  const nextGroupNumber = (tx: Transaction, orderId: string) =>
    instructions.nextGroupNumber(tx, orderId);
  const unsettled = new UnsettledFills(options, needs);
  const domain = { chainId: options.chainId, settlement: options.settlement };
  const register = new MandateRegister({ venue: options.venue, domain }, needs);
  const mandateGate = new MandateGate(
    {
      settlement: options.settlement,
      requiredFor: options.mandatesRequiredFor ?? new Set(),
    },
    { ...needs, register, unsettled },
  );
  const onSettled = (leg: SettledLeg) => unsettled.settled(leg);
  const follower = new ChainFollower(options, { ...parts, nextGroupNumber, onSettled });
  const reconciliation = new Reconciliation(options, parts);
  const holdings = createTokenHoldings(options, parts);
  const queue = createOperatorQueue(db);
  let reconciledAtMs = nowMs();

  /** Beside the rounds: settling does not wait for it, and what cannot be compared now is compared later. */
  function reconcileWhenDue(): void {
    const intervalMs = options.reconcileIntervalMs ?? defaultReconcileIntervalMs;
    if (nowMs() < reconciledAtMs + intervalMs) return;
    reconciledAtMs = nowMs();
    reconciliation.run().catch((error: unknown) => {
      const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
      needs.logger.warn({ reason }, 'settlement could not be reconciled');
    });
  }

  const pollMs = options.pollIntervalMs ?? defaultPollIntervalMs;
  const idlePollMs = options.idlePollIntervalMs ?? defaultIdlePollIntervalMs;

  /**
   * Follow, then submit: what others settled meanwhile is known before anything is sent.
   *
   * @returns in how many milliseconds the next should come
   */
  async function round(): Promise<number> {
    const finalNumber = await follower.advance();
    const found = await readWorkAtHand(db, { venue: options.venue, nowMs: nowMs() });
    if (found.retries) await retries.step();
    if (found.reversals) await reversals.step();
    const batchInMs = found.waiting ? await assembly.step() : undefined;
    const isBusy = found.open > 0 || found.retries || found.reversals || found.waiting;
    if (isBusy) await submitter.step(finalNumber);
    metrics.openBatches.set(found.open);
    metrics.operatorQueue.set(found.forOperator);
    reconcileWhenDue();
    return Math.max(0, Math.min(batchInMs ?? idlePollMs, isBusy ? pollMs : idlePollMs));
  }

  const worker = new SettlementWorker(
    {
      round,
      pollIntervalMs: pollMs,
    },
    { logger: needs.logger, metrics },
  );

  return {
    ...{ instructions, affirmations, retries, reconciliation, holdings, queue, worker },
    ...{ unsettled, register, mandateGate },
    legMandates: createLegMandates({ ...needs, register }),
  };
}
