import {
  isImmediate,
  type LegRejection,
  type OrderStatus,
  type OrderType,
  type Price,
  type Quantity,
  type Remainder,
  type RoutingStrategy,
  type Side,
  type TimeInForce,
  type VenueId,
} from '@stoa/schema';

/** A leg as it is sent. `route` legs take liquidity at once, a `rest` leg waits at its venue. */
export interface NewLeg {
  readonly id: string;
  readonly number: number;
  readonly round: number;
  readonly purpose: 'route' | 'rest';
  readonly venue: VenueId;
  readonly timeInForce: TimeInForce;
  readonly quantity: Quantity;
  readonly limitPrice: Price;
  /** Unix time, milliseconds; for `gtd`. */
  readonly expireAtMs?: number;
  readonly minQuantity?: Quantity;
  readonly allOrNone?: boolean;
}

/** A child order at one venue. */
export interface LegState extends NewLeg {
  readonly status: OrderStatus;
  readonly filled: Quantity;
  /** What the venue said was filled when it ended the leg; undefined until then. */
  readonly finalFilled: Quantity | undefined;
  readonly reason: string | undefined;
  /** How many replacements its venue was asked for. */
  readonly revision: number;
  /** What the last of them asks for, until the venue has answered. */
  readonly pending: { readonly quantity: Quantity; readonly limitPrice: Price } | undefined;
}

/** New terms of an order that are not in effect yet. */
export interface Replacement {
  /** New total quantity. */
  readonly quantity: Quantity;
  /** Absent: as it is. */
  readonly limitPrice?: Price;
  /** What rests is taken back first, and what is left is routed again. */
  readonly reroute: boolean;
  /** Venues were asked for it. */
  readonly started: boolean;
}

/** What its member asked for once and for all. */
export interface OrderTerms {
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
  /** The firm quote that it takes, or gave: its one leg goes to that and to no book. */
  readonly quoteId: string | undefined;
  /** From here on nothing of it is sent any more; undefined: at no time. */
  readonly endsAtMs: number | undefined;
}

/** An order and its legs. */
export interface OrderState extends OrderTerms {
  readonly id: string;
  readonly quantity: Quantity;
  readonly limitPrice: Price | undefined;
  readonly status: OrderStatus;
  readonly filled: Quantity;
  /** Sum of price × quantity of its executions. */
  readonly notional: bigint;
  readonly cancelRequested: boolean;
  readonly reason: string | undefined;
  /** It waits unsent until then. */
  readonly heldUntilMs: number | undefined;
  /** In the order they were asked for; the first may be on its way. */
  readonly replacements: readonly Replacement[];
  /** How many took effect. */
  readonly revision: number;
  /** Legs up to this number were sent for what the order was before: they say nothing of it now. */
  readonly routedFrom: number;
  readonly legs: readonly LegState[];
}

/** A trade as it is told of a leg. */
interface LegTrade {
  readonly legId: string;
  readonly venue: VenueId;
  readonly executionId: string;
  readonly price: Price;
  readonly quantity: Quantity;
}

