import type {
  Execution,
  InstrumentId,
  LegRejection,
  Level,
  MemberId,
  OrderOwner,
  OrderStatus,
  Price,
  Quantity,
  Side,
  TimeInForce,
  VenueId,
} from '@stoa/schema';
import type { VenueListings } from './venue-listing.ts';

export type { VenueListing, VenueListingStatus, VenueListings } from './venue-listing.ts';

/** A new order for the venue's book. `orderId` is the client order id at the venue. */
export interface VenueOrder {
  readonly orderId: string;
  readonly instrument: InstrumentId;
  readonly side: Side;
  readonly timeInForce: TimeInForce;
  readonly quantity: Quantity;
  readonly limitPrice: Price;
  /** Unix time, milliseconds, inclusive; for `gtd`. */
  readonly expireAtMs?: number;
  /** The least that may be executed at once when the order comes. FIX MinQty(110). */
  readonly minQuantity?: Quantity;
  /** The whole quantity in one go or nothing, though it may wait. FIX ExecInst(18) G. */
  readonly allOrNone?: boolean;
  /** Shown at a time; the rest is hidden. FIX MaxFloor(111). */
  readonly displayQuantity?: Quantity;
  readonly owner: OrderOwner;
  /** The venue whose node is home of the order. */
  readonly homeVenue: VenueId;
}

/** What the venue can do; a request beyond it is refused before the wire. */
export interface VenueCapabilities {
  readonly timesInForce: readonly TimeInForce[];
  /**
   * An immediate order stands at the venue for so long before what is left of it is canceled, because the
   * venue has only orders that rest. Absent: its immediate orders are its own.
   */
  readonly immediateAfterMs?: number;
  readonly replace: boolean;
  readonly massCancel: boolean;
  readonly allOrNone: boolean;
  readonly minQuantity: boolean;
  /** Absent: no. */
  readonly displayQuantity?: boolean;
  readonly depthLevels: number;
  /** Whether it can be asked where one order stands. Absent: yes. */
  readonly statusRequest?: boolean;
  /** Whether it can be asked what it lists. Absent: no. */
  readonly listsInstruments?: boolean;
  /**
   * Whether the venue is a system of its own, which goes on while the node is down: after a restart
   * every order that had no outcome is in doubt, the immediate ones too. Absent: no.
   */
  readonly external?: boolean;
  /**
   * Whether a trade between two members' orders is one execution that names both. Where not, each
   * order has an execution of its own, against a wallet of the venue's. Absent: yes.
   */
  readonly joinsTrades?: boolean;
  /** What it can of requests for quote. Absent: nothing. */
  readonly rfq?: RfqCapability;
}

/** How a venue takes part in negotiation. */
export interface RfqCapability {
  /** It is handed `quote-request` and answers with quotes of its own. */
  readonly venueQuotes: boolean;
  /** It executes what two members agreed on: a `quote-accept` that brings the maker's order too. */
  readonly memberQuotes: boolean;
}

/** FIX QuoteRequest(R): what a venue is asked to quote. Says nothing of the investor. */
export interface VenueQuoteRequest {
  readonly requestId: string;
  readonly instrument: InstrumentId;
  /** What the requester would do; undefined: not told, both sides are to be quoted. */
  readonly side: Side | undefined;
  readonly quantity: Quantity;
  /** Unix time, milliseconds, inclusive: nothing is wanted after it. FIX ExpireTime(126). */
  readonly expireAtMs: number;
  readonly member: MemberId;
}

/** One side of a firm quote. */
export interface QuoteSide {
  readonly price: Price;
  readonly quantity: Quantity;
}

/** FIX Quote(S): firm for its sizes until its validity ends, by the venue's clock. */
export interface VenueQuote {
  readonly quoteId: string;
  readonly requestId: string;
  /** At which it buys: a requester sells to it. */
  readonly bid?: QuoteSide;
  /** At which it sells: a requester buys from it. */
  readonly offer?: QuoteSide;
  /** Unix time, milliseconds, inclusive. FIX ValidUntilTime(62). */
  readonly validUntilMs: number;
}

