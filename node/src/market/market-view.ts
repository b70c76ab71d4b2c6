import type { InstrumentId, Level, Price, Quantity, VenueId } from '@stoa/schema';

/** State of a venue's quotes at this node; see the SDL's QuoteState. */
export type QuoteState = 'live' | 'degraded' | 'stale' | 'silent';

/** A venue's feed as this node has verified it. */
export interface VenueFeed {
  readonly venue: VenueId;
  readonly state: QuoteState;
  /** Unix milliseconds of this node's clock; undefined before the first frame. */
  readonly sinceMs: number | undefined;
  readonly epoch: number | undefined;
  readonly lastSequence: number | undefined;
}

/** One price with what each venue shows there. */
export interface BookLevel {
  readonly price: Price;
  readonly quantity: Quantity;
  /** In the order of venue ids. */
  readonly venues: readonly { readonly venue: VenueId; readonly quantity: Quantity }[];
}

/** What one venue shows of an instrument, and the state that is in. */
export interface VenueBook {
  readonly venue: VenueId;
  readonly state: QuoteState;
  readonly halted: boolean;
  readonly haltReason: string | undefined;
  readonly firm: boolean;
  readonly validUntilMs: number;
  readonly bids: readonly Level[];
  readonly offers: readonly Level[];
}

/** All venues' levels of one instrument, merged by price; only live, unhalted venues stand in the levels. */
export interface ConsolidatedBook {
  readonly instrument: InstrumentId;
  /** Rises with every change within this process. */
  readonly version: number;
  readonly asOfMs: number;
  /** Best first. */
  readonly bids: readonly BookLevel[];
  readonly offers: readonly BookLevel[];
  readonly locked: boolean;
  readonly crossed: boolean;
  /** Every venue that lists the instrument, in the order of venue ids. */
  readonly venues: readonly VenueBook[];
}

/** A print as the network told it. */
export interface LastTrade {
  readonly venue: VenueId;
  readonly executionId: string;
  readonly price: Price;
  readonly quantity: Quantity;
  readonly executedAtMs: number;
}

/** The verified market, read-only: what the API, the router and the gateway see. */
export interface MarketView {
  /** The book of an instrument; empty where nothing was heard. */
  book(instrument: InstrumentId): ConsolidatedBook;
  feeds(): readonly VenueFeed[];
  lastTrade(instrument: InstrumentId): LastTrade | undefined;
  /** The book now and after every change, conflated to the latest for a slow reader. */
  watch(instrument: InstrumentId, signal: AbortSignal): AsyncIterable<ConsolidatedBook>;
}
