import type { Price, Quantity, Side, TimeInForce } from '@stoa/schema';

/**
 * Names an order inside one engine. It is only ever a map key: members' orders use their client
 * order id, recorded orders keep their number, because a million short strings cost what a million
 * numbers do not.
 */
export type OrderRef = string | number;

/** An order as the engine takes it. Price and quantities are positive safe integers. */
export interface EngineOrder {
  readonly ref: OrderRef;
  readonly side: Side;
  /** The limit; undefined for a market order, whose unfilled rest never stays in the book. */
  readonly price: Price | undefined;
  readonly quantity: Quantity;
  /** `day`, `gtc` and `gtd` rest; what `ioc` and `fok` cannot fill is canceled. */
  readonly timeInForce: TimeInForce;
  /** Part of `quantity` that was executed before this book was opened; 0 for a new order. */
  readonly cumulative?: Quantity | undefined;
  /** Unix time, milliseconds, inclusive; for `gtd`. */
  readonly expireAtMs?: number | undefined;
  /** Shown at a time, the rest hidden; each new slice goes to the end of its queue. */
  readonly displayQuantity?: Quantity | undefined;
  /** Executed at once when the order comes, or the order is canceled. */
  readonly minQuantity?: Quantity | undefined;
  /** All that is open in one go or nothing; it waits unseen, behind what is shown at its price. */
  readonly allOrNone?: boolean | undefined;
  /** Orders of one owner never trade with each other; undefined for one that may. */
  readonly owner?: string | undefined;
}

/**
 * What becomes of two orders of one owner that would trade: the one that came later is canceled, the
 * one that stood there, or both.
 */
export type SelfTradeAction = 'cancel-newest' | 'cancel-oldest' | 'cancel-both';

/** `auction`: orders are collected. `continuous`: they trade. `closed`: none are taken. */
export type EnginePhase = 'auction' | 'continuous' | 'closed';

/** Why the engine refused an operation; the book is as it was. */
export type EngineRejectReason =
  | 'invalid-price'
  | 'invalid-quantity'
  | 'invalid-terms'
  | 'duplicate-order'
  | 'unknown-order'
  | 'below-executed'
  | 'halted'
  | 'closed'
  | 'auction';

/**
 * Why an order left the book: asked for, an immediate order's rest, a fill-or-kill or minimum that
 * could not be met, an order of the same owner on the other side, its time, or a side of the book
 * whose total would leave the safe integers.
 */
export type EngineCancelReason =
  | 'requested'
  | 'remainder'
  | 'unfillable'
  | 'below-minimum'
  | 'self-trade'
  | 'expired'
  | 'book-full';

/**
 * Told what the engine does while it does it. Orders are the engine's own, lent for the length of the
 * call: whoever wants to keep something copies it, and calls nothing of the engine meanwhile.
 */
export interface EngineListener {
  accepted(order: RestingOrder): void;
  /** Quantities of both orders are those after the trade. */
  traded(maker: RestingOrder, taker: RestingOrder, price: Price, quantity: Quantity): void;
  reduced(order: RestingOrder): void;
  /** Told before any trade that the new price causes. */
  replaced(order: RestingOrder, previous: OrderRef, keptPriority: boolean): void;
  /** `quantity` was open and is so no more. */
  canceled(order: RestingOrder, quantity: Quantity, reason: EngineCancelReason): void;
  /** Told before the trades of the auction. */
  uncrossed(price: Price, quantity: Quantity): void;
  reopened(order: RestingOrder): void;
  rejected(ref: OrderRef, reason: EngineRejectReason): void;
}

/** What happened, in the order in which it happened. */
export type EngineEvent =
  | EngineAccepted
  | EngineTrade
  | EngineReduced
  | EngineReplaced
  | EngineCanceled
  | EngineUncrossed
  | EngineReopened
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

/** The auction's one price, and how much trades at it. */
export interface EngineUncrossed {
  readonly kind: 'uncrossed';
  readonly price: Price;
  readonly quantity: Quantity;
}

/** Executed quantity came back to an open order, whose trade was undone. */
export interface EngineReopened {
  readonly kind: 'reopened';
  readonly ref: OrderRef;
  readonly quantity: Quantity;
  readonly leaves: Quantity;
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

/** An order in the book: `cumulative + leaves = quantity`, and of `leaves` so much is `shown`. */
export interface RestingOrder {
  readonly ref: OrderRef;
  readonly side: Side;
  readonly price: Price;
  readonly quantity: Quantity;
  readonly cumulative: Quantity;
  readonly leaves: Quantity;
  readonly shown: Quantity;
  /** Most that is shown at a time; 0 where all is. */
  readonly displayQuantity: Quantity;
  readonly timeInForce: TimeInForce;
  /** 0 unless `gtd`. */
  readonly expireAtMs: number;
  readonly allOrNone: boolean;
  readonly owner: string | undefined;
  /** Counts the orders that came to rest: the smaller one stood there first. */
  readonly arrival: number;
}
