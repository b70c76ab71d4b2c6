import type {
  InstrumentId,
  MemberId,
  OrderStatus,
  OrderType,
  Price,
  Quantity,
  Remainder,
  RoutingStrategy,
  Side,
  TimeInForce,
  VenueId,
} from '@stoa/schema';

/** Who calls: proven by a token. `home` is the venue whose node keeps this member's orders. */
export interface Caller {
  readonly member: MemberId;
  readonly home: VenueId;
  readonly scopes: ReadonlySet<string>;
}

/** An order as its home node knows it. */
export interface OrderView {
  readonly id: string;
  readonly clientOrderId: string;
  readonly member: MemberId;
  readonly instrument: InstrumentId;
  readonly account: `0x${string}`;
  readonly side: Side;
  readonly type: OrderType;
  readonly timeInForce: TimeInForce;
  /** Unix milliseconds, as asked for; for `gtd`. */
  readonly expireAtMs: number | undefined;
  readonly minQuantity: Quantity | undefined;
  readonly allOrNone: boolean;
  readonly strategy: RoutingStrategy;
  readonly directedTo: VenueId | undefined;
  readonly remainder: Remainder;
  readonly cancelOnDisconnect: boolean;
  /** The firm quote that it takes, or gave. */
  readonly quoteId: string | undefined;
  readonly quantity: Quantity;
  readonly limitPrice: Price | undefined;
  /** How many replacements took effect. */
  readonly revision: number;
  readonly status: OrderStatus;
  readonly filled: Quantity;
  readonly leaves: Quantity;
  /** Sum of price × quantity of all executions; the average is this over `filled`. */
  readonly notional: bigint;
  readonly reason: string | undefined;
  readonly placedAtMs: number;
}

/** A leg as its home node knows it. */
export interface LegView {
  readonly id: string;
  readonly orderId: string;
  readonly venue: VenueId;
  readonly quantity: Quantity;
  readonly limitPrice: Price;
  readonly status: OrderStatus;
  readonly filled: Quantity;
  readonly reason: string | undefined;
}