/**
 * FIX QuoteResponse(AJ), QuoteRespType(694) 1: takes a quote whole. `order` says at which terms; what
 * comes of it is told as of any other order, by its id, and so is asked for. Idempotent by that id.
 */
export interface QuoteAcceptance {
  /** Of the venue's own quote: its id. Of a member's: the node's, which the venue does not know. */
  readonly quoteId: string;
  readonly order: VenueOrder;
  /** The other side, where a member gave the quote. Undefined: the venue did. */
  readonly maker?: VenueOrder;
}

/** States of the connection between an adapter and its venue. */
export const LINK_STATES = [
  'stopped',
  'connecting',
  'authenticating',
  'recovering',
  'ready',
  'degraded',
  'draining',
] as const;
/** One of {@link LINK_STATES}: requests are taken in `ready` alone. */
export type LinkState = (typeof LINK_STATES)[number];

/** What is asked of a venue about one order. Idempotent by order id. */
export type VenueRequest =
  | { readonly kind: 'new'; readonly order: VenueOrder }
  | { readonly kind: 'cancel'; readonly orderId: string; readonly instrument: InstrumentId }
  | {
      readonly kind: 'replace';
      readonly orderId: string;
      readonly instrument: InstrumentId;
      readonly quantity: Quantity;
      readonly limitPrice: Price;
    }
  | { readonly kind: 'status'; readonly orderId: string; readonly instrument: InstrumentId }
  /** Every open order of this instrument, or of all; each answers as a cancel of its own would. */
  | { readonly kind: 'mass-cancel'; readonly instrument?: InstrumentId }
  /** Idempotent by request id. Answers come as `quote` and `quote-ended`. */
  | { readonly kind: 'quote-request'; readonly request: VenueQuoteRequest }
  /** The requester wants no quotes any more: those given end. FIX QuoteResponse(AJ), QuoteRespType(694) 6. */
  | { readonly kind: 'quote-cancel'; readonly requestId: string }
  | ({ readonly kind: 'quote-accept' } & QuoteAcceptance);

/**
 * "The request was taken", which is not acceptance: acceptance, fills and rejections come as events.
 * A refusal here was decided before the wire. `outcome-unknown` is resolved by `reconcile`, never by
 * sending again under another id.
 */
export type Receipt =
  | { readonly outcome: 'taken' }
  | { readonly outcome: 'refused'; readonly rejection: LegRejection }
  | { readonly outcome: 'outcome-unknown' };

/** Both sides of a trade, for the venue's own record (Rule 302(c)); never published. */
export interface TradeParties {
  readonly buyOrderId: string | undefined;
  readonly sellOrderId: string | undefined;
}

/** What a venue says. Delivered in order; redelivered after a crash, so consumers dedupe by id. */
export type VenueEvent =
  | { readonly kind: 'accepted'; readonly orderId: string }
  | { readonly kind: 'rejected'; readonly orderId: string; readonly rejection: LegRejection }
  | { readonly kind: 'cancel-rejected'; readonly orderId: string; readonly rejection: LegRejection }
  | {
      readonly kind: 'replaced';
      readonly orderId: string;
      readonly quantity: Quantity;
      readonly limitPrice: Price;
    }
  /** The order stands as it was. */
  | {
      readonly kind: 'replace-rejected';
      readonly orderId: string;
      readonly rejection: LegRejection;
    }
  /** A trade in which at least one side is a member's order. Names both sides' orders where members' own. */
  | { readonly kind: 'executed'; readonly execution: Execution; readonly parties: TradeParties }
  /** A trade is undone. FIX ExecType(150) H. Its print is withdrawn by the node. */
  | {
      readonly kind: 'busted';
      readonly executionId: string;
      readonly instrument: InstrumentId;
      readonly reason: string;
    }
  /** A trade as it should have been: same execution id and trade number. FIX ExecType(150) G. */
  | { readonly kind: 'corrected'; readonly execution: Execution }
  /** The order takes no more fills today, and stands again when the venue next opens. */
  | { readonly kind: 'done-for-day'; readonly orderId: string; readonly filled: Quantity }
  /** The order takes no more fills. */
  | {
      readonly kind: 'done';
      readonly orderId: string;
      readonly state: 'filled' | 'canceled' | 'expired';
      readonly filled: Quantity;
      readonly reason: string;
    }
  | {
      readonly kind: 'order-status';
      readonly orderId: string;
      readonly status: OrderStatus | 'unknown-order';
      readonly filled: Quantity;
    }
  | VenueQuoteEvent
  | VenueMarketEvent;

