import type { MemberId } from '@stoa/schema';
import { eq } from 'drizzle-orm';
import type { Transaction } from '../../store/database.ts';
import { settlementBatches } from '../../store/tables/settlement-batches.ts';
import { settlementLegs } from '../../store/tables/settlement-legs.ts';
import { groupsOf, lower } from '../batch-composition.ts';
import { type BatchRecords, type BatchRow, lockBatch } from '../batch-records.ts';
import type { Instructions, OrderGroup } from '../instructions.ts';
import type { SettlementMessage, SettlementNeeds } from '../settlement-needs.ts';
import { isOneOfTrades } from '../trade-condition.ts';
import { keepGivenMandates } from './mandate-exchange.ts';

/** So often a batch is composed anew at once; after that it waits as any other that failed. */
const MOST_AT_ONCE = 4;

type Answer = Extract<SettlementMessage, { kind: 'settlement-mandates' }>;

export type GivenMandatesNeeds = Pick<SettlementNeeds, 'logger' | 'nowMs'> & {
  readonly records: BatchRecords;
  readonly instructions: Instructions;
};

/**
 * Home venue: an executing venue's investors signed mandates that the batch is to settle under. They are
 * part of what every venue signs, so that the batch is composed anew, under a name of its own.
 */
export class GivenMandates {
  readonly #needs: GivenMandatesNeeds;

  constructor(needs: GivenMandatesNeeds) {
    this.#needs = needs;
  }

  async onMandates(tx: Transaction, from: MemberId, answer: Answer): Promise<void> {
    const { logger, records, nowMs } = this.#needs;
    const batch = await lockBatch(tx, lower(answer.batchId));
    const isAsked = batch?.role === 'home' && batch.digests?.[from] !== undefined;
    if (!batch || !isAsked || batch.purpose === 'reverse') {
      logger.warn({ batchId: answer.batchId, from }, 'mandates for no batch of ours');
      return;
    }
    if (batch.state !== 'instructed') return;
    if (!(await keepGivenMandates(tx, from, { answer, legs: batch.legs }, nowMs()))) {
      logger.error({ batchId: batch.id, from }, 'mandates are not for trades of their venue');
      const reason = `${from} gave mandates that are not for its trades of this batch.`;
      await records.apply(tx, batch.id, { kind: 'failed', code: 'MANDATES_DIFFER', reason });
      return;
    }
    const reason = `Composed anew with mandates of investors at ${from}.`;
    await records.apply(tx, batch.id, { kind: 'failed', code: 'MANDATES_ADDED', reason });
    // A venue that answers every batch so would have the home write without end.
    if (batch.attempts >= MOST_AT_ONCE) return;
    const groups = await this.#groupsLeft(tx, batch);
    // One that a trade was taken out of meanwhile is tried again as any other that failed.
    if (groups === undefined) return;
    await tx
      .update(settlementBatches)
      .set({ afterFailure: 'replaced', retryAtMs: null })
      .where(eq(settlementBatches.id, batch.id));
    const before = { attempts: batch.attempts + 1, replaces: batch.id };
    await this.#needs.instructions.compose(tx, groups, before);
    logger.info({ batchId: batch.id, from }, 'settlement batch composed anew with mandates');
  }

  /** The batch's groups under new numbers; undefined where one is not whole any more. */
  async #groupsLeft(tx: Transaction, batch: BatchRow): Promise<OrderGroup[] | undefined> {
    const { instructions } = this.#needs;
    const rows = await tx
      .select()
      .from(settlementLegs)
      .where(isOneOfTrades(batch.legs))
      .for('update');
    const byName = new Map(rows.map((row) => [`${row.executingVenue} ${row.tradeNumber}`, row]));
    const groups: OrderGroup[] = [];
    const numbers = new Map<string, number>();
    for (const { orderId, first, legs } of groupsOf(batch)) {
      const own = batch.legs
        .slice(first, first + legs)
        .map((leg) => byName.get(`${leg.executingVenue} ${leg.tradeNumber}`))
        .filter((row) => row !== undefined && row.batchId === batch.id && row.reversal === null);
      if (orderId === undefined || own.length !== legs) return undefined;
      const next = numbers.get(orderId) ?? (await instructions.nextGroupNumber(tx, orderId));
      numbers.set(orderId, next + 1);
      groups.push({ orderId, groupNumber: next, rows: own.filter((row) => row !== undefined) });
    }
    return groups;
  }
}
