import type { SettlementLeg } from '@stoa/contracts';
import { type Directory, isRefusal, type Refusal, refuse, type VenueId } from '@stoa/schema';
import { lower, type TradeFacts, tradeTerms } from './batch-composition.ts';
import type { SettlementState } from './settlement-view.ts';

/** What the executing venue knows when it is asked to sign anything. */
interface CommonFacts {
  /** This venue. */
  readonly venue: VenueId;
  /** Who asks, proven by the order session. */
  readonly from: VenueId;
  readonly directory: Directory;
  readonly nowS: number;
  readonly maxSettleWithinS: number;
  /** Settlement so far of the trades asked about, by trade number. */
  readonly settlements: ReadonlyMap<
    number,
    { readonly batchId: string | null; readonly state: SettlementState }
  >;
}

/** What the executing venue knows when it is asked to sign a settlement. */
export interface RequestFacts extends CommonFacts {
  /** This venue's own record of the trades asked about, by trade number. */
  readonly trades: ReadonlyMap<number, TradeFacts>;
}

/** What settled of a trade, as this venue recorded it. */
type SettledTerms = Pick<
  SettlementLeg,
  'token' | 'cashToken' | 'seller' | 'buyer' | 'homeVenue'
> & {
  readonly state: SettlementState;
  readonly tokenQuantity: bigint;
  readonly cashAmount: bigint;
};

/** What the executing venue knows when it is asked to sign a reversal. */
export interface ReversalFacts extends Omit<CommonFacts, 'settlements'> {
  readonly settlements: ReadonlyMap<number, SettledTerms>;
  /** Which of the trades this venue undid or corrected. */
  readonly changed: ReadonlySet<number>;
}

/** A request to sign: the legs that name this venue, in batch order. */
export interface RequestedBatch {
  readonly batchId: string;
  readonly legs: readonly SettlementLeg[];
  /** The batch of the same home that this one takes the place of. */
  readonly replaces?: string;
}

type Check<Facts> = (
  leg: SettlementLeg,
  batch: RequestedBatch,
  facts: Facts,
) => Refusal | undefined;

/**
 * Every leg passes every check, in this order: whose trade it claims to be, whether there is such a
 * trade, whether its terms are those of our record, and only then whether it is still to be settled.
 */
const checks: readonly Check<RequestFacts>[] = [
  isBetweenUs,
  isNamedOnce,
  isRecorded,
  hasOurTerms,
  hasDeadlineWithinBounds,
  isUnsettled,
];

/** The same for a reversal, which needs no listing: what is delisted can still be undone. */
const reversalChecks: readonly Check<ReversalFacts>[] = [
  isBetweenUs,
  isNamedOnce,
  hasDeadlineWithinBounds,
  isAsSettled,
  wasChanged,
];

/** Why this venue will not sign the batch; undefined when it will. Pure. */
export function checkSettlementRequest(
  batch: RequestedBatch,
  facts: RequestFacts,
): Refusal | undefined {
  return firstRefusal(checks, batch, facts);
}

/** Why this venue will not sign the reversal of trades of its own; undefined when it will. Pure. */
export function checkReversalRequest(
  batch: RequestedBatch,
  facts: ReversalFacts,
): Refusal | undefined {
  return firstRefusal(reversalChecks, batch, facts);
}

function firstRefusal<Facts>(
  checks: readonly Check<Facts>[],
  batch: RequestedBatch,
  facts: Facts,
): Refusal | undefined {
  for (const leg of batch.legs) {
    for (const check of checks) {
      const refusal = check(leg, batch, facts);
      if (refusal) return refusal;
    }
  }
  return undefined;
}

const REVIEW = 'Compare the execution with the venue’s record, and ask again with its terms.';

function isBetweenUs(
  leg: SettlementLeg,
  _batch: RequestedBatch,
  facts: Pick<CommonFacts, 'venue' | 'from'>,
) {
  if (leg.executingVenue === facts.venue && leg.homeVenue === facts.from) return undefined;
  return refuse(
    'LEG_NOT_OURS',
    `Trade ${leg.tradeNumber} names ${leg.executingVenue} and ${leg.homeVenue}, and ${facts.from} asked ${facts.venue}.`,
    'Ask each venue only for its own trades, as their home venue.',
  );
}

function isNamedOnce(leg: SettlementLeg, batch: RequestedBatch) {
  const named = batch.legs.filter(({ tradeNumber }) => tradeNumber === leg.tradeNumber).length;
  if (named === 1) return undefined;
  return refuse(
    'TRADE_NAMED_TWICE',
    `Trade ${leg.tradeNumber} is in the batch ${named} times.`,
    REVIEW,
  );
}

