import type { InstrumentId, MemberId, VenueId } from './ids.ts';
import type { Price, Quantity } from './money.ts';

/** FIX Side(54): buy 1, sell 2. */
export type Side = 'buy' | 'sell';
/** FIX OrdType(40): market 1, limit 2. */
export type OrderType = 'market' | 'limit';
/** FIX TimeInForce(59): day 0, gtc 1, ioc 3, fok 4, gtd 6. */
export const TIMES_IN_FORCE = ['day', 'gtc', 'ioc', 'fok', 'gtd'] as const;
/** One of {@link TIMES_IN_FORCE}. */
export type TimeInForce = (typeof TIMES_IN_FORCE)[number];

/** Whether an order trades when it comes or not at all: what is left of it waits in no book. */
export function isImmediate({ timeInForce }: { readonly timeInForce: TimeInForce }): boolean {
  return timeInForce === 'ioc' || timeInForce === 'fok';
}
/** FIX OrdStatus(39), plus `unknown`: sent, and the venue's answer is not known. Never sent elsewhere. */
export type OrderStatus =
  | 'pending-new'
  | 'new'
  | 'partially-filled'
  | 'filled'
  | 'done-for-day'
  | 'pending-cancel'
  | 'pending-replace'
  | 'canceled'
  | 'rejected'
  | 'suspended'
  | 'expired'
  | 'unknown';

/** Statuses after which an order takes no more fills (late ones apart). */
export const TERMINAL_STATUSES: ReadonlySet<OrderStatus> = new Set([
  'filled',
  'canceled',
  'rejected',
  'expired',
]);

/**
 * Where an order may go. `best`: every venue, by total cost. `home-first`: the home venue's book, then
 * the others. `directed`: one venue and no other.
 */
export type RoutingStrategy = 'best' | 'home-first' | 'directed';
/** What becomes of what no visible quote fills: it waits at home, at the cheapest listing, or not at all. */
export type Remainder = 'rest-home' | 'rest-best' | 'cancel';

/** What a broker asks for. */
export interface OrderRequest {
  /** The broker's own id: the same id and content answers the same order, other content is refused. */
  readonly clientOrderId: string;
  readonly instrument: InstrumentId;
  /** The investor's wallet, which must be an account of this broker at its home node. */
  readonly account: `0x${string}`;
  readonly side: Side;
  readonly type: OrderType;
  readonly timeInForce: TimeInForce;
  readonly quantity: Quantity;
  /** Absent for market orders. */
  readonly limitPrice?: Price;
  /** Unix time, milliseconds, inclusive; for `gtd`, and for no other. FIX ExpireTime(126). */
  readonly expireAtMs?: number;
  /** The least that may be executed at first, over all venues together. FIX MinQty(110). */
  readonly minQuantity?: Quantity;
  /** The whole quantity at one moment or nothing, though it may wait. FIX ExecInst(18) G. */
  readonly allOrNone?: boolean;
  /** Default `best`. */
  readonly strategy?: RoutingStrategy;
  /** The one venue of a `directed` order. FIX ExDestination(100). */
  readonly directedTo?: VenueId;
  /** Default `rest-home` where the time in force lets it wait, else `cancel`. */
  readonly remainder?: Remainder;
  /** Whether it is canceled when its member's last order stream ends. FIX CancelOnDisconnect. */
  readonly cancelOnDisconnect?: boolean;
  /** The firm quote that it takes, or gave: it goes to the quote's venue and no book. FIX QuoteID(117). */
  readonly quoteId?: string;
}

/** A fill, reported once under (venue, executionId). */
export interface Execution {
  readonly venue: VenueId;
  readonly executionId: string;
  /** Number of the trade at its venue: dense, starts at 1; (venue, tradeNumber) settles at most once. */
  readonly tradeNumber: number;
  readonly instrument: InstrumentId;
  readonly price: Price;
  readonly quantity: Quantity;
  readonly buyer: `0x${string}`;
  readonly seller: `0x${string}`;
  /** The venue whose node is home of the order that took liquidity; it instructs the settlement. */
  readonly homeVenue: VenueId;
  /** Unix time, milliseconds. */
  readonly executedAtMs: number;
}

/** One leg of a route: so much at one venue, at this price or better. */
export interface RouteLeg {
  readonly venue: VenueId;
  readonly quantity: Quantity;
  readonly limitPrice: Price;
}

/** FIX OrdRejReason(103) and our own reasons a venue gives for refusing a leg, as stable codes. */
export interface LegRejection {
  readonly code: string;
  readonly message: string;
}

/** The party whose order it is. */
export interface OrderOwner {
  readonly member: MemberId;
  readonly account: `0x${string}`;
}
