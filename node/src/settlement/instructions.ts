import { maxLegsPerBatch, type SettlementLeg } from '@stoa/contracts';
import { type Execution, instrumentParts, invariant, isRefusal } from '@stoa/schema';
import { and, count, eq, inArray, isNull, or } from 'drizzle-orm';
import { zeroAddress } from 'viem';
import type { Transaction } from '../store/database.ts';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import { composeBatch, newDeadline } from './batch-composer.ts';
import { batchIdOf, lower, tradeTerms } from './batch-composition.ts';
import type { BatchRecords, LegRow } from './batch-records.ts';
import type { SettlementNeeds, SettlementOptions } from './settlement-needs.ts';

/** A trade of one of this node's orders, which took the liquidity: it settles with the order's group. */
export interface Instruction {
  readonly orderId: string;
  readonly legId: string;
  readonly execution: Execution;
}

/** Rows of one statement. */
const mostAtOnce = 1_000;

/** What composing batches is given. */
export type InstructionNeeds = Pick<
  SettlementNeeds,
  'db' | 'signer' | 'directory' | 'send' | 'logger' | 'nowMs'
> & {
  readonly records: BatchRecords;
};

/** The home venue's side: what is to be settled, and with what. */
export class Instructions {
  readonly #options: SettlementOptions;
  readonly #needs: InstructionNeeds;

  constructor(options: SettlementOptions, needs: InstructionNeeds) {
    this.#options = options;
    this.#needs = needs;
  }

  async instruct(tx: Transaction, instructions: readonly Instruction[]): Promise<void> {
    for (let first = 0; first < instructions.length; first += mostAtOnce) {
      await this.#instruct(tx, instructions.slice(first, first + mostAtOnce));
    }
  }

