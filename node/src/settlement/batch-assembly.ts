import { maxLegsPerBatch } from '@stoa/contracts';
import { and, eq, or, sql } from 'drizzle-orm';
import type { Database } from '../store/database.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import { planBatches, type WaitingGroup } from './batch-plan.ts';
import { isReadyForBatch } from './indexed-conditions.ts';
import type { Instructions, OrderGroup } from './instructions.ts';
import type { SettlementNeeds, SettlementOptions } from './settlement-needs.ts';

const mostWaiting = 500;

/** What putting batches together is given. */
export type AssemblyNeeds = Pick<SettlementNeeds, 'nowMs'> & {
  readonly db: Database;
  readonly instructions: Instructions;
};

/** Puts the groups of several orders into one batch, signed once by each venue. */
export class BatchAssembly {
  readonly #options: SettlementOptions;
  readonly #needs: AssemblyNeeds;

  constructor(options: SettlementOptions, needs: AssemblyNeeds) {
    this.#options = options;
    this.#needs = needs;
  }

  /**
   * Composes every batch that is full or has waited long enough.
   *
   * @returns milliseconds until the next is due; undefined where nothing waits
   */
  async step(): Promise<number | undefined> {
    const waiting = await this.#waiting();
    if (waiting.length === 0) return undefined;
    const { venue: home, gasPerLeg, batchWaitMs = 0, legsPerBatch } = this.#options;
    const plan = planBatches(waiting, {
      ...{ nowMs: this.#needs.nowMs(), waitMs: batchWaitMs, home, gasPerLeg },
      legsPerBatch: legsPerBatch ?? maxLegsPerBatch,
    });
    for (const groups of plan.due) await this.#compose(groups);
    return waiting.length === mostWaiting ? 0 : plan.nextInMs;
  }

  async #waiting(): Promise<WaitingGroup[]> {
    const rows = await this.#needs.db
      .select({
        orderId: sql<string>`${settlementLegs.orderId}`,
        groupNumber: sql<number>`${settlementLegs.groupNumber}`,
        readyAtMs: sql<string>`min(${settlementLegs.readyAtMs})`,
        legs: sql<number>`count(*)::int`,
        venues: sql<
          string[]
        >`array_agg(distinct ${settlementLegs.executingVenue} order by ${settlementLegs.executingVenue})`,
        tokens: sql<string[]>`array_agg(distinct ${settlementLegs.token})`,
      })
      .from(settlementLegs)
      .where(this.#isWaiting())
      .groupBy(settlementLegs.orderId, settlementLegs.groupNumber)
      .orderBy(sql`min(${settlementLegs.readyAtMs})`)
      .limit(mostWaiting);
    return rows.map((row) => ({ ...row, readyAtMs: Number(row.readyAtMs) }));
  }

  #isWaiting() {
    return and(
      isReadyForBatch,
      eq(settlementLegs.state, 'instructed'),
      eq(settlementLegs.homeVenue, this.#options.venue),
    );
  }

  async #compose(groups: readonly WaitingGroup[]): Promise<void> {
    const { db, instructions } = this.#needs;
    await db.transaction(async (tx) => {
      const rows = await tx
        .select()
        .from(settlementLegs)
        .where(
          and(
            this.#isWaiting(),
            or(
              ...groups.map(({ orderId, groupNumber }) =>
                and(
                  eq(settlementLegs.orderId, orderId),
                  eq(settlementLegs.groupNumber, groupNumber),
                ),
              ),
            ),
          ),
        )
        .orderBy(settlementLegs.executingVenue, settlementLegs.tradeNumber)
        .for('update');
      const byGroup = Map.groupBy(rows, (row) => `${row.orderId} ${row.groupNumber}`);
      // A trade that was undone since is not there any more; a group may be empty by that.
      const whole = groups.flatMap(({ orderId, groupNumber }): OrderGroup[] => {
        const own = byGroup.get(`${orderId} ${groupNumber}`);
        return own ? [{ orderId, groupNumber, rows: own }] : [];
      });
      await instructions.compose(tx, whole);
    });
  }
}
