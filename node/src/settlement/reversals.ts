import { and, eq, isNull } from 'drizzle-orm';
import { encodeAbiParameters, type Hex, keccak256, zeroHash } from 'viem';
import type { Database, Transaction } from '../store/database.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import { type ComposerNeeds, composeBatch, newDeadline } from './batch-composer.ts';
import type { LegRow } from './batch-records.ts';
import { isToBeReversed } from './indexed-conditions.ts';
import { contractLeg, isLeg } from './instructions.ts';
import type { SettlementOptions } from './settlement-needs.ts';

const mostAtOnce = 50;

/** What reversing is given. */
export type ReversalNeeds = ComposerNeeds & { readonly db: Database };

/**
 * Undoes on chain what settled although its venue had undone or corrected the trade. Each trade is a
 * batch of its own: that one of them cannot be reversed must not hold up another.
 */
export class Reversals {
  readonly #options: SettlementOptions;
  readonly #needs: ReversalNeeds;

  constructor(options: SettlementOptions, needs: ReversalNeeds) {
    this.#options = options;
    this.#needs = needs;
  }

  /** Composes the reversals that are due: both venues sign them like any other batch. */
  async step(): Promise<void> {
    const due = await this.#needs.db
      .select()
      .from(settlementLegs)
      .where(
        and(
          isToBeReversed,
          isNull(settlementLegs.reversalBatchId),
          eq(settlementLegs.homeVenue, this.#options.venue),
        ),
      )
      .limit(mostAtOnce);
    for (const leg of due) await this.#needs.db.transaction((tx) => this.compose(tx, leg, 0));
  }

  /** Composes the reversal of a leg, in the place of one that cannot go on where there is one. */
  async compose(tx: Transaction, leg: LegRow, attempts: number): Promise<void> {
    const { executingVenue, tradeNumber } = leg;
    const id = reversalIdOf(leg);
    const deadline = newDeadline(this.#options, this.#needs.nowMs());
    await tx
      .update(settlementLegs)
      .set({ reversalBatchId: id })
      .where(isLeg({ venue: executingVenue, tradeNumber }));
    const draft = {
      id,
      deadline,
      attempts,
      purpose: 'reverse',
      groups: [{ legs: [contractLeg(leg, deadline)] }],
    } as const;
    await composeBatch(tx, draft, { options: this.#options, needs: this.#needs });
  }
}

/** keccak256(abi.encode(home venue, executing venue, trade number, the reversal it takes the place of)). */
function reversalIdOf({ homeVenue, executingVenue, tradeNumber, reversalBatchId }: LegRow): Hex {
  return keccak256(
    encodeAbiParameters(
      [{ type: 'string' }, { type: 'string' }, { type: 'uint256' }, { type: 'bytes32' }],
      [homeVenue, executingVenue, BigInt(tradeNumber), reversalBatchId ?? zeroHash],
    ),
  );
}