  async #instruct(tx: Transaction, instructions: readonly Instruction[]): Promise<void> {
    for (const { execution } of instructions) {
      const { venue, tradeNumber, homeVenue } = execution;
      invariant(homeVenue === this.#options.venue, 'The home venue instructs.', {
        venue,
        tradeNumber,
      });
    }
    const inserted = await tx
      .insert(settlementLegs)
      .values(
        instructions.map(({ execution, orderId, legId }) => ({
          ...this.#legOf(execution),
          orderId,
          legId,
        })),
      )
      .onConflictDoNothing()
      .returning({
        executingVenue: settlementLegs.executingVenue,
        tradeNumber: settlementLegs.tradeNumber,
      });
    if (inserted.length === instructions.length) return;
    const fresh = new Set(inserted.map((row) => `${row.executingVenue} ${row.tradeNumber}`));
    for (const { execution, orderId, legId } of instructions) {
      const { venue, tradeNumber } = execution;
      if (fresh.delete(`${venue} ${tradeNumber}`)) continue;
      const [known] = await tx.select().from(settlementLegs).where(isLeg(execution));
      const isSame =
        known?.orderId === orderId && known.legId === legId && isSameTrade(known, execution);
      invariant(isSame, 'A trade is instructed once, on one set of terms.', { venue, tradeNumber });
    }
  }

  #legOf(execution: Execution) {
    const terms = tradeTerms(execution, this.#needs.directory.current());
    const { venue, tradeNumber, executionId, homeVenue, instrument, price, quantity } = execution;
    const trade = {
      ...{
        executingVenue: venue,
        tradeNumber,
        executionId,
        homeVenue,
        instrument,
        price,
        quantity,
      },
      seller: lower(execution.seller),
      buyer: lower(execution.buyer),
      recordedAtMs: this.#needs.nowMs(),
    };
    if (!isRefusal(terms)) return { ...trade, ...terms, state: 'instructed' as const };
    // The trade happened, and stays on record; what cannot move is said here, not thrown.
    this.#needs.logger.error({ venue, tradeNumber, code: terms.code }, 'trade cannot be settled');
    return {
      ...trade,
      token: instrumentParts(instrument)?.token ?? zeroAddress,
      cashToken: zeroAddress,
      tokenQuantity: 0n,
      cashAmount: 0n,
      state: 'failed' as const,
      code: terms.code,
      reason: terms.message,
    };
  }

  /**
   * Takes back what was to be settled for a trade that its venue undid or corrected. What is in a
   * batch may have been signed, and anybody may submit it: then only the need of a reversal is noted.
   */
  async withdraw(
    tx: Transaction,
    trade: Pick<Execution, 'venue' | 'tradeNumber'>,
    reason: string,
  ): Promise<'withdrawn' | 'in-settlement'> {
    const { venue, tradeNumber } = trade;
    await tx.delete(settlementLegs).where(and(isLeg(trade), isNull(settlementLegs.batchId)));
    const batched = await tx
      .update(settlementLegs)
      .set({ reversal: reason })
      .where(isLeg(trade))
      .returning({ state: settlementLegs.state });
    if (batched.length === 0) return 'withdrawn';
    const fields = { venue, tradeNumber, reason, state: batched[0]?.state };
    this.#needs.logger.error(fields, 'a trade in settlement was changed and is to be reversed');
    return 'in-settlement';
  }

  async closeGroup(orderId: string): Promise<void> {
    await this.#needs.db.transaction(async (tx) => {
      const rows = await tx
        .select()
        .from(settlementLegs)
        .where(
          and(
            eq(settlementLegs.orderId, orderId),
            eq(settlementLegs.homeVenue, this.#options.venue),
            eq(settlementLegs.state, 'instructed'),
            isNull(settlementLegs.batchId),
          ),
        )
        .orderBy(settlementLegs.executingVenue, settlementLegs.tradeNumber)
        .for('update');
      if (rows.length > maxLegsPerBatch) {
        const fields = { orderId, legs: rows.length, limit: maxLegsPerBatch };
        this.#needs.logger.warn(fields, 'order has more trades than one transaction settles');
      }
      for (let first = 0; first < rows.length; first += maxLegsPerBatch) {
        await this.compose(tx, orderId, rows.slice(first, first + maxLegsPerBatch));
      }
    });
  }

  /**
   * Makes one batch of the legs, signs it for this venue, and asks the others to sign.
   *
   * @param attempts failures of the batch that this one takes the place of
   */
  async compose(
    tx: Transaction,
    orderId: string,
    rows: readonly LegRow[],
    attempts = 0,
  ): Promise<void> {
    const [groups] = await tx
      .select({ count: count() })
      .from(settlementBatches)
      .where(eq(settlementBatches.orderId, orderId));
    const groupNumber = (groups?.count ?? 0) + 1;
    const id = batchIdOf(this.#options.venue, orderId, groupNumber);
    const deadline = newDeadline(this.#options, this.#needs.nowMs());
    const draft = {
      ...{ id, deadline, attempts, order: { id: orderId, groupNumber } },
      purpose: 'settle' as const,
      legs: rows.map((row) => contractLeg(row, deadline)),
    };
    await tx
      .update(settlementLegs)
      .set({ batchId: id, state: 'instructed', code: null, reason: null })
      .where(or(...[...Map.groupBy(rows, (row) => row.executingVenue)].map(isAmong)));
    await composeBatch(tx, draft, { options: this.#options, needs: this.#needs });
  }
}

/** A recorded trade as the contract takes it. */
export function contractLeg(row: LegRow, deadline: number): SettlementLeg {
  return {
    executingVenue: row.executingVenue,
    homeVenue: row.homeVenue,
    tradeNumber: BigInt(row.tradeNumber),
    token: row.token,
    cashToken: row.cashToken,
    seller: row.seller,
    buyer: row.buyer,
    quantity: row.tokenQuantity,
    amount: row.cashAmount,
    deadline,
  };
}

function isAmong([venue, rows]: [string, readonly LegRow[]]) {
  return and(
    eq(settlementLegs.executingVenue, venue),
    inArray(
      settlementLegs.tradeNumber,
      rows.map(({ tradeNumber }) => tradeNumber),
    ),
  );
}

/** Names a trade's row. */
export function isLeg(trade: Pick<Execution, 'venue' | 'tradeNumber'>) {
  return and(
    eq(settlementLegs.executingVenue, trade.venue),
    eq(settlementLegs.tradeNumber, trade.tradeNumber),
  );
}

function isSameTrade(known: LegRow, execution: Execution): boolean {
  return (
    known.executionId === execution.executionId &&
    known.instrument === execution.instrument &&
    known.price === execution.price &&
    known.quantity === execution.quantity &&
    known.buyer === lower(execution.buyer) &&
    known.seller === lower(execution.seller) &&
    known.homeVenue === execution.homeVenue
  );
}