/** What a venue says of its own quotes. */
export type VenueQuoteEvent =
  | { readonly kind: 'quote'; readonly quote: VenueQuote }
  /** It can be taken no more; or, without an id, none of the request's will be given. FIX QuoteStatusReport(AI). */
  | {
      readonly kind: 'quote-ended';
      readonly requestId: string;
      readonly quoteId?: string;
      readonly rejection: LegRejection;
    };

/** Market data of a venue: carries no order, no member, no wallet. */
export type VenueMarketEvent =
  /** The instrument's whole depth, best first, at most `depthLevels` a side. The latest replaces all before. */
  | {
      readonly kind: 'book';
      readonly instrument: InstrumentId;
      readonly bids: readonly Level[];
      readonly offers: readonly Level[];
    }
  | {
      readonly kind: 'print';
      readonly instrument: InstrumentId;
      readonly executionId: string;
      readonly price: Price;
      readonly quantity: Quantity;
      readonly executedAtMs: number;
      /** Agreed between two parties and not met in the book. */
      readonly negotiated?: true;
    }
  | {
      readonly kind: 'trading-status';
      readonly instrument: InstrumentId;
      readonly state: 'trading' | 'halted';
      readonly reason: string;
    }
  /** `reason` is one sentence for the operator, without secrets. */
  | { readonly kind: 'link'; readonly state: LinkState; readonly reason?: string };

/** Takes events in; when the promise resolves they are durable and the adapter may acknowledge them. */
export interface VenueSink {
  deliver(events: readonly VenueEvent[]): Promise<void>;
}

/** An order that was open when the node stopped, to be entered again or reconciled. */
export interface OpenOrder {
  readonly order: VenueOrder;
  /** Executed before the restart. */
  readonly filled: Quantity;
  /** Where known, a day order of a session that is over ends at the start. */
  readonly acceptedAtMs?: number;
}

/** What an adapter needs to start: where events go, and what was open. */
export interface VenueStart {
  readonly sink: VenueSink;
  /** In the order they were accepted. */
  readonly openOrders: readonly OpenOrder[];
  /** The next trade number of this venue: one above the highest that was recorded. */
  readonly nextTradeNumber: number;
  readonly signal: AbortSignal;
}

/**
 * The port through which a venue joins. Invariants: requests are journalled before they go out;
 * inbound events are acknowledged only after `deliver` resolved; `submit` is idempotent by order id;
 * a receipt is not an acceptance; a time-out is an unknown outcome; cumulative + leaves = quantity
 * while an order lives; books are invalid while the link is down; `ready` only after reconciliation.
 */
export interface VenueAdapter {
  readonly venue: VenueId;
  readonly capabilities: VenueCapabilities;
  readonly link: LinkState;
  /**
   * Connects, reconciles the open orders and becomes ready. A venue that cannot be reached is no
   * failure: it resolves, and the adapter goes on trying and says so by its link.
   */
  start(start: VenueStart): Promise<void>;
  submit(request: VenueRequest): Promise<Receipt>;
  /**
   * Whether the venue accepts an order that is submitted now, as it says itself, from memory. Only a
   * venue inside its node can know: the node then tells of the acceptance in the transaction that records
   * the order, and submits it after. Its events follow all the same; where it was halted in between they
   * are a rejection. Absent, or false: its events say so. It changes nothing and never throws.
   */
  accepts?(order: VenueOrder): boolean;
  /** Asks the venue where every open order stands; answers come as `order-status` events. */
  reconcile(): Promise<void>;
  /**
   * What the venue lists, as it says itself, whatever is configured here. Asked anew each time; it never
   * throws, ends within a time of its own, and answers a refusal while the link is not `ready`, where
   * the venue cannot be asked, or where what it says cannot be read. It changes nothing.
   */
  instruments(): Promise<VenueListings>;
  /** Stops taking orders and ends the link; open orders stay open at the venue unless it says otherwise. */
  stop(): Promise<void>;
}
