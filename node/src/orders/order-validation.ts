import {
  type Directory,
  type Instrument,
  type OrderRequest,
  type Refusal,
  refuse,
  type VenueId,
} from '@stoa/schema';
import type { ConsolidatedBook } from '../market/market-view.ts';
import type { Caller } from './order-view.ts';

/** What a request is judged by. */
export interface RequestContext {
  readonly venue: VenueId;
  /** Wallets of each member, in lower case. */
  readonly accounts: ReadonlyMap<string, ReadonlySet<string>>;
  readonly directory: Directory;
  readonly book: ConsolidatedBook;
}

/** Codes of an order that is refused before anything is recorded. */
export type RequestRefusalCode =
  | 'NOT_YOUR_HOME'
  | 'MEMBER_NOT_ACTIVE'
  | 'CLIENT_ORDER_ID_INVALID'
  | 'INSTRUMENT_UNKNOWN'
  | 'NOT_LISTED'
  | 'HALTED'
  | 'ACCOUNT_UNKNOWN'
  | 'QUANTITY_INVALID'
  | 'OFF_LOT'
  | 'LIMIT_PRICE_MISSING'
  | 'LIMIT_PRICE_NOT_ALLOWED'
  | 'LIMIT_PRICE_INVALID'
  | 'OFF_TICK';

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
  if (!accounts.get(caller.member)?.has(request.account.toLowerCase())) {
    const message = 'The account is none of yours at this home node.';
    return refuse(
      'ACCOUNT_UNKNOWN',
      message,
      'Use a wallet that your home node has on file for you.',
    );
  }
  return checkListing(instrument, context) ?? checkTerms(request, instrument) ?? instrument;
}

function checkListing(
  instrument: Instrument,
  { directory, book }: RequestContext,
): Refusal<RequestRefusalCode> | undefined {
  const listings = directory.listings.filter(
    ({ instrument: id, status }) =>
      id === instrument.id && (status === 'listed' || status === 'halted'),
  );
  if (listings.length === 0) {
    const message = `No venue lists ${instrument.symbol}.`;
    return refuse('NOT_LISTED', message, 'Wait until a venue lists it.');
  }
  const trades = listings.some(
    ({ venue, status }) =>
      status === 'listed' && !book.venues.some((each) => each.venue === venue && each.halted),
  );
  if (trades) return undefined;
  const message = `Every venue that lists ${instrument.symbol} has halted it.`;
  return refuse('HALTED', message, 'Send the order again when trading has resumed.');
}

function checkTerms(
  { quantity, type, limitPrice }: OrderRequest,
  { lotSize, tickSize }: Instrument,
): Refusal<RequestRefusalCode> | undefined {
  if (!Number.isSafeInteger(quantity) || quantity <= 0) {
    const message = 'The quantity is not above zero, or beyond what can be counted exactly.';
    return refuse('QUANTITY_INVALID', message, 'Send a quantity above zero.');
  }
  if (quantity % lotSize !== 0) {
    const message = `The quantity is no multiple of the lot of ${lotSize} units.`;
    return refuse('OFF_LOT', message, 'Round the quantity to whole lots.');
  }
  if (type === 'market') {
    if (limitPrice === undefined) return undefined;
    const message = 'A market order has no limit price.';
    return refuse('LIMIT_PRICE_NOT_ALLOWED', message, 'Leave it out, or send a limit order.');
  }
  if (limitPrice === undefined) {
    const message = 'A limit order needs a limit price.';
    return refuse('LIMIT_PRICE_MISSING', message, 'Add it, or send a market order.');
  }
  if (!Number.isSafeInteger(limitPrice) || limitPrice <= 0) {
    const message = 'The limit price is not above zero, or beyond what can be counted exactly.';
    return refuse('LIMIT_PRICE_INVALID', message, 'Send a price above zero.');
  }
  if (limitPrice % tickSize !== 0) {
    const message = `The limit price is no multiple of the tick of ${tickSize} units.`;
    return refuse('OFF_TICK', message, 'Round the price to the tick.');
  }
  return undefined;
}
