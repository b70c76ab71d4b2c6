import type { VenueId } from '@stoa/schema';
import { sql } from 'drizzle-orm';
import type { Database } from '../store/database.ts';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import {
  isForOperator,
  isOpenBatch,
  isReadyForBatch,
  isToBeRetried,
  isToBeReversed,
} from './indexed-conditions.ts';

/** What there is to do for settlement. */
export interface WorkAtHand {
  /** Batches that have not come to an end. */
  readonly open: number;
  /** Failed ones that the operator has to decide about. */
  readonly forOperator: number;
  /** Whether failed ones are due to be tried again, trades to be reversed, groups to be put into a batch. */
  readonly retries: boolean;
  readonly reversals: boolean;
  readonly waiting: boolean;
}

/** Asked for in one statement: most of the time there is nothing, and rounds come often. */
export async function readWorkAtHand(
  db: Database,
  { venue, nowMs }: { readonly venue: VenueId; readonly nowMs: number },
): Promise<WorkAtHand> {
  const [row] = await db.execute<{
    open: number;
    for_operator: number;
    retries: boolean;
    reversals: boolean;
    waiting: boolean;
  }>(sql`select
    (select count(*)::int from ${settlementBatches} where ${isOpenBatch}) as open,
    (select count(*)::int from ${settlementBatches} where ${isForOperator}) as for_operator,
    exists (select 1 from ${settlementBatches}
      where ${isToBeRetried} and ${settlementBatches.retryAtMs} <= ${nowMs}::bigint) as retries,
    exists (select 1 from ${settlementLegs}
      where ${isToBeReversed} and ${settlementLegs.reversalBatchId} is null
        and ${settlementLegs.homeVenue} = ${venue}) as reversals,
    exists (select 1 from ${settlementLegs} where ${isReadyForBatch}) as waiting`);
  return {
    open: row?.open ?? 0,
    forOperator: row?.for_operator ?? 0,
    retries: row?.retries ?? false,
    reversals: row?.reversals ?? false,
    waiting: row?.waiting ?? false,
  };
}
