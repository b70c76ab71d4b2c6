import {
  closeOfDayMs,
  type Directory,
  type Instrument,
  isImmediate,
  isStanding,
  type LegOrder,
  type LegRejection,
  type MemberId,
  type Price,
  phaseAt,
  type Quantity,
  TERMINAL_STATUSES,
  type VenueId,
  type VenueTerms,
} from '@stoa/schema';
import type { VenueOrderRow } from '../executing/venue-order-store.ts';
import type { RoutingAgreements } from './routing-agreements.ts';

/** An immediate order that comes later than this after it was signed finds another market. */
const MAX_IMMEDIATE_AGE_MS = 10_000;

/** What a leg from another home node is judged by. */
export interface LegContext {
  /** The member whose session brought it: its home. */
  readonly home: MemberId;
  readonly venue: VenueId;
  readonly directory: Directory;
  /** Under which terms this venue trades. */
  readonly terms: VenueTerms;
  readonly agreements: Pick<RoutingAgreements, 'whyNotFrom'>;
  /** What else is open here of the home in the instrument's cash, in 10^-36 of it. */
  readonly openNotional: bigint;
  readonly sentAtMs: number;
  readonly nowMs: number;
}

/** Why this venue does not take a leg from another home node; undefined when it does. */
export function whyNotTaken(leg: LegOrder, context: LegContext): LegRejection | undefined {
  const instrument = context.directory.instruments.get(leg.instrument);
  // Cheap and general first; the agreement last, because it counts the leg against its rate.
  return (
    whyNotFromThere(leg, context) ??
    whyNotListed(instrument, leg, context) ??
    whyNotInShape(leg, instrument) ??
    whyNotInTime(leg, context) ??
    whyNotTraded(leg, instrument, context.terms) ??
    whyNotAgreed(leg, instrument, context)
  );
}

/** Why this venue does not change a leg of another home node; undefined when its book may be asked. */
export function whyNotReplaced(
  row: Pick<
    VenueOrderRow,
    'status' | 'instrument' | 'member' | 'side' | 'timeInForce' | 'filled' | 'minQuantity'
  >,
  change: { readonly quantity: Quantity; readonly limitPrice: Price },
  context: Omit<LegContext, 'sentAtMs'>,
): LegRejection | undefined {
  if (TERMINAL_STATUSES.has(row.status)) {
    return { code: 'ORDER_DONE', message: `The order is ${row.status}.` };
  }
  const instrument = context.directory.instruments.get(row.instrument);
  const asked = { ...change, instrument: row.instrument, member: row.member };
  const refused =
    whyNotFromThere(asked, context) ??
    whyNotListed(instrument, asked, context) ??
    whyNotInShape(change, instrument);
  if (refused) return refused;
  if (change.quantity < row.filled) {
    const message = 'The new quantity is below what was executed.';
    return { code: 'REPLACE_BELOW_FILLED', message };
  }
  if (row.minQuantity !== null && change.quantity < row.minQuantity) {
    const message = 'The new quantity is below the order’s minimum quantity.';
    return { code: 'MIN_QUANTITY_INVALID', message };
  }
  if (phaseAt(context.terms.calendar, context.nowMs) === 'closed') return closed();
  const { side, timeInForce } = row;
  return whyNotAgreed({ ...asked, side, timeInForce }, instrument, context);
}

type LegPart<Field extends keyof LegOrder> = Pick<LegOrder, Field>;

function whyNotFromThere(
  { member: id }: LegPart<'member'>,
  { directory, home }: Pick<LegContext, 'directory' | 'home'>,
): LegRejection | undefined {
  if (directory.members.get(home)?.kind !== 'venue') {
    return { code: 'HOME_NOT_A_VENUE', message: 'Only the node of a venue is home of orders.' };
  }
  const member = directory.members.get(id);
  if (member && isStanding(member)) return undefined;
  return { code: 'MEMBER_UNKNOWN', message: 'The order’s member is not in good standing.' };
}

