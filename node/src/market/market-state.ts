import type { Entry, Frame, InstrumentId, VenueId } from '@stoa/schema';
import { InstrumentBook } from './consolidated-book.ts';
import type { SequenceRange } from './feed-position.ts';
import { FeedTable, type FeedTableOptions } from './feed-table.ts';
import type { Arrival } from './judge.ts';
import { indexListings, type ListingIndex } from './listing-index.ts';
import type { LoggedFrame } from './logged-frame.ts';
import type { ConsolidatedBook, LastTrade, VenueEvidence } from './market-view.ts';
import { type DayStatistics, dayStartOf } from './trade-statistics.ts';
import { TapeBudget, TradeTape } from './trade-tape.ts';

/** All books, trades and feeds of this node. No clock and no network: time comes with each call. */
export class MarketState {
  readonly feeds: FeedTable;
  #index: ListingIndex = indexListings({
    blockNumber: 0n,
    members: new Map(),
    instruments: new Map(),
    listings: [],
  });
  readonly #books = new Map<InstrumentId, InstrumentBook>();
  readonly #tapes = new Map<InstrumentId, TradeTape>();
  readonly #tapeBudget = new TapeBudget();
  /** From when on trades are known: this node's start, or the first one it finds recorded. */
  #knownSinceMs: number;
  #dayStartMs: number;
  readonly #watchers = new Map<InstrumentId, Set<() => void>>();

  constructor(options: FeedTableOptions, nowMs: number) {
    this.feeds = new FeedTable(options);
    this.#knownSinceMs = nowMs;
    this.#dayStartMs = dayStartOf(nowMs);
  }

  get index(): ListingIndex {
    return this.#index;
  }

  /** Follows the directory: lists, delists, and forgets venues that left; returns those. */
  setIndex(index: ListingIndex, nowMs: number): VenueId[] {
    this.#index = index;
    const gone = this.feeds.venues().filter((venue) => !index.venues.includes(venue));
    for (const venue of gone) this.feeds.drop(venue, nowMs);
    for (const [instrument, listings] of index.listings) {
      let book = this.#books.get(instrument);
      if (!book) {
        book = new InstrumentBook(instrument);
        this.#books.set(instrument, book);
      }
      book.list(listings, (venue) => this.feeds.state(venue), nowMs);
    }
    for (const [instrument, book] of this.#books) {
      if (index.listings.has(instrument)) continue;
      book.list([], () => 'silent', nowMs);
    }
    for (const instrument of this.#books.keys()) this.#notify(instrument);
    return gone;
  }

  /**
   * Takes a frame that was accepted; returns the frames that were given up for it. `kept` is what the
   * books keep as their proof: without the entries, which they have.
   */
  take(
    logged: LoggedFrame,
    arrival: Arrival,
    nowMs: number,
    kept: LoggedFrame,
  ): SequenceRange | undefined {
    const { venue, sequence, entries } = logged.frame;
    const lost = this.#advance(logged, arrival, nowMs);
    this.#applyTrades(logged.frame, nowMs);
    const touched = new Set<InstrumentId>();
    for (const entry of entries) {
      const book = this.#books.get(entry.instrument);
      if (entry.kind === 'book') book?.applyBook(venue, entry, sequence, nowMs, kept);
      else if (entry.kind === 'status') book?.applyStatus(venue, entry, sequence, nowMs, kept);
      touched.add(entry.instrument);
    }
    for (const instrument of touched) this.#notify(instrument);
    return lost;
  }

  /** Takes the trades of a frame of the past, whatever its epoch; books and halts of then are void. */
  takeTrades(frame: Frame, nowMs: number): void {
    this.#knownSinceMs = Math.min(this.#knownSinceMs, frame.sentAtMs);
    const { venue, entries } = frame;
    const isListed = ({ instrument }: Entry) => this.#index.listed(venue, instrument) !== undefined;
    this.#applyTrades({ ...frame, entries: entries.filter(isListed) }, nowMs);
  }

  /** Whether a frame is of an epoch that the venue's node has ended. */
  isPast({ venue, epoch }: Frame): boolean {
    const position = this.feeds.position(venue);
    return position !== undefined && epoch < position.epoch;
  }

  /** Takes a frame of an earlier epoch: of it, only the trades still stand. */
  takePast(frame: Frame, counts: boolean, nowMs: number): void {
    this.feeds.takePast(frame);
    if (counts) this.#applyTrades(frame, nowMs);
  }

  /** Takes the number of a frame that the venue signed and that is wrong: what it names is withdrawn. */
  takeWrong(logged: LoggedFrame, arrival: Arrival, nowMs: number): SequenceRange | undefined {
    const { venue, sequence, entries } = logged.frame;
    const lost = this.#advance(logged, arrival, nowMs);
    for (const { instrument } of entries) {
      if (this.#books.get(instrument)?.withdraw(venue, sequence, nowMs)) this.#notify(instrument);
    }
    return lost;
  }

  /** Frames will never come: whatever the venue showed before them may be outdated, and goes. */
  lose(venue: VenueId, lost: SequenceRange, nowMs: number): void {
    this.feeds.countLost(venue, lost);
    for (const [instrument, book] of this.#books) {
      if (book.withdraw(venue, lost.to, nowMs)) this.#notify(instrument);
    }
  }

  /** Works out a venue's state anew, and carries a change of it into the books. */
  refresh(venue: VenueId, nowMs: number): void {
    if (!this.feeds.refresh(venue, nowMs)) return;
    const state = this.feeds.state(venue);
    for (const [instrument, book] of this.#books) {
      if (book.setState(venue, state, nowMs)) this.#notify(instrument);
    }
  }

  /** Lets quotes expire in the books that somebody watches; the others do so when they are looked at. */
  expire(nowMs: number): void {
    if (dayStartOf(nowMs) > this.#dayStartMs) {
      this.#dayStartMs = dayStartOf(nowMs);
      for (const tape of this.#tapes.values()) tape.turnDay(nowMs);
    }
    for (const instrument of this.#watchers.keys()) {
      if (this.#books.get(instrument)?.expire(nowMs)) this.#notify(instrument);
    }
  }

  book(instrument: InstrumentId, nowMs: number): ConsolidatedBook {
    return this.#books.get(instrument)?.view(nowMs) ?? emptyBook(instrument);
  }

  /** The frames behind the books of an instrument's venues; the feeds' own are not known here. */
  evidence(instrument: InstrumentId): VenueEvidence[] {
    return this.#books.get(instrument)?.evidence() ?? [];
  }

  lastTrade(instrument: InstrumentId): LastTrade | undefined {
    return this.#tapes.get(instrument)?.last();
  }

  statistics(instrument: InstrumentId, nowMs: number): DayStatistics {
    // Nothing is kept for a question about an instrument that was never traded.
    const tape = this.#tapes.get(instrument) ?? new TradeTape(this.#tapeBudget);
    return tape.statistics(nowMs, this.#knownSinceMs);
  }

  /** Calls after every change of an instrument's book; the returned function ends it. */
  subscribe(instrument: InstrumentId, onChange: () => void): () => void {
    const watchers = this.#watchers.get(instrument) ?? new Set();
    this.#watchers.set(instrument, watchers);
    watchers.add(onChange);
    return () => {
      watchers.delete(onChange);
      if (watchers.size === 0) this.#watchers.delete(instrument);
    };
  }

  #advance(logged: LoggedFrame, arrival: Arrival, nowMs: number): SequenceRange | undefined {
    const { venue } = logged.frame;
    const { isNewEpoch, lost } = this.feeds.take(logged, arrival, nowMs);
    if (isNewEpoch) {
      for (const [instrument, book] of this.#books) {
        book.restart(venue, nowMs);
        this.#notify(instrument);
      }
    }
    this.refresh(venue, nowMs);
    return lost;
  }

  #applyTrades({ venue, epoch, sequence, entries }: Frame, nowMs: number): void {
    for (const [place, entry] of entries.entries()) {
      if (entry.kind !== 'trade') continue;
      this.#tape(entry.instrument).apply(venue, entry, { epoch, sequence, entry: place }, nowMs);
    }
  }

  #tape(instrument: InstrumentId): TradeTape {
    const known = this.#tapes.get(instrument);
    if (known) return known;
    const tape = new TradeTape(this.#tapeBudget);
    this.#tapes.set(instrument, tape);
    return tape;
  }

  #notify(instrument: InstrumentId): void {
    for (const watcher of this.#watchers.get(instrument) ?? []) watcher();
  }
}

function emptyBook(instrument: InstrumentId): ConsolidatedBook {
  return {
    instrument,
    version: 0,
    asOfMs: 0,
    bids: [],
    offers: [],
    locked: false,
    crossed: false,
    venues: [],
  };
}
