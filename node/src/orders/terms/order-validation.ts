import {
  type Directory,
  type Instrument,
  isRefusal,
  type MemberId,
  type OrderRequest,
  type Price,
  type Quantity,
  type Refusal,
  refuse,
  TERMINAL_STATUSES,
  type VenueId,
} from '@stoa/schema';
import type { ConsolidatedBook } from '../../market/market-view.ts';
import type { Caller } from '../blotter/order-view.ts';
import {
  checkMinimum,
  checkStrategy,
  checkTaken,
  type StrategyRefusalCode,
} from '../life/order-strategy-check.ts';
import { mayWait, type OrderState } from '../life/order-types.ts';
import { checkExpiry, checkHours, type HoursRefusalCode } from './order-hours.ts';
import type { VenueTermsBook } from './venue-terms-book.ts';

/** What a request is judged by. */
export interface RequestContext {
  readonly venue: VenueId;
  /** Wallets of each member, in lower case. */
  readonly accounts: ReadonlyMap<string, ReadonlySet<string>>;
  readonly directory: Directory;
  readonly book: ConsolidatedBook;
  readonly terms: VenueTermsBook;
  readonly nowMs: number;
}

/** Codes of an order that is refused before anything is recorded. */
export type RequestRefusalCode =
  | 'NOT_YOUR_HOME'
  | 'MEMBER_NOT_ACTIVE'
  | 'CLIENT_ORDER_ID_INVALID'
  | 'INSTRUMENT_UNKNOWN'
  | 'NOT_LISTED'
  | 'VENUE_UNKNOWN'
  | 'NOT_LISTED_THERE'
  | 'HALTED'
  | 'ACCOUNT_UNKNOWN'
  | 'QUANTITY_INVALID'
  | 'OFF_LOT'
  | 'LIMIT_PRICE_MISSING'
  | 'LIMIT_PRICE_NOT_ALLOWED'
  | 'LIMIT_PRICE_INVALID'
  | 'OFF_TICK'
  | HoursRefusalCode
  | StrategyRefusalCode;

/** Codes of a replacement or a cancellation that is refused. */
export type ChangeRefusalCode =
  | 'ORDER_DONE'
  | 'ORDER_IMMEDIATE'
  | 'CANCEL_PENDING'
  | 'REPLACE_PENDING'
  | 'REPLACE_BELOW_FILLED'
  | 'NOTHING_TO_REPLACE';

type Checked<T> = T | Refusal<RequestRefusalCode>;

/** What a client order id may be; an order's own id always is. */
export const CLIENT_ORDER_ID = /^[\x21-\x7e]{1,64}$/;

/** Who asks, and under which id: what must hold even to look for an order that was placed before. */
export function checkCaller(
  caller: Caller,
  request: OrderRequest,
  venue: VenueId,
): Refusal<RequestRefusalCode> | undefined {
  if (caller.home !== venue) {
    const message = `The home node of ${caller.member} is ${caller.home}, not ${venue}.`;
    return refuse('NOT_YOUR_HOME', message, 'Send the order to your home node.');
  }
  if (!CLIENT_ORDER_ID.test(request.clientOrderId)) {
    const message = 'The client order id is not 1 to 64 printable ASCII characters without spaces.';
    return refuse('CLIENT_ORDER_ID_INVALID', message, 'Choose another client order id.');
  }
  return undefined;
}

/** Judges an order by the directory, the caller's accounts and the market: its instrument, or why not. */
export function checkRequest(
  caller: Caller,
  request: OrderRequest,
  context: RequestContext,
): Checked<Instrument> {
  const { directory, accounts } = context;
  if (directory.members.get(caller.member)?.status !== 'active') {
    const message = `${caller.member} is no active member of the network.`;
    return refuse('MEMBER_NOT_ACTIVE', message, 'Ask the network about your membership.');
  }
  const instrument = directory.instruments.get(request.instrument);
  if (!instrument) {
    const message = 'No such instrument is registered.';
    return refuse('INSTRUMENT_UNKNOWN', message, 'Take the id from the list of instruments.');
  }
  return (
    checkAccount(accounts, caller.member, request.account) ??
    checkOrder(request, instrument, context) ??
    instrument
  );
}

