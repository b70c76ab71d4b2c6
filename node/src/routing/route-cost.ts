import { invariant, type Price, type Quantity, type RouteLeg, type VenueId } from '@stoa/schema';
import type { Route, RouteInput } from './route.ts';
import { COST_MICROS, feeMicros } from './venue-cost.ts';

/** What one leg costs, in notional units: 10^-(priceDecimals + quantityDecimals) of the cash. */
export interface PricedLeg extends RouteLeg {
  readonly venue: VenueId;
  readonly quantity: Quantity;
  readonly limitPrice: Price;
  /** Price × quantity of the levels it takes: paid by a buyer, received by a seller. */
  readonly notional: bigint;
  /** Rounded up to the next unit; below zero for a rebate. */
  readonly fee: bigint;
  readonly fixedCost: bigint;
}

/** A route with what it costs if every level is still there. */
export interface PricedRoute extends Omit<Route, 'legs'> {
  readonly legs: readonly PricedLeg[];
  /** Paid in all by a buyer, received in all by a seller: notional with fees and fixed costs. */
  readonly total: bigint;
  /** Total by quantity, in millionths of a price unit, rounded down; undefined without legs. */
  readonly averagePriceMicros: bigint | undefined;
}

/** Says what a route costs, leg by leg, at the levels of the input it was made from. */
export function priceRoute(input: RouteInput, route: Route): PricedRoute {
  const buys = input.order.side === 'buy';
  const legs = route.legs.map((leg) => priceLeg(input, leg));
  let total = 0n;
  let quantity = 0n;
  for (const { notional, fee, fixedCost, quantity: lots } of legs) {
    total += buys ? notional + fee + fixedCost : notional - fee - fixedCost;
    quantity += BigInt(lots);
  }
  const averagePriceMicros = quantity === 0n ? undefined : (total * COST_MICROS) / quantity;
  return { ...route, legs, total, averagePriceMicros };
}

function priceLeg(
  { book, order, venues, lotSize, tickSize }: RouteInput,
  leg: RouteLeg,
): PricedLeg {
  const shown = book.venues.find(({ venue }) => venue === leg.venue);
  const cost = venues.get(leg.venue)?.cost;
  invariant(shown !== undefined && cost !== undefined, 'a leg goes to a venue without a book');
  let left = leg.quantity;
  let notional = 0n;
  for (const { price, quantity } of order.side === 'buy' ? shown.offers : shown.bids) {
    if (price % tickSize !== 0) continue;
    const taken = Math.min(left, quantity - (quantity % lotSize));
    notional += BigInt(price) * BigInt(taken);
    left -= taken;
  }
  invariant(left === 0, 'a leg takes more than its venue shows', { venue: leg.venue });
  const micros = feeMicros(cost, notional);
  // Up, so that nobody pays more than they were shown; bigint division cuts toward zero.
  const fee = micros > 0n ? (micros + COST_MICROS - 1n) / COST_MICROS : micros / COST_MICROS;
  return { ...leg, notional, fee, fixedCost: cost.fixed };
}
