import type { SettlementLeg } from '@stoa/contracts';
import { type Directory, isRefusal, type Refusal, refuse, type VenueId } from '@stoa/schema';
import { lower, type TradeFacts, tradeTerms } from './batch-composition.ts';
import type { SettlementState } from './settlement-view.ts';

/** What the executing venue knows when it is asked to sign. */
export interface RequestFacts {
  /** This venue. */
  readonly venue: VenueId;
  /** Who asks, proven by the order session. */
  readonly from: VenueId;
  readonly directory: Directory;
  readonly nowS: number;
  readonly maxSettleWithinS: number;
  /** This venue's own record of the trades asked about, by trade number. */
  readonly trades: ReadonlyMap<number, TradeFacts>;
  /** Settlement so far of the trades asked about, by trade number. */
  readonly settlements: ReadonlyMap<
    number,
    { readonly batchId: string | null; readonly state: SettlementState }
  >;
}

/** A request to sign: the legs that name this venue, in batch order. */
export interface RequestedBatch {
  readonly batchId: string;
  readonly legs: readonly SettlementLeg[];
}

type Check = (
  leg: SettlementLeg,
  batch: RequestedBatch,
  facts: RequestFacts,
) => Refusal | undefined;

/**
 * Every leg passes every check, in this order: whose trade it claims to be, whether there is such a
 * trade, whether its terms are those of our record, and only then whether it is still to be settled.
 */
const checks: readonly Check[] = [
  isBetweenUs,
  isNamedOnce,
  isRecorded,
  hasOurTerms,
  hasDeadlineWithinBounds,
  isUnsettled,
];

/** Why this venue will not sign the batch; undefined when it will. Pure. */
export function checkSettlementRequest(
  batch: RequestedBatch,
  facts: RequestFacts,
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

function isBetweenUs(leg: SettlementLeg, _batch: RequestedBatch, facts: RequestFacts) {
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

function hasDeadlineWithinBounds(leg: SettlementLeg, _batch: RequestedBatch, facts: RequestFacts) {
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
