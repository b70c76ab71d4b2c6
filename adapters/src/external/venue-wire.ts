import type { InstrumentId, LegRejection, Level, Price, Quantity } from '@stoa/schema';
import type { LinkState, VenueCapabilities, VenueOrder } from '../venue-adapter.ts';
import type { RawListing } from '../venue-listing.ts';

/** One fill of one order, as a venue tells it. */
export interface WireFill {
  /** The venue's own id: used once within its session date. */
  readonly id: string;
  /** Date of the venue's session, where ids begin anew with it. */
  readonly sessionDate?: string;
  /** Id of the trade, which both its sides and its print share. */
  readonly tradeId?: string;
  readonly price: Price;
  readonly quantity: Quantity;
  /** Unix milliseconds; absent: now. */
  readonly executedAtMs?: number;
  /** The venue's name of the other side's account. */
  readonly counterparty?: string;
}

/** Where the venue says that an order stands. */
export type WireOrderState =
  /** Received and not yet decided on. */
  | 'pending'
  | 'live'
  | 'suspended'
  | 'done-for-day'
  | 'filled'
  | 'canceled'
  | 'expired'
  | 'rejected'
  /** The venue has no order of this id, now. */
  | 'unknown';

/** What the venue says of one order. Reports may repeat, and come late: only what is more counts. */
export interface OrderReport {
  readonly orderId: string;
  /** The venue's own id of it. */
  readonly venueOrderId?: string;
  readonly state: WireOrderState;
  /** Executed in all; absent where only fills are told. */
  readonly cumulative?: Quantity;
  /** Price × quantity of all that was executed, in the instrument's units, as the venue's average has it. */
  readonly amount?: bigint;
  /** Fills by id, those told before too or not. Absent: they follow from `cumulative` and `amount`. */
  readonly fills?: readonly WireFill[];
  /** The terms that hold now, where the venue says them. */
  readonly quantity?: Quantity;
  readonly limitPrice?: Price;
  /** Why it was rejected or ended. */
  readonly rejection?: LegRejection;
  readonly reason?: string;
}

/** An order as its wire knows it. */
export interface WireOrder {
  readonly order: VenueOrder;
  readonly venueOrderId: string | undefined;
  /** The terms that hold now. */
  readonly quantity: Quantity;
  readonly limitPrice: Price;
}

/** What goes out over a wire. */
export type WireRequest =
  | { readonly kind: 'new'; readonly order: VenueOrder }
  | { readonly kind: 'cancel'; readonly of: WireOrder }
  | {
      readonly kind: 'replace';
      readonly of: WireOrder;
      readonly quantity: Quantity;
      readonly limitPrice: Price;
    }
  | { readonly kind: 'mass-cancel'; readonly instrument: InstrumentId | undefined };

/** How a request ended, as far as its wire knows. */
export type WireAnswer =
  /** Done, or taken and to be told later; where the venue said how the order stands, `report`. */
  | { readonly outcome: 'taken'; readonly report?: OrderReport }
  /** The venue did not do it, for certain. */
  | { readonly outcome: 'rejected'; readonly rejection: LegRejection }
  /** It may or may not have been done: a time-out, a broken answer, a lost connection. */
  | { readonly outcome: 'unknown'; readonly reason: string };

/** What a wire tells, in the order in which the venue told it. */
export interface WireEars {
  /** For the time of `connect`: the steps on the way. */
  step(state: Extract<LinkState, 'connecting' | 'authenticating'>): void;
  orders(reports: readonly OrderReport[]): void;
  /** The whole depth, best first. */
  book(instrument: InstrumentId, bids: readonly Level[], offers: readonly Level[]): void;
  print(instrument: InstrumentId, print: Omit<WireFill, 'counterparty'>): void;
  trading(instrument: InstrumentId, state: 'trading' | 'halted', reason: string): void;
  /** A trade is undone, or another than was told; by the id of the fill. */
  busted(fill: Pick<WireFill, 'id' | 'sessionDate'>, reason: string): void;
  corrected(fill: WireFill): void;
  /** Something is wrong and the connection stands: one sentence; undefined when it is right again. */
  trouble(reason: string | undefined): void;
  /** The connection is gone; it will be made anew. */
  lost(reason: string): void;
}

/**
 * What is different from venue to venue: how to say a request and how to understand an answer. All
 * that is the same (journal, repeats, unknown outcomes, trade numbers, link states) is
 * {@link ExternalVenue}'s.
 */
export interface VenueWire {
  readonly capabilities: VenueCapabilities;
  /**
   * Connects and logs in; resolves when requests may go out. From then on, until `signal` is aborted,
   * it tells the market's state first and its changes after. What it throws ends this attempt; its
   * message is shown to the operator, so it holds no secret.
   */
  connect(ears: WireEars, signal: AbortSignal): Promise<void>;
  /** Says a request once. It never throws, and ends within a time of its own. */
  send(request: WireRequest): Promise<WireAnswer>;
  /**
   * Asks where these orders stand: one report an order, `unknown` where the venue has none of it.
   * Throws where it cannot be asked.
   */
  query(orders: readonly WireOrder[]): Promise<readonly OrderReport[]>;
  /**
   * Asks what the venue lists, where it can be asked (capability `listsInstruments`). Throws where it
   * does not answer, within a time of its own.
   */
  listings?(): Promise<readonly RawListing[]>;
}
