import type { VenueOrder } from './venue-adapter.ts';

/** Whether a request that came again under the same id asks for the same. */
export function isSameOrder(a: VenueOrder, b: VenueOrder): boolean {
  return (
    a.instrument === b.instrument &&
    a.side === b.side &&
    a.timeInForce === b.timeInForce &&
    a.quantity === b.quantity &&
    a.limitPrice === b.limitPrice &&
    a.expireAtMs === b.expireAtMs &&
    a.minQuantity === b.minQuantity &&
    a.displayQuantity === b.displayQuantity &&
    (a.allOrNone ?? false) === (b.allOrNone ?? false) &&
    a.owner.member === b.owner.member &&
    a.owner.account === b.owner.account &&
    a.homeVenue === b.homeVenue
  );
}