/** What can happen to an order. */
export type OrderEvent =
  /** Legs go out; they are recorded as sent before they are. */
  | { readonly kind: 'routed'; readonly legs: readonly NewLeg[] }
  /** It waits unsent, as for the open of its venue. */
  | { readonly kind: 'held'; readonly untilMs: number }
  | { readonly kind: 'released' }
  /** Nothing is to be sent (any more): the order ends as it stands. */
  | {
      readonly kind: 'ended';
      readonly status: 'canceled' | 'rejected' | 'expired';
      readonly reason: string;
    }
  | { readonly kind: 'leg-accepted'; readonly legId: string }
  | { readonly kind: 'leg-rejected'; readonly legId: string; readonly rejection: LegRejection }
  | ({ readonly kind: 'leg-executed' } & LegTrade)
  | {
      readonly kind: 'leg-done';
      readonly legId: string;
      readonly state: 'filled' | 'canceled' | 'expired';
      readonly filled: Quantity;
      readonly reason: string;
    }
  | {
      readonly kind: 'leg-status';
      readonly legId: string;
      readonly state: OrderStatus | 'unknown-order';
      readonly filled: Quantity;
    }
  /** No answer in time, or the link is down: what became of the leg is not known. */
  | { readonly kind: 'leg-silent'; readonly legId: string; readonly reason: string }
  /** `clientOrderId` is the request's own, where its member gave it one: FIX ClOrdID(11) of F. */
  | { readonly kind: 'cancel-requested'; readonly clientOrderId?: string }
  /** The venue would not cancel the leg, which lives on. */
  | {
      readonly kind: 'leg-cancel-rejected';
      readonly legId: string;
      readonly rejection: LegRejection;
    }
  | {
      readonly kind: 'replace-requested';
      /** The request's own, as of a cancel: FIX ClOrdID(11) of G. */
      readonly clientOrderId?: string;
      readonly quantity: Quantity;
      readonly limitPrice?: Price;
      readonly reroute: boolean;
    }
  | {
      readonly kind: 'leg-replaced';
      readonly legId: string;
      readonly revision: number;
      readonly quantity: Quantity;
      readonly limitPrice: Price;
    }
  /** The leg stands as it was. */
  | {
      readonly kind: 'leg-replace-rejected';
      readonly legId: string;
      readonly revision: number;
      readonly rejection: LegRejection;
    }
  /** A trade is undone; `price` and `quantity` are what it was. FIX ExecType(150) H. */
  | ({ readonly kind: 'trade-busted'; readonly reason: string } & LegTrade)
  /** A trade as it should have been, and `was` counted as. FIX ExecType(150) G. */
  | ({
      readonly kind: 'trade-corrected';
      readonly was: { readonly price: Price; readonly quantity: Quantity };
    } & LegTrade);

/** What has to be done because of an event; recorded with the state it goes with. */
export type OrderEffect =
  /** Every leg is answered and the order is open: route on, or let the rest wait. */
  | { readonly kind: 'continue'; readonly leaves: Quantity }
  | { readonly kind: 'cancel-leg'; readonly leg: LegState }
  /** Its `pending` terms go to its venue under its `revision`. */
  | { readonly kind: 'replace-leg'; readonly leg: LegState }
  | { readonly kind: 'ask-status'; readonly leg: LegState }
  /** No leg that routes is in flight: what was executed may settle as one group. */
  | { readonly kind: 'close-group' };

/** Why an event changed nothing. `DUPLICATE` is normal; the others are contradictions, or too late. */
export type IgnoredCode =
  | 'DUPLICATE'
  | 'LEG_UNKNOWN'
  | 'LEG_ENDED'
  | 'LEG_OVERFILLED'
  | 'PRICE_WORSE_THAN_LIMIT'
  | 'FILLED_CONTRADICTS'
  | 'REPLACE_CONTRADICTS'
  | 'CORRECTION_EXCEEDS'
  | 'TRADE_UNKNOWN'
  | 'ORDER_ENDED'
  | 'CANCEL_PENDING'
  | 'REPLACE_BELOW_FILLED'
  | 'REPLACE_PENDING';

/** The next state with its effects, or why there is none. */
export type OrderStep =
  | { readonly state: OrderState; readonly effects: readonly OrderEffect[] }
  | { readonly ignored: IgnoredCode };

/** Whether a leg takes no more fills and everything it filled has been told. */
export function isComplete(leg: LegState): boolean {
  // A venue may give a filled order more quantity: until it has answered, it could fill that.
  if (leg.pending !== undefined) return false;
  return leg.filled === leg.quantity || leg.filled === leg.finalFilled;
}

/** Whether the order may outlive the moment it came in. */
export function mayWait({ type, timeInForce }: Pick<OrderTerms, 'type' | 'timeInForce'>): boolean {
  return type === 'limit' && !isImmediate({ timeInForce });
}

/** A rejection as it is kept. */
export function reasonOf({ code, message }: LegRejection): string {
  return `${code}: ${message}`;
}

/** The status of a leg or order that its venue works on. */
export function liveStatus(filled: Quantity): OrderStatus {
  return filled > 0 ? 'partially-filled' : 'new';
}
