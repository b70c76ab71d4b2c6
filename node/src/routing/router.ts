import type { Price, Quantity, RouteLeg, Side, TimeInForce, VenueId } from '@stoa/schema';
import type { ConsolidatedBook, VenueBook } from '../market/market-view.ts';

/** Version of the routing rules below; recorded with every decision. */
const ROUTER_VERSION = 'price-time/2';

/** What is to be routed: an order, or what is left of one. */
export interface RouteOrder {
  readonly side: Side;
  readonly timeInForce: TimeInForce;
  readonly quantity: Quantity;
  /** Undefined for a market order: then only the visible book bounds the price. */
  readonly limitPrice: Price | undefined;
}

/** All that a decision depends on. */
export interface RouteInput {
  readonly order: RouteOrder;
  readonly book: ConsolidatedBook;
  readonly tickSize: number;
  readonly lotSize: number;
  /** Preferred where prices are equal. */
  readonly home: VenueId;
  /** Unix time, milliseconds. */
  readonly nowMs: number;
  /** Venues that may not be used, with the reason. */
  readonly exclusions: ReadonlyMap<VenueId, string>;
}

/** A venue that was left out, and why. */
export interface RouteExclusion {
  readonly venue: VenueId;
  readonly reason: string;
}

/** Where an order goes. */
export interface Route {
  readonly routerVersion: string;
  /** At most one leg a venue, at the worst price used there; the best venue first. */
  readonly legs: readonly RouteLeg[];
  /** What no visible firm quote within the limit can fill. */
  readonly unrouted: Quantity;
  /** In the order of venue ids. */
  readonly exclusions: readonly RouteExclusion[];
}

interface Offered {
  readonly venue: VenueId;
  readonly price: Price;
  readonly quantity: Quantity;
}

/**
 * Takes the best visible prices first; where they are equal, the home venue first and then the
 * others in the order of their ids.
 *
 * A level counts in whole lots, and only on the price grid: nothing else could be sent.
 *
 * Fill-or-kill goes to one venue, the cheapest that shows enough, or nowhere: no two books fill or
 * kill as one, and an order that one filled and the other killed would be neither.
 */
export function route(input: RouteInput): Route {
  const { order, book, exclusions, nowMs } = input;
  const excluded: RouteExclusion[] = [];
  const offered: Offered[] = [];
  for (const quoted of book.venues) {
    const reason = exclusions.get(quoted.venue) ?? whyUnusable(quoted, nowMs);
    if (reason !== undefined) excluded.push({ venue: quoted.venue, reason });
    else offered.push(...usableLevels(quoted, input));
  }
  const better = order.side === 'buy' ? 1 : -1;
  offered.sort(
    (a, b) => (a.price - b.price) * better || byPreference(a.venue, b.venue, input.home),
  );
  const { legs, left } =
    order.timeInForce === 'fok'
      ? takeAtOneVenue(offered, input)
      : take(offered, order.quantity, input.lotSize);
  return {
    routerVersion: ROUTER_VERSION,
    legs,
    unrouted: left,
    exclusions: excluded.toSorted((a, b) => byPreference(a.venue, b.venue, '')),
  };
}

function whyUnusable(quoted: VenueBook, nowMs: number): string | undefined {
  if (quoted.halted) return 'halted';
  if (quoted.state !== 'live') return quoted.state;
  if (!quoted.firm) return 'indicative';
  // The boundary counts as valid, as it does for everybody who reads the quote.
  if (quoted.validUntilMs < nowMs) return 'expired';
  return undefined;
}

function usableLevels(quoted: VenueBook, input: RouteInput): Offered[] {
  const { side, limitPrice } = input.order;
  const levels = side === 'buy' ? quoted.offers : quoted.bids;
  const usable: Offered[] = [];
  for (const { price, quantity } of levels) {
    const lots = quantity - (quantity % input.lotSize);
    const within =
      limitPrice === undefined || (side === 'buy' ? price <= limitPrice : price >= limitPrice);
    if (!within || lots === 0 || price % input.tickSize !== 0) continue;
    usable.push({ venue: quoted.venue, price, quantity: lots });
  }
  return usable;
}

/** The whole order where it is cheapest as a whole; `offered` best first. */
function takeAtOneVenue(
  offered: readonly Offered[],
  { order, lotSize, home }: RouteInput,
): { legs: RouteLeg[]; left: Quantity } {
  const better = order.side === 'buy' ? 1n : -1n;
  const [best] = [...Map.groupBy(offered, ({ venue }) => venue)]
    .map(([venue, levels]) => {
      const taken = take(levels, order.quantity, lotSize);
      return { venue, taken, cost: costOf(levels, order.quantity) * better };
    })
    .filter(({ taken }) => taken.left === 0)
    .toSorted((a, b) =>
      a.cost === b.cost ? byPreference(a.venue, b.venue, home) : a.cost < b.cost ? -1 : 1,
    );
  return best?.taken ?? { legs: [], left: order.quantity };
}

/** Price × quantity of the best levels up to the quantity: beyond what a number holds exactly. */
function costOf(levels: readonly Offered[], quantity: Quantity): bigint {
  let left = quantity;
  let cost = 0n;
  for (const level of levels) {
    const taken = Math.min(level.quantity, left);
    cost += BigInt(level.price) * BigInt(taken);
    left -= taken;
  }
  return cost;
}

/** `offered` best first. */
function take(
  offered: readonly Offered[],
  quantity: Quantity,
  lotSize: number,
): { legs: RouteLeg[]; left: Quantity } {
  const legs = new Map<VenueId, RouteLeg>();
  let left = quantity;
  for (const level of offered) {
    const taken = Math.min(level.quantity, left - (left % lotSize));
    if (taken === 0) break;
    left -= taken;
    const before = legs.get(level.venue)?.quantity ?? 0;
    // Levels come best first, so the latest price is the worst one used at its venue.
    const leg = { venue: level.venue, quantity: before + taken, limitPrice: level.price };
    legs.set(level.venue, leg);
  }
  return { legs: [...legs.values()], left };
}

function byPreference(a: VenueId, b: VenueId, home: VenueId): number {
  if (a === b) return 0;
  if (a === home) return -1;
  if (b === home) return 1;
  return a < b ? -1 : 1;
}
