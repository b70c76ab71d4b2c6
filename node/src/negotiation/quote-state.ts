/** Where a request for quote stands at its home. */
export type RequestStatus = 'open' | 'accepting' | 'accepted' | 'canceled' | 'expired';
/** Where a quote stands at the home of its request. FIX QuoteStatus(297), in words. */
export type QuoteStatus = 'firm' | 'accepting' | 'accepted' | 'ended';

/** A request with one of its quotes. */
export interface NegotiationState {
  readonly request: RequestStatus;
  readonly quote: QuoteStatus;
}

/** What can happen to them. */
export type NegotiationEvent =
  /** The requester takes the quote: its order goes out. */
  | 'accept'
  /** The order traded. */
  | 'traded'
  /** The order ended without a trade: refused by the venue, or too late for it. */
  | 'not-traded'
  /** The venue says that the quote can be taken no more. */
  | 'quote-ended'
  /** The requester wants no quotes any more. */
  | 'cancel'
  | 'quote-expired'
  | 'request-expired';

/** Why nothing changes. */
export type NegotiationRefusal =
  | 'QUOTE_REQUEST_ACCEPTED'
  | 'QUOTE_REQUEST_ENDED'
  | 'QUOTE_ENDED'
  | 'NOTHING_TO_CHANGE';

/** The next state, or why there is none. */
export type NegotiationStep = NegotiationState | { readonly refused: NegotiationRefusal };

/**
 * One step of a negotiation, as its home sees it. Pure. At most one quote of a request is on its way
 * into a trade: until that order's outcome is known no other can be taken, however long that takes.
 */
export function negotiate(state: NegotiationState, event: NegotiationEvent): NegotiationStep {
  const { request, quote } = state;
  switch (event) {
    case 'accept':
      if (request === 'accepting' || request === 'accepted') {
        return { refused: 'QUOTE_REQUEST_ACCEPTED' };
      }
      if (request !== 'open') return { refused: 'QUOTE_REQUEST_ENDED' };
      if (quote !== 'firm') return { refused: 'QUOTE_ENDED' };
      return { request: 'accepting', quote: 'accepting' };
    case 'traded':
      return quote === 'accepting' ? { request: 'accepted', quote: 'accepted' } : nothing();
    case 'not-traded':
      // The others may still be taken: only this one is gone.
      return quote === 'accepting' ? { request: 'open', quote: 'ended' } : nothing();
    case 'quote-ended':
    case 'quote-expired':
      // What was taken ends with its order, whatever is said of the quote.
      return quote === 'firm' ? { request, quote: 'ended' } : nothing();
    case 'cancel':
      if (request === 'accepting' || request === 'accepted') {
        return { refused: 'QUOTE_REQUEST_ACCEPTED' };
      }
      if (request !== 'open') return { refused: 'QUOTE_REQUEST_ENDED' };
      return { request: 'canceled', quote: quote === 'firm' ? 'ended' : quote };
    case 'request-expired':
      if (request !== 'open') return nothing();
      return { request: 'expired', quote: quote === 'firm' ? 'ended' : quote };
  }
}

function nothing(): NegotiationStep {
  return { refused: 'NOTHING_TO_CHANGE' };
}