/** A trade that another home settles answers as none: who asks learns nothing by guessing its terms. */
function isRecorded(leg: SettlementLeg, _batch: RequestedBatch, facts: RequestFacts) {
  if (facts.trades.get(Number(leg.tradeNumber))?.homeVenue === facts.from) return undefined;
  return refuse('TRADE_UNKNOWN', `${facts.venue} has no trade ${leg.tradeNumber}.`, REVIEW);
}

function hasOurTerms(leg: SettlementLeg, _batch: RequestedBatch, facts: RequestFacts) {
  const trade = facts.trades.get(Number(leg.tradeNumber));
  if (!trade) return undefined;
  const terms = tradeTerms(trade, facts.directory);
  if (isRefusal(terms)) return terms;
  const differences = Object.entries({
    buyer: lower(leg.buyer) === lower(trade.buyer),
    seller: lower(leg.seller) === lower(trade.seller),
    token: lower(leg.token) === terms.token,
    'cash token': lower(leg.cashToken) === terms.cashToken,
    quantity: leg.quantity === terms.tokenQuantity,
    amount: leg.amount === terms.cashAmount,
  }).flatMap(([name, same]) => (same ? [] : [name]));
  if (differences.length === 0) return undefined;
  return refuse(
    'TERMS_DIFFER',
    `Trade ${leg.tradeNumber} differs from the record of ${facts.venue} in: ${differences.join(', ')}.`,
    REVIEW,
  );
}

function hasDeadlineWithinBounds(
  leg: SettlementLeg,
  _batch: RequestedBatch,
  facts: Pick<CommonFacts, 'nowS' | 'maxSettleWithinS'>,
) {
  const latest = facts.nowS + facts.maxSettleWithinS;
  if (leg.deadline > facts.nowS && leg.deadline <= latest) return undefined;
  return refuse(
    'DEADLINE_OUT_OF_BOUNDS',
    `The deadline of trade ${leg.tradeNumber} is not within ${facts.maxSettleWithinS} seconds from now.`,
    'Choose a nearer deadline, and check the clock.',
  );
}

function isUnsettled(leg: SettlementLeg, batch: RequestedBatch, facts: RequestFacts) {
  const known = facts.settlements.get(Number(leg.tradeNumber));
  if (known?.state === 'settled') {
    return refuse(
      'TRADE_ALREADY_SETTLED',
      `Trade ${leg.tradeNumber} of ${facts.venue} has already settled.`,
      'Nothing is left to do.',
    );
  }
  // A signature given cannot be taken back, so another is given only when the first is worthless.
  if (
    known &&
    known.batchId !== null &&
    known.batchId !== batch.batchId &&
    // Of both, whichever settles the trade first is the only one that does.
    known.batchId !== batch.replaces &&
    known.state !== 'failed'
  ) {
    return refuse(
      'TRADE_IN_ANOTHER_BATCH',
      `Trade ${leg.tradeNumber} is already signed in batch ${known.batchId}.`,
      'Wait until that batch settles, fails, or passes its deadline.',
    );
  }
  return undefined;
}

/** Only what settled is undone, on the terms on which it settled. */
function isAsSettled(leg: SettlementLeg, _batch: RequestedBatch, facts: ReversalFacts) {
  const known = facts.settlements.get(Number(leg.tradeNumber));
  if (known?.homeVenue !== facts.from || known.state !== 'settled') {
    const isDone = known?.homeVenue === facts.from && known.state === 'reversed';
    return refuse(
      isDone ? 'TRADE_ALREADY_REVERSED' : 'TRADE_NOT_SETTLED',
      `Trade ${leg.tradeNumber} is ${isDone ? 'already reversed' : 'not settled'} as ${facts.venue} has it.`,
      isDone ? 'Nothing is left to do.' : 'Ask again when its settlement is final.',
    );
  }
  const isSame =
    lower(leg.token) === known.token &&
    lower(leg.cashToken) === known.cashToken &&
    lower(leg.seller) === known.seller &&
    lower(leg.buyer) === known.buyer &&
    leg.quantity === known.tokenQuantity &&
    leg.amount === known.cashAmount;
  if (isSame) return undefined;
  const message = `Trade ${leg.tradeNumber} settled on other terms at ${facts.venue}.`;
  return refuse('TERMS_DIFFER', message, REVIEW);
}

function wasChanged(leg: SettlementLeg, _batch: RequestedBatch, facts: ReversalFacts) {
  if (facts.changed.has(Number(leg.tradeNumber))) return undefined;
  return refuse(
    'REVERSAL_UNFOUNDED',
    `${facts.venue} neither undid nor corrected trade ${leg.tradeNumber}.`,
    'Ask the venue why it should be reversed.',
  );
}
