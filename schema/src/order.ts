import type { InstrumentId, MemberId, VenueId } from './ids.ts';
import type { Price, Quantity } from './money.ts';

/** FIX Side(54): buy 1, sell 2. */
export type Side = 'buy' | 'sell';
/** FIX OrdType(40): market 1, limit 2. */
export type OrderType = 'market' | 'limit';
/** FIX TimeInForce(59): day 0, gtc 1, ioc 3, fok 4. */
export type TimeInForce = 'day' | 'gtc' | 'ioc' | 'fok';
/** FIX OrdStatus(39), plus `unknown`: sent, and the venue's answer is not known. Never sent elsewhere. */
export type OrderStatus =
  | 'pending-new'
  | 'new'
  | 'partially-filled'
  | 'filled'
  | 'pending-cancel'
  | 'canceled'
  | 'rejected'
  | 'expired'
  | 'unknown';

/** Statuses after which an order takes no more fills (late ones apart). */
export const TERMINAL_STATUSES: ReadonlySet<OrderStatus> = new Set([
  'filled',
  'canceled',
  'rejected',
  'expired',
]);

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
