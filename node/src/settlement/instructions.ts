import {
  groupsHash,
  legsOfVenue,
  maxLegsPerBatch,
  type SettlementLeg,
  signVenueBatch,
  venuesOfBatch,
} from '@stoa/contracts';
import { type Execution, instrumentParts, invariant, isRefusal } from '@stoa/schema';
import { and, count, eq, isNull, or } from 'drizzle-orm';
import { zeroAddress } from 'viem';
import type { Transaction } from '../store/database.ts';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import { batchIdOf, legToMessage, lower, tradeTerms } from './batch-composition.ts';
import type { BatchRecords, LegRow } from './batch-records.ts';
import type { SettlementNeeds, SettlementOptions } from './settlement-needs.ts';

/** A trade of one of this node's orders, which took the liquidity: it settles with the order's group. */
export interface Instruction {
  readonly orderId: string;
  readonly legId: string;
  readonly execution: Execution;
}

const defaultSettleWithinS = 3_600;
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
        await this.#compose(tx, orderId, rows.slice(first, first + maxLegsPerBatch));
      }
    });
  }

  /** Makes one batch of the legs, signs it for this venue, and asks the others to sign. */
  async #compose(tx: Transaction, orderId: string, rows: readonly LegRow[]): Promise<void> {
    const [groups] = await tx
      .select({ count: count() })
      .from(settlementBatches)
      .where(eq(settlementBatches.orderId, orderId));
    const groupNumber = (groups?.count ?? 0) + 1;
    const batchId = batchIdOf(this.#options.venue, orderId, groupNumber);
    const createdAtMs = this.#needs.nowMs();
    const deadline =
      Math.floor(createdAtMs / 1_000) + (this.#options.settleWithinS ?? defaultSettleWithinS);
    const legs = rows.map((row): SettlementLeg => contractLeg(row, deadline));
    const hash = groupsHash([legs]);
    const own = await signVenueBatch(this.#needs.signer, {
      domain: { chainId: this.#options.chainId, settlement: this.#options.settlement },
      batchId,
      venue: this.#options.venue,
      legs,
      groupsHash: hash,
    });
    await tx.insert(settlementBatches).values({
      id: batchId,
      role: 'home',
      homeVenue: this.#options.venue,
      orderId,
      groupNumber,
      legs: legs.map(legToMessage),
      groupsHash: hash,
      deadline,
      signatures: [own],
      state: 'instructed',
      earlierHashes: [],
      createdAtMs,
    });
    await tx
      .update(settlementLegs)
      .set({ batchId })
      .where(or(...rows.map((row) => isLeg(tradeOf(row)))));
    const others = venuesOfBatch([legs]).filter((venue) => venue !== this.#options.venue);
    for (const venue of others) {
      await this.#needs.send(tx, venue, {
        kind: 'settlement-request',
        batchId,
        groupsHash: hash,
        legs: legsOfVenue(legs, venue).map(legToMessage),
      });
    }
    if (others.length === 0) await this.#needs.records.apply(tx, batchId, { kind: 'affirmed' });
    this.#needs.logger.info(
      { batchId, orderId, legs: legs.length, asked: others },
      'settlement batch composed',
    );
  }
}

function contractLeg(row: LegRow, deadline: number): SettlementLeg {
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

const tradeOf = (row: LegRow) => ({ venue: row.executingVenue, tradeNumber: row.tradeNumber });

function isLeg(trade: Pick<Execution, 'venue' | 'tradeNumber'>) {
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
