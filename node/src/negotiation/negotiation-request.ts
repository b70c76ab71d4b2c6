import { type Instrument, type OrderRequest, type Refusal, refuse, type Side } from '@stoa/schema';
import type { Caller } from '../orders/blotter/order-view.ts';
import { CLIENT_ORDER_ID, checkCaller, checkRequest } from '../orders/terms/order-validation.ts';
import type { NegotiationNeeds } from './negotiation-needs.ts';

/** Codes of what is refused of quotes before, or instead of, anything being recorded. */
export type QuoteRefusalCode =
  | 'CLIENT_REQUEST_ID_INVALID'
  | 'CLIENT_REQUEST_ID_REUSED'
  | 'CLIENT_QUOTE_ID_REUSED'
  | 'CLIENT_ORDER_ID_REUSED'
  | 'QUOTE_EXPIRY_INVALID'
  | 'QUOTE_VENUES_INVALID'
  | 'QUOTE_REQUEST_UNKNOWN'
  | 'QUOTE_REQUEST_ACCEPTED'
  | 'QUOTE_REQUEST_ENDED'
  | 'QUOTE_UNKNOWN'
  | 'QUOTE_ENDED'
  | 'QUOTE_EXPIRED'
  | 'QUOTE_ALREADY_ACCEPTED'
  | 'QUOTE_SIDE_MISSING'
  | 'QUOTE_SIDE_NOT_GIVEN'
  | 'QUOTE_TERMS_DIFFER'
  | 'QUOTE_TOO_LARGE'
  | 'TOO_MANY_QUOTE_REQUESTS'
  | 'TOO_MANY_QUOTES'
  | 'RFQ_NOT_OFFERED'
  | 'SELF_TRADE';

/** A refusal of negotiation. */
export function refuseQuote(
  code: QuoteRefusalCode,
  message: string,
  action: string,
): Refusal<QuoteRefusalCode> {
  return refuse(code, message, action);
}

/** Why an id of the caller's own making cannot be one. */
export function checkClientId(id: string): Refusal<QuoteRefusalCode> | undefined {
  if (CLIENT_ORDER_ID.test(id)) return undefined;
  const message = 'The client id is not 1 to 64 printable ASCII characters without spaces.';
  return refuseQuote('CLIENT_REQUEST_ID_INVALID', message, 'Choose another id.');
}

/** Why something cannot be good for so long. */
export function checkDuration(
  validForMs: number,
  mostMs: number,
): Refusal<QuoteRefusalCode> | undefined {
  if (Number.isSafeInteger(validForMs) && validForMs > 0 && validForMs <= mostMs) return undefined;
  const message = `The time until which it is good is over, or more than ${mostMs / 1_000} s away.`;
  return refuseQuote('QUOTE_EXPIRY_INVALID', message, 'Choose a moment within that time.');
}

/**
 * Judges what would be negotiated as an order at one venue: by the directory, the caller's accounts,
 * the market and the venue's terms. The instrument, or why not.
 */
export function checkAsOrder(
  caller: Caller,
  order: Pick<OrderRequest, 'clientOrderId' | 'instrument' | 'account' | 'quantity'> & {
    readonly side: Side;
    readonly limitPrice?: number | undefined;
    readonly directedTo: string;
  },
  needs: NegotiationNeeds,
): Instrument | Refusal {
  const { venue, accounts, terms, directory, market, nowMs } = needs;
  const { limitPrice, ...asked } = order;
  const request: OrderRequest = {
    ...asked,
    ...(limitPrice === undefined ? { type: 'market' } : { type: 'limit', limitPrice }),
    ...{ timeInForce: 'fok', strategy: 'directed' },
  };
  return (
    checkCaller(caller, request, venue) ??
    checkRequest(caller, request, {
      ...{ venue, accounts, terms, nowMs: nowMs() },
      directory: directory.current(),
      book: market.book(order.instrument),
    })
  );
}
