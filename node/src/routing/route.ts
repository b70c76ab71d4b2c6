import type {
  Price,
  Quantity,
  RouteLeg,
  RoutingStrategy,
  Side,
  TimeInForce,
  VenueId,
} from '@stoa/schema';
import type { ConsolidatedBook } from '../market/market-view.ts';
import type { VenueCost } from './venue-cost.ts';

/** Version of the routing rules; recorded with every decision, and checked when one is replayed. */
export const ROUTER_VERSION = 'total-cost/1';

/** Up to so many venues are searched to the end; beyond, the search has a small budget. */
export const MAX_EXACT_VENUES = 16;

/** The most of an order that its investor could settle, and why no more. */
export interface SettleableBound {
  readonly quantity: Quantity;
  /** Code of the pre-trade check, such as `CASH_TOO_LOW`. */
  readonly code: string;
}

/** What is to be routed: an order, or what is left of one. */
export interface RouteOrder {
  readonly side: Side;
  readonly timeInForce: TimeInForce;
  readonly quantity: Quantity;
  /** Undefined for a market order: then only the visible book bounds the price. */
  readonly limitPrice: Price | undefined;
  /** The least that must be found, over all venues together; undefined for none. */
  readonly minQuantity?: Quantity | undefined;
  /** Whole at one venue or nothing: several books cannot fill or kill as one. */
  readonly allOrNone?: boolean;
  /**
   * Bounds all legs together, since a wallet's means are one for all venues; absent where the whole
   * quantity could settle at its limit.
   */
  readonly settleable?: SettleableBound;
  /** Default `best`. */
  readonly strategy?: RoutingStrategy;
  /** The one venue of a directed order. */
  readonly directedTo?: VenueId | undefined;
}

/** What the caller meets at one venue. */
export interface RouteVenue {
  readonly cost: VenueCost;
  /** Smallest order that the venue takes, in lots; at least 1. */
  readonly minimumLots: number;
  /**
   * Best price at which the investor's own orders wait there on the other side: levels from this
   * price on are left out, because the order could meet them. Undefined where none waits.
   */
  readonly ownOppositePrice?: Price | undefined;
  /** The most that agreements let go there; undefined where they set no bound. */
  readonly agreed?: Quantity | undefined;
}

/** What is shown, as far as a decision depends on it. */
export type RouteBook = Pick<ConsolidatedBook, 'instrument' | 'asOfMs' | 'venues'>;

/** All that a decision depends on. */
export interface RouteInput {
  readonly order: RouteOrder;
  readonly book: RouteBook;
  readonly tickSize: number;
  readonly lotSize: number;
  /** Preferred where costs are equal. */
  readonly home: VenueId;
  /** Unix time, milliseconds. */
  readonly nowMs: number;
  /** Venues that may not be used, with the reason. */
  readonly exclusions: ReadonlyMap<VenueId, string>;
  /** What is known of each venue; one that is missing here is not routed to. */
  readonly venues: ReadonlyMap<VenueId, RouteVenue>;
}

/**
 * A venue that was left out, and why: a reason from {@link RouteInput.exclusions}, or `halted`,
 * `stale`, `degraded`, `silent`, `indicative`, `expired`, `terms-unknown`, `not-directed`,
 * `self-trade`, `not-settleable`, `no-agreement`, `below-minimum` (it shows less than its smallest order, or the order
 * is smaller).
 */
export interface RouteExclusion {
  readonly venue: VenueId;
  readonly reason: string;
  /** Set where the venue is left out from this price on only. */
  readonly fromPrice?: Price;
}

/** Where an order goes. Plain values: it is JSON as it stands. */
export interface Route {
  readonly routerVersion: string;
  /** At most one leg a venue, at the worst price used there; the best price first. */
  readonly legs: readonly RouteLeg[];
  /** What no visible firm quote within the limit can fill. */
  readonly unrouted: Quantity;
  /** In the order of venue ids. */
  readonly exclusions: readonly RouteExclusion[];
  /**
   * Whether no other allocation is better. False only where the search used up its budget: then
   * this is the best that it had found.
   */
  readonly exact: boolean;
}
