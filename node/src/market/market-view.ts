import type { InstrumentId, Level, Price, Quantity, VenueId } from '@stoa/schema';
import type { EquivocationProof } from './judgement-record.ts';
import type { LoggedFrame } from './logged-frame.ts';
import type { DayStatistics } from './trade-statistics.ts';

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
  /** Frames of the venue that were missing and that nobody could give, since this node started. */
  readonly lostFrames: number;
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
  /** Of these quotes: as the venue's feed, or worse where this depth is not known. */
  readonly state: QuoteState;
  /** Since when, in Unix milliseconds of this node's clock. */
  readonly sinceMs: number;
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

/** The signed frames behind what one venue shows of an instrument. */
export interface VenueEvidence {
  readonly venue: VenueId;
  /** Carried the depth that is shown; undefined where none is. */
  readonly book: LoggedFrame | undefined;
  /** Carried the trading state in force; undefined where the venue said none. */
  readonly status: LoggedFrame | undefined;
  /** The highest of the venue that this node holds: it says that the venue was there, and when. */
  readonly latest: LoggedFrame | undefined;
}

/** A print as the network told it. */
export interface LastTrade {
  readonly venue: VenueId;
  readonly executionId: string;
  readonly price: Price;
  readonly quantity: Quantity;
  readonly executedAtMs: number;
  /** Agreed between two parties and not met in the book. */
  readonly negotiated: boolean;
}

/** The verified market, read-only: what the API, the router and the gateway see. */
export interface MarketView {
  /** The book of an instrument; empty where nothing was heard. */
  book(instrument: InstrumentId): ConsolidatedBook;
  /**
   * The frames behind `book`, one entry for each of its venues; asked in the same turn, of that very
   * book. From memory alone: it never waits.
   */
  evidence(instrument: InstrumentId): readonly VenueEvidence[];
  feeds(): readonly VenueFeed[];
  lastTrade(instrument: InstrumentId): LastTrade | undefined;
  /** Figures of the running calendar day in UTC, corrections and busts applied. */
  statistics(instrument: InstrumentId): DayStatistics;
  /** Contradictions that venues have signed, with the proof; the latest, oldest first. */
  proofs(): readonly EquivocationProof[];
  /** The book now and after every change, conflated to the latest for a slow reader. */
  watch(instrument: InstrumentId, signal: AbortSignal): AsyncIterable<ConsolidatedBook>;
}
