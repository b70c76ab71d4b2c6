import { type SQL, sql } from 'drizzle-orm';
import { mandates } from '../store/tables/mandates.ts';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';

// Conditions of partial indexes, said with constants. Statements are prepared, and a plan that is kept
// for all parameters can use such an index only where the statement itself says what the index is for:
// with a parameter in that place it reads every batch and every trade that there ever was.

/** Batches of `settlement_batches_open`. */
export const isOpenBatch: SQL = sql`${settlementBatches.state} in ('instructed', 'affirmed', 'submitted')`;
/** Those of them that every venue has signed. */
export const isAffirmedBatch: SQL = sql`${settlementBatches.state} in ('affirmed', 'submitted')`;
/** Those of them that a venue has yet to sign. */
export const isUnsignedBatch: SQL = sql`${settlementBatches.state} = 'instructed'`;
/** Those of them that are in no transaction of this node. */
export const isUnsentBatch: SQL = sql`${settlementBatches.state} in ('instructed', 'affirmed')`;

/** Batches of `settlement_batches_failed` that are tried again. */
export const isToBeRetried: SQL = sql`${settlementBatches.afterFailure} = 'retry' and ${settlementBatches.state} = 'failed'`;
/** Those that wait for the operator. */
export const isForOperator: SQL = sql`${settlementBatches.afterFailure} = 'operator' and ${settlementBatches.state} = 'failed'`;

/** Trades of `settlement_legs_to_reverse`. */
export const isToBeReversed: SQL = sql`${settlementLegs.reversal} is not null and ${settlementLegs.state} = 'settled'`;
/** Trades of `settlement_legs_ready`. */
export const isReadyForBatch: SQL = sql`${settlementLegs.batchId} is null and ${settlementLegs.readyAtMs} is not null`;

/** Mandates of `mandates_active`. */
export const isActiveMandate: SQL = sql`${mandates.state} = 'active'`;