function whyNotListed(
  instrument: Instrument | undefined,
  leg: LegPart<'instrument'>,
  { directory, venue }: Pick<LegContext, 'directory' | 'venue'>,
): LegRejection | undefined {
  const listing = directory.listings.find(
    (each) => each.venue === venue && each.instrument === leg.instrument,
  );
  if (instrument && listing?.status === 'listed') return undefined;
  return { code: 'NOT_LISTED', message: 'The instrument is not listed at this venue.' };
}

function whyNotInShape(
  leg: LegPart<'quantity' | 'limitPrice'>,
  instrument: Instrument | undefined,
): LegRejection | undefined {
  if (!instrument || leg.quantity % instrument.lotSize !== 0) {
    return { code: 'OFF_LOT', message: 'The quantity is not a multiple of the lot size.' };
  }
  if (leg.limitPrice % instrument.tickSize === 0) return undefined;
  return { code: 'OFF_TICK', message: 'The price is not a multiple of the tick size.' };
}

function whyNotInTime(
  leg: LegPart<'timeInForce' | 'expireAtMs' | 'quoteId'>,
  { terms: { calendar }, sentAtMs, nowMs }: Pick<LegContext, 'terms' | 'sentAtMs' | 'nowMs'>,
): LegRejection | undefined {
  if ((leg.timeInForce === 'gtd') !== (leg.expireAtMs !== undefined)) {
    return { code: 'EXPIRY_INVALID', message: 'An expiry belongs to a good-till-date order only.' };
  }
  if (leg.expireAtMs !== undefined && leg.expireAtMs <= nowMs) {
    return { code: 'EXPIRED', message: 'The order’s expiry has passed.' };
  }
  // A firm quote stands for as long as it says, however long its acceptance took.
  const isOnMarket = isImmediate(leg) && leg.quoteId === undefined;
  if (isOnMarket && nowMs - sentAtMs > MAX_IMMEDIATE_AGE_MS) {
    return { code: 'LEG_TOO_OLD', message: 'The order came too late to be an immediate one.' };
  }
  const endedAtMs = leg.timeInForce === 'day' ? closeOfDayMs(calendar, sentAtMs) : undefined;
  if (endedAtMs !== undefined && endedAtMs <= nowMs) {
    return { code: 'LEG_TOO_OLD', message: 'The day that the order was for is over.' };
  }
  const phase = phaseAt(calendar, nowMs);
  return phase === 'open' || (phase === 'entry' && !isImmediate(leg)) ? undefined : closed();
}

function closed(): LegRejection {
  return { code: 'CLOSED', message: 'The venue does not take such orders at this hour.' };
}

function whyNotTraded(
  { minQuantity, allOrNone, quantity }: LegPart<'minQuantity' | 'allOrNone' | 'quantity'>,
  instrument: Instrument | undefined,
  terms: VenueTerms,
): LegRejection | undefined {
  const lotSize = instrument?.lotSize ?? 1;
  if (allOrNone && !terms.allOrNone) {
    const message = 'This venue takes no orders that are all or none.';
    return { code: 'ALL_OR_NONE_NOT_TAKEN', message };
  }
  if (minQuantity !== undefined && !terms.minQuantity) {
    const message = 'This venue takes no orders with a minimum quantity.';
    return { code: 'MIN_QUANTITY_NOT_TAKEN', message };
  }
  if (minQuantity !== undefined && (minQuantity > quantity || minQuantity % lotSize !== 0)) {
    const message = 'The minimum quantity is above the quantity, or no whole lots.';
    return { code: 'MIN_QUANTITY_INVALID', message };
  }
  if (quantity >= terms.minimumLots * lotSize) return undefined;
  const message = `The smallest order that this venue takes is ${terms.minimumLots} lots.`;
  return { code: 'BELOW_VENUE_MINIMUM', message };
}

function whyNotAgreed(
  leg: LegPart<'member' | 'side' | 'timeInForce' | 'quantity' | 'limitPrice'>,
  instrument: Instrument | undefined,
  { agreements, home, openNotional, nowMs }: Omit<LegContext, 'sentAtMs'>,
): LegRejection | undefined {
  if (!instrument) return undefined;
  const { member, side, quantity, limitPrice: price } = leg;
  const order = { member, instrument, side, isResting: !isImmediate(leg), quantity, price };
  return agreements.whyNotFrom(home, order, { openNotional, nowMs });
}
