import type { settlementBatches } from '../store/tables/settlement-batches.ts';

/**
 * Causes that no waiting removes. Everything else may go away: a pause ends, a claim is renewed, a
 * wallet approves or is paid, a member is readmitted, a venue answers. A cause that this version does
 * not know is taken for one that may, and ends in the queue all the same when it does not.
 */
const lasting: ReadonlySet<string> = new Set([
  // Decided on chain, for ever.
  ...['TRADE_ALREADY_SETTLED', 'TRADE_ALREADY_REVERSED', 'INSTRUMENT_DELISTED', 'VENUE_HAS_CEASED'],
  // Signatures do not get better.
  ...['INVALID_VENUE_SIGNATURE', 'MALLEABLE_SIGNATURE', 'NOT_A_SIGNER', 'MISSING_VENUE_SIGNATURE'],
  ...['AFFIRMATION_INVALID', 'WRONG_CHAIN', 'WRONG_DOMAIN', 'NOT_A_VENUE'],
  // Nor do terms.
  ...[
    'ZERO_AMOUNT',
    'SELF_TRADE',
    'CASH_TOKEN_MISMATCH',
    'TRANSFER_NOT_EXACT',
    'BALANCE_TOO_LARGE',
  ],
  ...['TERMS_DIFFER', 'TRADE_UNKNOWN', 'LEG_NOT_OURS', 'TRADE_NAMED_TWICE', 'BATCH_MALFORMED'],
  ...['BATCH_ID_TAKEN', 'REVERSAL_UNFOUNDED', 'TRADE_WITHDRAWN', 'INSTRUMENT_UNKNOWN'],
  // Somebody has to sign or configure something.
  ...['CONSENT_REQUIRED', 'MANDATE_REQUIRED', 'GAS_TOO_LOW', 'GROUP_OUT_OF_GAS'],
]);

/** Codes after which the same signatures are of no use: a batch has to be composed and signed anew. */
const unsigned: ReadonlySet<string> = new Set([
  ...['AFFIRMATION_MISSING', 'AFFIRMATION_INVALID', 'DEADLINE_PASSED', 'TRADE_WITHDRAWN'],
  ...['INVALID_VENUE_SIGNATURE', 'MALLEABLE_SIGNATURE', 'NOT_A_SIGNER', 'MISSING_VENUE_SIGNATURE'],
  ...['WRONG_CHAIN', 'WRONG_DOMAIN'],
  // Which mandates a batch settles under is signed with it.
  'MANDATES_DIFFER',
]);

const mostAttempts = 12;
const mostWaitMs = 15 * 60_000;

/** What to do about a failure; pure. */
export interface FailureCourse {
  readonly afterFailure: 'retry' | 'operator';
  /** Null for the operator's queue. */
  readonly retryAtMs: number | null;
  readonly attempts: number;
}

/**
 * Whether a failed batch is tried again by itself, and when: after the first wait, which doubles with
 * every attempt up to a quarter of an hour; after twelve attempts an operator decides.
 */
export function courseAfter(
  code: string,
  { attempts, firstWaitMs, nowMs }: { attempts: number; firstWaitMs: number; nowMs: number },
): FailureCourse {
  const failures = attempts + 1;
  if (lasting.has(code) || isOfMandate(code) || failures > mostAttempts) {
    return { afterFailure: 'operator', retryAtMs: null, attempts: failures };
  }
  const waitMs = Math.min(firstWaitMs * 2 ** attempts, Math.max(mostWaitMs, firstWaitMs));
  return { afterFailure: 'retry', retryAtMs: nowMs + waitMs, attempts: failures };
}

/** Whether what failed so may succeed with the same signatures. */
export function isWorthSendingAgain(code: string): boolean {
  return !unsigned.has(code) && !lasting.has(code) && !isOfMandate(code);
}

/** Whether the batch can be sent again as it was signed. */
export function canBeSentAgain(
  batch: Pick<typeof settlementBatches.$inferSelect, 'code' | 'deadline' | 'legs' | 'signatures'>,
  nowMs: number,
): boolean {
  const named = new Set(batch.legs.flatMap((leg) => [leg.executingVenue, leg.homeVenue]));
  const signed = new Set(batch.signatures.map(({ venue }) => venue));
  const isSigned = [...named].every((venue) => signed.has(venue));
  const code = batch.code ?? '';
  const isGood = !unsigned.has(code) && !isOfMandate(code);
  return isSigned && nowMs / 1_000 < batch.deadline && isGood;
}

/** Another mandate has to be signed, by an investor, and then the batch by its venues. */
function isOfMandate(code: string): boolean {
  return code.startsWith('MANDATE_') || code.startsWith('INVALID_MANDATE');
}
