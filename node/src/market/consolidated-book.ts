import type { BookEntry, InstrumentId, Listing, StatusEntry, VenueId } from '@stoa/schema';
import type { LoggedFrame } from './logged-frame.ts';
import type { ConsolidatedBook, QuoteState, VenueBook, VenueEvidence } from './market-view.ts';
import { keepLevels, mergeSide } from './merged-side.ts';

/** What a venue last said of the instrument, and at which sequence: the latest one wins. */
interface VenueQuotes {
  book: BookEntry | undefined;
  bookSequence: number;
  /** The frame that carried it, as the frame log keeps it: the proof of it. */
  bookFrame: LoggedFrame | undefined;
  status: StatusEntry | undefined;
  statusSequence: number;
  statusFrame: LoggedFrame | undefined;
  /** State of the venue's feed as a whole. */
  feed: QuoteState;
  /** Its depth was taken out, and it has not said another since. */
  isWithdrawn: boolean;
  /** State of these quotes, and since when it holds. */
  state: QuoteState;
  sinceMs: number;
  /** The registry's own word: a listing that is not in force does not trade. */
  listing: Listing['status'];
}

/**
 * One instrument's book over all venues that list it. Without clock, network or randomness: the same
 * calls give the same book on every node.
 *
 * Changes are taken in as they come, in constant time; levels are merged when somebody looks, because
 * at a thousand changes a second most states are seen by no one.
 */
export class InstrumentBook {
  readonly instrument: InstrumentId;
  readonly #venues = new Map<VenueId, VenueQuotes>();
  #version = 0;
  #asOfMs = 0;
  #view: ConsolidatedBook | undefined;
  /** Levels of the last view; those that stand as before are taken over into the next. */
  #lastMerged: Pick<ConsolidatedBook, 'bids' | 'offers'> = { bids: [], offers: [] };
  /** The view holds as long as no quote that stands in it expires. */
  #viewUntilMs = Number.POSITIVE_INFINITY;

  constructor(instrument: InstrumentId) {
    this.instrument = instrument;
  }

  /** Sets which venues list the instrument and what state each feed is in; others leave the book. */
  list(listings: readonly Listing[], stateOf: (venue: VenueId) => QuoteState, nowMs: number): void {
    const listed = new Set(listings.map((listing) => listing.venue));
    for (const venue of this.#venues.keys()) {
      if (!listed.has(venue)) this.#venues.delete(venue);
    }
    for (const { venue, status } of listings) {
      const known = this.#venues.get(venue);
      if (known) known.listing = status;
      else this.#venues.set(venue, unheardQuotes(stateOf(venue), status, nowMs));
    }
    this.#touch(nowMs);
  }

  /** Takes in a venue's whole depth; false when a later one is known or the venue does not list it. */
  applyBook(
    venue: VenueId,
    book: BookEntry,
    sequence: number,
    nowMs: number,
    frame?: LoggedFrame,
  ): boolean {
    const quotes = this.#venues.get(venue);
    if (!quotes || sequence < quotes.bookSequence) return false;
    quotes.book = keepStanding(quotes.book, book);
    quotes.bookSequence = sequence;
    quotes.bookFrame = frame;
    quotes.isWithdrawn = false;
    settleState(quotes, nowMs);
    this.#touch(nowMs);
    return true;
  }

  /** Takes in a halt or its end; false when a later one is known or the venue does not list it. */
  applyStatus(
    venue: VenueId,
    status: StatusEntry,
    sequence: number,
    nowMs: number,
    frame?: LoggedFrame,
  ): boolean {
    const quotes = this.#venues.get(venue);
    if (!quotes || sequence < quotes.statusSequence) return false;
    quotes.status = status;
    quotes.statusSequence = sequence;
    quotes.statusFrame = frame;
    this.#touch(nowMs);
    return true;
  }

  /** Sets the state of a venue's feed. */
  setState(venue: VenueId, state: QuoteState, nowMs: number): boolean {
    const quotes = this.#venues.get(venue);
    if (!quotes || quotes.feed === state) return false;
    quotes.feed = state;
    settleState(quotes, nowMs);
    this.#touch(nowMs);
    return true;
  }

  /**
   * Takes a venue's depth out when it may be outdated: what it said before `sequence` no longer
   * holds, and what holds is not known. A halt stays: what was not heard ends no halt.
   */
  withdraw(venue: VenueId, sequence: number, nowMs: number): boolean {
    const quotes = this.#venues.get(venue);
    if (!quotes || quotes.bookSequence >= sequence) return false;
    quotes.book = undefined;
    quotes.bookFrame = undefined;
    quotes.bookSequence = sequence;
    quotes.isWithdrawn = true;
    settleState(quotes, nowMs);
    this.#touch(nowMs);
    return true;
  }

