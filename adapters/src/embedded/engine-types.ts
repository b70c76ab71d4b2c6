import type { Price, Quantity, Side, TimeInForce } from '@stoa/schema';

/**
 * Names an order inside one engine. It is only ever a map key: members' orders use their client
 * order id, recorded orders keep their number, because a million short strings cost what a million
 * numbers do not.
 */
export type OrderRef = string | number;

/** An order as the engine takes it. Price and quantity are positive safe integers. */
export interface EngineOrder {
  readonly ref: OrderRef;
  readonly side: Side;
  /** The limit; undefined for a market order, whose unfilled rest never stays in the book. */
  readonly price: Price | undefined;
  readonly quantity: Quantity;
  /** `day` and `gtc` rest; what `ioc` and `fok` cannot fill is canceled. */
  readonly timeInForce: TimeInForce;
  /** Part of `quantity` that was executed before this book was opened; 0 for a new order. */
  readonly cumulative?: Quantity;
}

/** Why the engine refused an operation; the book is as it was. */
export type EngineRejectReason =
  | 'invalid-price'
  | 'invalid-quantity'
  | 'duplicate-order'
  | 'unknown-order'
  | 'below-executed'
  | 'halted';

/**
 * Why an order left the book: asked for, an immediate order's rest, a fill-or-kill that could not
 * be filled, or a level whose total would leave the safe integers.
 */
export type EngineCancelReason = 'requested' | 'remainder' | 'unfillable' | 'level-full';

/** What happened, in the order in which it happened. */
export type EngineEvent =
  | EngineAccepted
  | EngineTrade
  | EngineReduced
  | EngineReplaced
  | EngineCanceled
  | EngineRejected;

export interface EngineAccepted {
  readonly kind: 'accepted';
  readonly ref: OrderRef;
  readonly quantity: Quantity;
}

/** One maker met one taker, at the maker's price. Trade numbers are the caller's to give. */
export interface EngineTrade {
  readonly kind: 'trade';
  readonly maker: OrderRef;
  readonly taker: OrderRef;
  readonly takerSide: Side;
  readonly price: Price;
  readonly quantity: Quantity;
  readonly makerLeaves: Quantity;
  readonly takerLeaves: Quantity;
}

export interface EngineReduced {
  readonly kind: 'reduced';
  readonly ref: OrderRef;
  readonly quantity: Quantity;
  readonly leaves: Quantity;
}

export interface EngineReplaced {
  readonly kind: 'replaced';
  readonly ref: OrderRef;
  readonly previous: OrderRef;
  readonly price: Price;
  readonly quantity: Quantity;
  /** Before any trade that the new price causes. */
  readonly leaves: Quantity;
  readonly keptPriority: boolean;
}

export interface EngineCanceled {
  readonly kind: 'canceled';
  readonly ref: OrderRef;
  /** The quantity that was open and is so no more. */
  readonly canceled: Quantity;
  readonly reason: EngineCancelReason;
}

export interface EngineRejected {
  readonly kind: 'rejected';
  readonly ref: OrderRef;
  readonly reason: EngineRejectReason;
}

/** One price of one side: price, total open quantity, number of orders. */
export type DepthLevel = readonly [price: Price, quantity: Quantity, orders: number];

/** Both sides, best first. */
export interface Depth {
  readonly bids: readonly DepthLevel[];
  readonly offers: readonly DepthLevel[];
}

/** An order in the book, as {@link EngineOrder} numbers: `cumulative + leaves = quantity`. */
export interface RestingOrder {
  readonly ref: OrderRef;
  readonly side: Side;
  readonly price: Price;
  readonly quantity: Quantity;
  readonly cumulative: Quantity;
  readonly leaves: Quantity;
}
