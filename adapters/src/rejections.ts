import type { LegRejection } from '@stoa/schema';

/** Comments name FIX OrdRejReason(103) or CxlRejReason(102). */
const REJECTIONS = {
  // 103=1
  'unknown-instrument': {
    code: 'UNKNOWN_INSTRUMENT',
    message: 'The venue does not trade this instrument.',
  },
  // 103=2
  halted: { code: 'HALTED', message: 'Trading in this instrument is halted.' },
  closed: { code: 'CLOSED', message: 'The venue is closed; send it when orders are taken again.' },
  // 103=4
  expired: { code: 'EXPIRED', message: 'The time until which the order is good has passed.' },
  // 103=5, 102=1
  'unknown-order': { code: 'UNKNOWN_ORDER', message: 'The venue has no order of this id.' },
  // 103=6
  'duplicate-order': {
    code: 'DUPLICATE_ORDER_ID',
    message: 'This order id was used for an order of other content.',
  },
  // 103=11
  auction: {
    code: 'AUCTION',
    message: 'Before the opening only orders are taken that can wait for it, without a minimum.',
  },
  'invalid-terms': {
    code: 'ORDER_TERMS_INVALID',
    message: 'Expiry, minimum, shown quantity and all-or-none do not go together in this way.',
  },
  // 103=13
  'invalid-quantity': {
    code: 'QUANTITY_INVALID',
    message: 'The quantity is not a whole number above zero.',
  },
  'below-executed': {
    code: 'QUANTITY_BELOW_EXECUTED',
    message: 'The quantity is not above what was executed already.',
  },
  // 103=18
  'off-tick': { code: 'OFF_TICK', message: 'The price is not a multiple of the tick size.' },
  'off-lot': { code: 'OFF_LOT', message: 'The quantity is not a multiple of the lot size.' },
  // 103=99
  'invalid-price': {
    code: 'PRICE_INVALID',
    message: 'The price is not a whole number above zero.',
  },
  // 102=0
  'too-late': { code: 'TOO_LATE', message: 'The order is done.' },
  'unknown-trade': {
    code: 'UNKNOWN_TRADE',
    message: 'The venue has no trade of this id since it was started.',
  },
  'trade-undone': { code: 'TRADE_UNDONE', message: 'The trade was undone already.' },
  'joined-trade': {
    code: 'TRADE_JOINED',
    message: 'The trade was printed in several parts; undo it instead of correcting it.',
  },
  'correction-up': {
    code: 'CORRECTION_UP',
    message: 'A correction lowers the quantity of a trade; more of it is another trade.',
  },
  // Quotes: FIX QuoteRejectReason(300), in words.
  'quote-request-unknown': {
    code: 'QUOTE_REQUEST_UNKNOWN',
    message: 'There is no such request for quote, or it has ended.',
  },
  'quote-unknown': { code: 'QUOTE_UNKNOWN', message: 'There is no such quote, or it has ended.' },
  'quote-expired': {
    code: 'QUOTE_EXPIRED',
    message: 'The time until which it was good has passed.',
  },
  'quote-terms': {
    code: 'QUOTE_TERMS_DIFFER',
    message: 'A quote is taken at its own price and for its whole size.',
  },
  'self-trade': {
    code: 'SELF_TRADE',
    message: 'Both sides are of one owner, and would trade with themselves.',
  },
  'quote-withdrawn': { code: 'QUOTE_WITHDRAWN', message: 'The quote was taken back.' },
  'quote-not-chosen': {
    code: 'QUOTE_NOT_CHOSEN',
    message: 'The requester wants no quotes any more.',
  },
  'rfq-not-offered': {
    code: 'RFQ_NOT_OFFERED',
    message: 'The venue takes no requests for quote.',
  },
  'list-not-offered': {
    code: 'LIST_NOT_OFFERED',
    message: 'The venue cannot be asked what it lists.',
  },
  'list-unread': {
    code: 'LIST_UNREAD',
    message: 'The venue did not say what it lists in a way that can be read.',
  },
  'not-ready': { code: 'VENUE_NOT_READY', message: 'The venue is not ready; send it again later.' },
  busy: { code: 'VENUE_BUSY', message: 'Too much waits to be recorded; send it again later.' },
} as const satisfies Readonly<Record<string, LegRejection>>;

/** Why an adapter or its venue refuses, in this network's words. */
export type RejectReason = keyof typeof REJECTIONS;

/** The venue's stable code and sentence for a reason. */
export function rejectionOf(reason: RejectReason): LegRejection {
  return REJECTIONS[reason];
}