/** Whether a wallet is one that the home node has on file for the member. */
export function checkAccount(
  accounts: ReadonlyMap<MemberId, ReadonlySet<string>>,
  member: MemberId,
  account: string,
): Refusal<'ACCOUNT_UNKNOWN'> | undefined {
  if (accounts.get(member)?.has(account.toLowerCase())) return undefined;
  const message = 'The account is none of yours at this home node.';
  return refuse(
    'ACCOUNT_UNKNOWN',
    message,
    'Use a wallet that your home node has on file for you.',
  );
}

function checkOrder(
  request: OrderRequest,
  instrument: Instrument,
  context: RequestContext,
): Refusal<RequestRefusalCode> | undefined {
  const { venue: home, terms, nowMs } = context;
  const candidates = findCandidates(request, instrument, context);
  if (isRefusal(candidates)) return candidates;
  // What the order says of itself before what the venues say of it: the nearest mistake is told.
  return (
    checkStrategy(request, home) ??
    checkTerms(request, instrument) ??
    checkMinimum(request, instrument) ??
    checkExpiry(request, nowMs) ??
    checkTaken(request, instrument, { home, terms }) ??
    checkHours(request, instrument, { candidates, terms, nowMs })
  );
}

/** Venues at which the order could trade, were they open; or why there are none. */
function findCandidates(
  { directedTo, strategy }: OrderRequest,
  instrument: Instrument,
  { venue: home, directory, book }: RequestContext,
): Checked<readonly VenueId[]> {
  if (directedTo !== undefined && directory.members.get(directedTo)?.kind !== 'venue') {
    const message = 'No such venue is a member of the network.';
    return refuse('VENUE_UNKNOWN', message, 'Take the id from the list of venues.');
  }
  const listed = directory.listings.filter(
    ({ instrument: id, status }) =>
      id === instrument.id && (status === 'listed' || status === 'halted'),
  );
  if (listed.length === 0) {
    const message = `No venue lists ${instrument.symbol}.`;
    return refuse('NOT_LISTED', message, 'Wait until a venue lists it.');
  }
  const named = directedTo ?? (strategy === 'home-first' ? home : undefined);
  if (named !== undefined && !listed.some(({ venue }) => venue === named)) {
    const message = `${named} does not list ${instrument.symbol}.`;
    return refuse(
      'NOT_LISTED_THERE',
      message,
      'Name a venue that lists it, or send strategy BEST.',
    );
  }
  const able = listed.filter(({ venue }) => directedTo === undefined || venue === directedTo);
  const trading = able.filter(
    ({ venue, status }) =>
      status === 'listed' && !book.venues.some((each) => each.venue === venue && each.halted),
  );
  if (trading.length > 0) return trading.map(({ venue }) => venue);
  const who = directedTo ?? `Every venue that lists ${instrument.symbol}`;
  const message = `${who} has halted it.`;
  return refuse('HALTED', message, 'Send the order again when trading has resumed.');
}

function checkTerms(
  { quantity, type, limitPrice }: OrderRequest,
  instrument: Instrument,
): Refusal<RequestRefusalCode> | undefined {
  const wrong = checkQuantity(quantity, instrument);
  if (wrong) return wrong;
  if (type === 'market') {
    if (limitPrice === undefined) return undefined;
    const message = 'A market order has no limit price.';
    return refuse('LIMIT_PRICE_NOT_ALLOWED', message, 'Leave it out, or send a limit order.');
  }
  if (limitPrice !== undefined) return checkPrice(limitPrice, instrument);
  const message = 'A limit order needs a limit price.';
  return refuse('LIMIT_PRICE_MISSING', message, 'Add it, or send a market order.');
}

function checkQuantity(
  quantity: Quantity,
  { lotSize }: Instrument,
): Refusal<RequestRefusalCode> | undefined {
  if (!Number.isSafeInteger(quantity) || quantity <= 0) {
    const message = 'The quantity is not above zero, or beyond what can be counted exactly.';
    return refuse('QUANTITY_INVALID', message, 'Send a quantity above zero.');
  }
  if (quantity % lotSize === 0) return undefined;
  const message = `The quantity is no multiple of the lot of ${lotSize} units.`;
  return refuse('OFF_LOT', message, 'Round the quantity to whole lots.');
}

