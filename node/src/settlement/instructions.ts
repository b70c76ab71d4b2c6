import {
  type BatchPurpose,
  maxLegsPerBatch,
  nettedMoves,
  type SettlementLeg,
} from '@stoa/contracts';
import { type Execution, instrumentParts, invariant, isRefusal } from '@stoa/schema';
import { and, eq, isNull, sql } from 'drizzle-orm';
import { type Hex, zeroAddress } from 'viem';
import type { Transaction } from '../store/database.ts';
import { insertRows } from '../store/insert-rows.ts';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import { issue } from '../store/transactions.ts';
import { composeBatch, type DraftGroup, newDeadline } from './batch-composer.ts';
import { batchIdOf, lower, tradeTerms } from './batch-composition.ts';
import type { BatchRecords, LegRow } from './batch-records.ts';
import { mandatesOf } from './mandates/mandate-exchange.ts';
import type { SettlementNeeds, SettlementOptions } from './settlement-needs.ts';
import { isOneOfTrades } from './trade-condition.ts';

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
    const rows = instructions.map(({ execution, orderId, legId }) => ({
      ...{ code: null, reason: null, ...this.#legOf(execution) },
      ...{ orderId, legId },
    }));
    const inserted = await tx.execute<{ executing_venue: string; trade_number: string }>(
      sql`${insertRows(settlementLegs, rows)} on conflict do nothing returning executing_venue, trade_number`,
    );
    if (inserted.length === instructions.length) return;
    const fresh = new Set(inserted.map((row) => `${row.executing_venue} ${row.trade_number}`));
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

  /**
   * Makes one all-or-none group of the order's trades that are in none. It waits for others to share
   * its batch, unless it fills one or nothing is waited for.
   */
  async closeGroup(tx: Transaction, orderId: string): Promise<void> {
    const rows = await tx
      .select()
      .from(settlementLegs)
      .where(
        and(
          eq(settlementLegs.orderId, orderId),
          eq(settlementLegs.homeVenue, this.#options.venue),
          eq(settlementLegs.state, 'instructed'),
          isNull(settlementLegs.batchId),
          isNull(settlementLegs.readyAtMs),
        ),
      )
      .orderBy(settlementLegs.executingVenue, settlementLegs.tradeNumber)
      .for('update');
    if (rows.length > maxLegsPerBatch) {
      const fields = { orderId, legs: rows.length, limit: maxLegsPerBatch };
      this.#needs.logger.warn(fields, 'order has more trades than one transaction settles');
    }
    const { batchWaitMs = 0, legsPerBatch = maxLegsPerBatch } = this.#options;
    for (let first = 0; first < rows.length; first += maxLegsPerBatch) {
      const group = rows.slice(first, first + maxLegsPerBatch);
      const groupNumber = await this.nextGroupNumber(tx, orderId);
      if (batchWaitMs <= 0 || group.length >= legsPerBatch) {
        await this.compose(tx, [{ orderId, groupNumber, rows: group }]);
      } else {
        const readyAtMs = this.#needs.nowMs();
        issue(
          tx,
          tx.update(settlementLegs).set({ groupNumber, readyAtMs }).where(isOneOfTrades(group)),
        );
      }
    }
  }

  /** Groups of an order are numbered from 1; a number is never used again. */
  async nextGroupNumber(tx: Transaction, orderId: string): Promise<number> {
    const [row] = await tx.execute<{ last: number | null }>(sql`select greatest(
      (select max(group_number) from ${settlementBatches} where order_id = ${orderId}),
      (select max(group_number) from ${settlementLegs} where order_id = ${orderId})) as last`);
    return (row?.last ?? 0) + 1;
  }

  /**
   * Makes one batch of the groups, signs it for this venue, and asks the others to sign.
   *
   * @param before what it takes the place of: failures so far, and the batch that was signed by some
   */
  async compose(
    tx: Transaction,
    groups: readonly OrderGroup[],
    before: { readonly attempts?: number; readonly replaces?: Hex } = {},
  ): Promise<void> {
    const [first] = groups;
    if (!first) return;
    const id = batchIdOf(this.#options.venue, first.orderId, first.groupNumber);
    const deadline = newDeadline(this.#options, this.#needs.nowMs());
    for (const { groupNumber, rows } of groups) {
      const anew = {
        batchId: id,
        groupNumber,
        state: 'instructed',
        code: null,
        reason: null,
      } as const;
      issue(tx, tx.update(settlementLegs).set(anew).where(isOneOfTrades(rows)));
    }
    const mandates = await mandatesOf(
      tx,
      this.#options.venue,
      groups.map(({ rows }) => rows),
    );
    const drafts = groups.map(({ orderId, groupNumber, rows }, index) => ({
      order: { id: orderId, groupNumber },
      legs: rows.map((row) => contractLeg(row, deadline)),
      mandates: mandates?.[index] ?? [],
    }));
    const draft = {
      ...{ id, deadline, groups: drafts, attempts: before.attempts ?? 0 },
      ...{ purpose: this.#purposeOf(drafts, before), replaces: before.replaces },
    };
    await composeBatch(tx, draft, { options: this.#options, needs: this.#needs });
  }

  /** Net where every token allows it and that saves at least half of the transfers; never a second time. */
  #purposeOf(groups: readonly DraftGroup[], before: { readonly replaces?: Hex }): BatchPurpose {
    const legs = groups.flatMap((group) => group.legs);
    if (before.replaces !== undefined || legs.length < 2) return 'settle';
    const instruments = [...this.#needs.directory.current().instruments.values()];
    const nettable = new Set(
      instruments.flatMap((one) => (one.nettable === true ? [lower(one.token)] : [])),
    );
    if (!legs.every(({ token }) => nettable.has(token))) return 'settle';
    return nettedMoves(legs).length <= legs.length ? 'net' : 'settle';
  }
}

/** An order's trades that settle all or none. */
export interface OrderGroup {
  readonly orderId: string;
  readonly groupNumber: number;
  readonly rows: readonly LegRow[];
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
