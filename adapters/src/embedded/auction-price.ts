import type { Price, Quantity } from '@stoa/schema';
import type { BookSide } from './book-side.ts';

/** The one price of an auction and what trades at it. */
export interface AuctionPrice {
  readonly price: Price;
  readonly quantity: Quantity;
}

interface Candidate extends AuctionPrice {
  readonly imbalance: Quantity;
  readonly away: number;
}

/**
 * The price at which an auction trades: where most quantity trades; of those, where least is left on
 * one side; of those, the nearest to the reference; of those, the lowest. Every limit in the book
 * between the two best prices is looked at, and the reference itself. Undefined where nothing trades.
 */
export function auctionPrice(
  bids: BookSide,
  offers: BookSide,
  reference: Price | undefined,
): AuctionPrice | undefined {
  const highest = bids.best()?.price;
  const lowest = offers.best()?.price;
  if (highest === undefined || lowest === undefined || lowest > highest) return undefined;
  const bid = [...bids.levels()].reverse();
  const offered = [...offers.levels()];
  const prices = new Set<Price>();
  for (const side of [bid, offered]) {
    for (const { price } of side) {
      if (price >= lowest && price <= highest) prices.add(price);
    }
  }
  if (reference !== undefined && reference >= lowest && reference <= highest) prices.add(reference);
  const rising = Float64Array.from(prices).sort();

  // One walk up: what is bid at a price or above falls, what is offered there or below rises.
  let demand = bid.reduce((sum, { total }) => sum + total, 0);
  let supply = 0;
  let passedBids = 0;
  let nextOffer = 0;
  let best: Candidate | undefined;
  for (const price of rising) {
    for (; (bid[passedBids]?.price ?? price) < price; passedBids += 1) {
      demand -= bid[passedBids]?.total ?? 0;
    }
    for (; (offered[nextOffer]?.price ?? Number.POSITIVE_INFINITY) <= price; nextOffer += 1) {
      supply += offered[nextOffer]?.total ?? 0;
    }
    const candidate = {
      price,
      quantity: Math.min(demand, supply),
      imbalance: Math.abs(demand - supply),
      away: reference === undefined ? 0 : Math.abs(price - reference),
    };
    if (best === undefined || isBetter(candidate, best)) best = candidate;
  }
  return best;
}

/** Prices are tried from the lowest, so an equal one does not take its place. */
function isBetter(one: Candidate, other: Candidate): boolean {
  if (one.quantity !== other.quantity) return one.quantity > other.quantity;
  if (one.imbalance !== other.imbalance) return one.imbalance < other.imbalance;
  return one.away < other.away;
}
