import type { LegOrder, LegRejection, Price, Quantity, Side, VenueId } from '@stoa/schema';
import type { givenQuotes } from '../store/tables/given-quotes.ts';
import type { quoteInquiries } from '../store/tables/quote-inquiries.ts';

/** One side of a firm quote. */
export interface QuotedSide {
  readonly price: Price;
  readonly quantity: Quantity;
}

/** What a firm quote says: at which price its giver buys, and at which it sells. */
export interface QuoteTerms {
  readonly bid?: QuotedSide | undefined;
  readonly offer?: QuotedSide | undefined;
}

/** Terms as they stand in rows. */
export interface TermColumns {
  readonly bidPrice: number | null;
  readonly bidQuantity: number | null;
  readonly offerPrice: number | null;
  readonly offerQuantity: number | null;
}

export type InquiryRow = typeof quoteInquiries.$inferSelect;
export type GivenQuoteRow = typeof givenQuotes.$inferSelect;

/** Terms as rows have them. */
export function termColumns({ bid, offer }: QuoteTerms): TermColumns {
  return {
    bidPrice: bid?.price ?? null,
    bidQuantity: bid?.quantity ?? null,
    offerPrice: offer?.price ?? null,
    offerQuantity: offer?.quantity ?? null,
  };
}

/** The terms of a row. */
export function termsOf({ bidPrice, bidQuantity, offerPrice, offerQuantity }: TermColumns): {
  readonly bid?: QuotedSide;
  readonly offer?: QuotedSide;
} {
  return {
    ...(bidPrice === null || bidQuantity === null
      ? {}
      : { bid: { price: bidPrice, quantity: bidQuantity } }),
    ...(offerPrice === null || offerQuantity === null
      ? {}
      : { offer: { price: offerPrice, quantity: offerQuantity } }),
  };
}

/** The side of a quote that somebody meets who does this. */
export function metBy(side: Side, { bid, offer }: QuoteTerms): QuotedSide | undefined {
  return side === 'buy' ? offer : bid;
}

/**
 * Why a leg cannot take a quote of this venue; undefined where it can. The venue's clock, as it stands
 * when the leg is recorded, decides whether it came in time: up to the last millisecond of the validity
 * it did. Nobody's time of sending counts, which nobody could check.
 */
export function whyNotTaken(
  quote: GivenQuoteRow,
  inquiry: InquiryRow,
  leg: Pick<LegOrder, 'side' | 'instrument' | 'limitPrice' | 'quantity' | 'member' | 'account'>,
  at: { readonly home: VenueId; readonly nowMs: number },
): LegRejection | undefined {
  if (inquiry.homeVenue !== at.home || inquiry.member !== leg.member) {
    // The same as for none at all: nobody learns which quotes there are.
    return { code: 'QUOTE_UNKNOWN', message: 'The venue gave you no such quote.' };
  }
  if (quote.status === 'accepted') {
    return { code: 'QUOTE_ALREADY_ACCEPTED', message: 'The quote was taken before.' };
  }
  if (quote.status === 'ended') {
    const code = quote.code === 'QUOTE_EXPIRED' ? 'QUOTE_EXPIRED' : 'QUOTE_ENDED';
    return { code, message: quote.message ?? 'The quote has ended.' };
  }
  if (at.nowMs > quote.validUntilMs) {
    return { code: 'QUOTE_EXPIRED', message: 'The quote’s time was over when you took it.' };
  }
  const side = metBy(leg.side, termsOf(quote));
  const isSame =
    side?.price === leg.limitPrice &&
    side.quantity === leg.quantity &&
    inquiry.instrument === leg.instrument &&
    (inquiry.side === null || inquiry.side === leg.side);
  if (!isSame) {
    const message = 'A quote is taken at its own price and for its whole size.';
    return { code: 'QUOTE_TERMS_DIFFER', message };
  }
  if (quote.account?.toLowerCase() === leg.account.toLowerCase()) {
    return { code: 'SELF_TRADE', message: 'The quote is of the same wallet.' };
  }
  return undefined;
}

/** Whether a member of this venue may answer a request. */
export function mayAnswer({ responders }: Pick<InquiryRow, 'responders'>, member: string): boolean {
  return responders === null || responders.includes(member);
}
