import {
  type Instrument,
  type OrderRequest,
  type Refusal,
  refuse,
  type VenueId,
} from '@stoa/schema';
import type { VenueTermsBook } from '../terms/venue-terms-book.ts';
import { mayWait } from './order-types.ts';

/** Codes of an order whose wishes do not go together, or that no venue could carry out. */
export type StrategyRefusalCode =
  | 'DIRECTED_TO_MISSING'
  | 'DIRECTED_TO_NOT_ALLOWED'
  | 'REMAINDER_NOT_ALLOWED'
  | 'STRATEGY_CONFLICT'
  | 'MIN_QUANTITY_INVALID'
  | 'MIN_QUANTITY_NOT_ALLOWED'
  | 'MIN_QUANTITY_NOT_TAKEN'
  | 'ALL_OR_NONE_NOT_ALLOWED'
  | 'ALL_OR_NONE_NOT_TAKEN'
  | 'BELOW_VENUE_MINIMUM';

/** Whether what an order says about where it goes, and about its rest, goes together. */
export function checkStrategy(
  request: OrderRequest,
  home: VenueId,
): Refusal<StrategyRefusalCode> | undefined {
  const { strategy = 'best', directedTo, remainder } = request;
  if (strategy === 'directed' && directedTo === undefined) {
    const message = 'A directed order names its venue.';
    return refuse('DIRECTED_TO_MISSING', message, 'Name the venue, or send strategy BEST.');
  }
  if (strategy !== 'directed' && directedTo !== undefined) {
    const message = 'Only a directed order names a venue.';
    return refuse('DIRECTED_TO_NOT_ALLOWED', message, 'Leave it out, or send strategy DIRECTED.');
  }
  const rests = remainder === 'rest-home' || remainder === 'rest-best';
  if (rests && !mayWait(request)) {
    const message = 'A market order, and one that is immediate, leaves no rest that could wait.';
    return refuse('REMAINDER_NOT_ALLOWED', message, 'Leave the remainder out, or send CANCEL.');
  }
  if (remainder === 'rest-home' && directedTo !== undefined && directedTo !== home) {
    const message = `The order goes to ${directedTo} and no other venue, so nothing of it rests at home.`;
    return refuse('STRATEGY_CONFLICT', message, 'Send remainder REST_BEST or CANCEL.');
  }
  return undefined;
}

/** Whether the least that may be executed is one, and goes with the rest of the order. */
export function checkMinimum(
  request: OrderRequest,
  { lotSize }: Instrument,
): Refusal<StrategyRefusalCode> | undefined {
  const { minQuantity, allOrNone, timeInForce, quantity } = request;
  if (allOrNone && !mayWait(request)) {
    const message = 'An immediate order that is all or none is fill or kill.';
    return refuse('ALL_OR_NONE_NOT_ALLOWED', message, 'Send time in force FOK.');
  }
  if (minQuantity === undefined) return undefined;
  if (allOrNone || timeInForce === 'fok') {
    const message = 'An order that is executed as a whole or not at all has no minimum quantity.';
    return refuse('MIN_QUANTITY_NOT_ALLOWED', message, 'Leave the minimum quantity out.');
  }
  const isSound = Number.isSafeInteger(minQuantity) && minQuantity > 0;
  if (isSound && minQuantity <= quantity && minQuantity % lotSize === 0) return undefined;
  const message = 'The minimum quantity is not above zero, above the quantity, or no whole lots.';
  return refuse('MIN_QUANTITY_INVALID', message, 'Send whole lots, at most the quantity.');
}

/** Whether the one venue of a directed order, or the venue it would wait at, takes such orders at all. */
export function checkTaken(
  request: OrderRequest,
  { lotSize, symbol }: Instrument,
  context: { readonly home: VenueId; readonly terms: VenueTermsBook },
): Refusal<StrategyRefusalCode> | undefined {
  const { directedTo, allOrNone, minQuantity, quantity, remainder } = request;
  const restsAtHome = mayWait(request) && (remainder ?? 'rest-home') === 'rest-home';
  const only = directedTo ?? (allOrNone && restsAtHome ? context.home : undefined);
  const terms = only === undefined ? undefined : context.terms.of(only)?.terms;
  if (!terms) return undefined;
  if (allOrNone && !terms.allOrNone) {
    const message = `${only} takes no orders that are all or none.`;
    return refuse('ALL_OR_NONE_NOT_TAKEN', message, 'Send a minimum quantity, or another venue.');
  }
  if (directedTo === undefined) return undefined;
  if (minQuantity !== undefined && !terms.minQuantity) {
    const message = `${only} takes no orders with a minimum quantity.`;
    return refuse('MIN_QUANTITY_NOT_TAKEN', message, 'Leave it out, or send it elsewhere.');
  }
  if (quantity >= terms.minimumLots * lotSize) return undefined;
  const message = `The smallest order in ${symbol} that ${only} takes is ${terms.minimumLots} lots.`;
  return refuse('BELOW_VENUE_MINIMUM', message, 'Raise the quantity, or send it elsewhere.');
}