  /** Forgets all a venue said: its node started again, and numbers begin anew. */
  restart(venue: VenueId, nowMs: number): void {
    const quotes = this.#venues.get(venue);
    if (!quotes) return;
    const anew = unheardQuotes(quotes.feed, quotes.listing, nowMs);
    if (anew.state === quotes.state) anew.sinceMs = quotes.sinceMs;
    this.#venues.set(venue, anew);
    this.#touch(nowMs);
  }

  /** Whether a quote in the book expired; the book is then another one. */
  expire(nowMs: number): boolean {
    if (nowMs <= this.#viewUntilMs) return false;
    this.#touch(nowMs);
    return true;
  }

  /** The book at a moment; the same object until something changes. */
  view(nowMs: number): ConsolidatedBook {
    this.expire(nowMs);
    this.#view ??= this.#merge(nowMs);
    return this.#view;
  }

  /** The frames behind what each venue shows, in the order of venue ids. */
  evidence(): VenueEvidence[] {
    return [...this.#venues]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([venue, { bookFrame, statusFrame }]) => ({
        ...{ venue, book: bookFrame, status: statusFrame, latest: undefined },
      }));
  }

  #touch(nowMs: number): void {
    this.#version += 1;
    this.#asOfMs = nowMs;
    this.#view = undefined;
    this.#viewUntilMs = Number.POSITIVE_INFINITY;
  }

  #merge(nowMs: number): ConsolidatedBook {
    const venues = [...this.#venues]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([venue, quotes]) => venueBook(venue, quotes));
    const counted = venues.filter((book) => counts(book, nowMs));
    const bids = mergeSide(counted, 'bids', this.#lastMerged.bids);
    const offers = mergeSide(counted, 'offers', this.#lastMerged.offers);
    this.#lastMerged = { bids, offers };
    const bestBid = bids[0]?.price;
    const bestOffer = offers[0]?.price;
    const hasBoth = bestBid !== undefined && bestOffer !== undefined;
    this.#viewUntilMs = Math.min(...counted.map((book) => book.validUntilMs));
    return {
      instrument: this.instrument,
      version: this.#version,
      asOfMs: this.#asOfMs,
      bids,
      offers,
      // Nothing protects one venue's quotes from another's here, so both happen; they are shown.
      locked: hasBoth && bestBid === bestOffer,
      crossed: hasBoth && bestBid > bestOffer,
      venues,
    };
  }
}

function unheardQuotes(feed: QuoteState, listing: Listing['status'], nowMs: number): VenueQuotes {
  return {
    book: undefined,
    bookSequence: 0,
    bookFrame: undefined,
    status: undefined,
    statusSequence: 0,
    statusFrame: undefined,
    feed,
    isWithdrawn: false,
    state: feed,
    sinceMs: nowMs,
    listing,
  };
}

/**
 * A venue's quotes of one instrument are in the state of its feed, or in a worse one: where the feed
 * is whole again and this depth had to be taken out, what the venue shows is not known yet. An
 * instrument that a live venue never named is one for which it shows nothing.
 */
function settleState(quotes: VenueQuotes, nowMs: number): void {
  const state = quotes.feed === 'live' && quotes.isWithdrawn ? 'degraded' : quotes.feed;
  if (state === quotes.state) return;
  quotes.state = state;
  quotes.sinceMs = nowMs;
}

/** A venue's new depth, with the levels that stand as before. */
function keepStanding(known: BookEntry | undefined, book: BookEntry): BookEntry {
  if (known === undefined) return book;
  const bids = keepLevels(known.bids, book.bids, 'bids');
  const offers = keepLevels(known.offers, book.offers, 'offers');
  return { ...book, instrument: known.instrument, bids, offers };
}

/** Whether a venue's levels stand in the consolidated levels: executable there and now, for all we know. */
function counts(book: VenueBook, nowMs: number): boolean {
  // The end of the validity is inclusive.
  return book.state === 'live' && !book.halted && book.firm && nowMs <= book.validUntilMs;
}

function venueBook(venue: VenueId, quotes: VenueQuotes): VenueBook {
  const haltedByVenue = quotes.status?.state === 'halted' ? quotes.status.reason : undefined;
  const haltedByRegistry =
    quotes.listing === 'listed' ? undefined : `The listing is ${quotes.listing}.`;
  return {
    venue,
    state: quotes.state,
    sinceMs: quotes.sinceMs,
    halted: haltedByVenue !== undefined || haltedByRegistry !== undefined,
    haltReason: haltedByVenue ?? haltedByRegistry,
    firm: quotes.book?.firm ?? false,
    validUntilMs: quotes.book?.validUntilMs ?? 0,
    bids: quotes.book?.bids ?? [],
    offers: quotes.book?.offers ?? [],
  };
}