function checkPrice(
  limitPrice: Price,
  { tickSize }: Instrument,
): Refusal<RequestRefusalCode> | undefined {
  if (!Number.isSafeInteger(limitPrice) || limitPrice <= 0) {
    const message = 'The limit price is not above zero, or beyond what can be counted exactly.';
    return refuse('LIMIT_PRICE_INVALID', message, 'Send a price above zero.');
  }
  if (limitPrice % tickSize === 0) return undefined;
  const message = `The limit price is no multiple of the tick of ${tickSize} units.`;
  return refuse('OFF_TICK', message, 'Round the price to the tick.');
}

/** Replacements of one order that may wait for the venues' answers. */
const MAX_PENDING_REPLACEMENTS = 16;

/** An order, as far as it matters to whether it can be changed. */
export type ChangeableOrder = Pick<
  OrderState,
  | 'status'
  | 'type'
  | 'timeInForce'
  | 'quantity'
  | 'limitPrice'
  | 'filled'
  | 'minQuantity'
  | 'cancelRequested'
  | 'replacements'
>;

/** New total quantity of an order and, where it changes, its new limit. */
export interface ReplaceRequest {
  readonly quantity: Quantity;
  readonly limitPrice?: Price;
}

/** Why an order cannot be replaced so; undefined where it can be asked of its venues. */
export function checkReplace(
  order: ChangeableOrder,
  { quantity, limitPrice }: ReplaceRequest,
  instrument: Instrument,
): Refusal<ChangeRefusalCode | RequestRefusalCode> | undefined {
  if (TERMINAL_STATUSES.has(order.status)) return orderDone(order, 'replace');
  if (!mayWait(order)) {
    const message = 'The order is immediate: it is over before it could be replaced.';
    return refuse('ORDER_IMMEDIATE', message, 'Send another order for what it leaves.');
  }
  if (order.cancelRequested) {
    const message = 'The order is being canceled.';
    return refuse('CANCEL_PENDING', message, 'Send another order when it is canceled.');
  }
  if (order.replacements.length >= MAX_PENDING_REPLACEMENTS) {
    const message = `${MAX_PENDING_REPLACEMENTS} replacements of the order wait for an answer.`;
    return refuse('REPLACE_PENDING', message, 'Wait until its venues have answered.');
  }
  const wrong =
    checkQuantity(quantity, instrument) ??
    (limitPrice === undefined ? undefined : checkPrice(limitPrice, instrument));
  if (wrong) return wrong;
  if (quantity < order.filled) {
    const message = 'The new quantity is below what was executed.';
    return refuse('REPLACE_BELOW_FILLED', message, 'Cancel the order, or send a higher quantity.');
  }
  if (order.minQuantity !== undefined && quantity < order.minQuantity) {
    const message = 'The new quantity is below the order’s minimum quantity.';
    return refuse('MIN_QUANTITY_INVALID', message, 'Cancel the order and send another.');
  }
  const asked = [order, ...order.replacements];
  const latestPrice = asked.findLast((each) => each.limitPrice !== undefined)?.limitPrice;
  const isSameQuantity = asked.at(-1)?.quantity === quantity;
  if (!isSameQuantity || (limitPrice ?? latestPrice) !== latestPrice) return undefined;
  const message = 'The order has this quantity and this limit, or was asked for them already.';
  return refuse('NOTHING_TO_REPLACE', message, 'Change the quantity or the limit.');
}

/** Why an order cannot be canceled; undefined where it can, or is being canceled already. */
export function checkCancel(
  order: Pick<OrderState, 'status' | 'cancelRequested'>,
): Refusal<ChangeRefusalCode> | undefined {
  // A repeat of the request that ended it is answered as the first was.
  if (!TERMINAL_STATUSES.has(order.status) || order.cancelRequested) return undefined;
  return orderDone(order, 'cancel');
}

function orderDone(
  { status }: Pick<OrderState, 'status'>,
  what: 'replace' | 'cancel',
): Refusal<ChangeRefusalCode> {
  const message = `The order is ${status}: nothing is left to ${what}.`;
  return refuse('ORDER_DONE', message, 'Look at the order for what became of it.');
}
