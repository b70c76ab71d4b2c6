import { type Refusal, refuse } from '@stoa/schema';

/** A level of the consolidated book as the API gives it, in integers. */
export interface OfferLevel {
  readonly price: bigint;
  readonly venues: readonly { readonly venue: string; readonly quantity: bigint }[];
}

/** A buy that the best venue cannot fill alone at this limit. */
export interface PlannedOrder {
  readonly quantity: bigint;
  readonly limitPrice: bigint;
  /** The venue that comes first at the best price. */
  readonly bestVenue: string;
}

/**
 * Plans a buy larger than the best venue can fill: walks the offers, best first, up to the first
 * level where another venue stands, and takes all of what comes before and half (at least one lot)
 * of what that venue shows.
 */
export function planSplitBuy(
  offers: readonly OfferLevel[],
  lot: bigint,
): PlannedOrder | Refusal<'ONE_VENUE_ONLY'> {
  const bestVenue = offers[0]?.venues[0]?.venue;
  let before = 0n;
  for (const level of offers) {
    for (const { venue, quantity } of level.venues) {
      if (venue === bestVenue) continue;
      // Everything the best venue shows at this limit comes first or ties; leave some of the second.
      const own = level.venues.find((share) => share.venue === bestVenue)?.quantity ?? 0n;
      const half = (quantity / 2n / lot) * lot;
      const part = half > 0n ? half : lot;
      return {
        quantity: before + own + part,
        limitPrice: level.price,
        bestVenue: bestVenue ?? venue,
      };
    }
    before += level.venues.reduce((sum, share) => sum + share.quantity, 0n);
  }
  return refuse(
    'ONE_VENUE_ONLY',
    'Fewer than two venues show offers, so no order can be split.',
    'Give at least two venues an order flow that leaves offers in the book.',
  );
}
