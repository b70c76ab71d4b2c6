import {
  type DirectorySource,
  formatDecimal,
  type Instrument,
  type InstrumentId,
  type VenueId,
} from '@stoa/schema';
import { bookDigest } from '../market/book-digest.ts';
import type { FrameArchive } from '../market/frame-archive.ts';
import type { BookLevel } from '../market/market-view.ts';
import { type RecordedBook, recordedBook } from '../market/recorded-book.ts';
import { apiError } from './api-error.ts';
import { sdlDateTime } from './sdl-value.ts';

/** What the history part of the API is served from. */
export interface HistoryNeeds {
  readonly archive: FrameArchive;
  readonly directory: DirectorySource;
  /** Unix milliseconds. */
  readonly nowMs: () => number;
}

/** So many books are made at a time: each may read thousands of frames, and anybody may ask. */
const MAX_AT_ONCE = 2;

/** Resolvers of the SDL's history part: public, as the market itself is. */
export function createHistoryResolvers({ archive, directory, nowMs }: HistoryNeeds) {
  let running = 0;
  const oneOfFew = async <T>(make: () => Promise<T>): Promise<T> => {
    if (running >= MAX_AT_ONCE) {
      throw apiError('HISTORY_BUSY', 'Other books of the past are being made. Try again.');
    }
    running += 1;
    try {
      return await make();
    } finally {
      running -= 1;
    }
  };
  return {
    Query: {
      async bookAt(
        _root: unknown,
        { instrument: id, at }: { readonly instrument: InstrumentId; readonly at: string },
      ) {
        const atMs = Date.parse(at);
        if (Number.isNaN(atMs)) throw apiError('BAD_USER_INPUT', `${at} is no moment.`);
        // What is not over can still change, and a digest of it would be of no use.
        if (atMs > nowMs()) throw apiError('BAD_USER_INPUT', `${at} is in the future.`);
        const current = directory.current();
        const instrument = current.instruments.get(id);
        if (!instrument) return null;
        const known = new Set(
          current.listings
            .filter(({ status }) => status !== 'proposed')
            .map((listing) => pair(listing.venue, listing.instrument)),
        );
        const listed = (venue: VenueId, named: InstrumentId) =>
          known.has(pair(venue, named)) ? current.instruments.get(named) : undefined;
        const recorded = await oneOfFew(() => recordedBook(archive, id, atMs, { listed }));
        return recorded ? recordedOutput(instrument, recorded) : null;
      },
    },
  };
}

function pair(venue: VenueId, instrument: InstrumentId): string {
  return `${venue} ${instrument}`;
}

function recordedOutput(instrument: Instrument, { atMs, book, complete, frames }: RecordedBook) {
  const quantityOf = (quantity: number) => formatDecimal(quantity, instrument.quantityDecimals);
  const level = ({ price, quantity, venues }: BookLevel) => ({
    price: formatDecimal(price, instrument.priceDecimals),
    quantity: quantityOf(quantity),
    venues: venues.map((share) => ({ venue: share.venue, quantity: quantityOf(share.quantity) })),
  });
  return {
    instrument: instrument.id,
    at: sdlDateTime(atMs),
    digest: bookDigest(book),
    complete,
    frames,
    bids: book.bids.map(level),
    offers: book.offers.map(level),
    venues: book.venues.map(({ venue, state, halted, firm, validUntilMs }) => ({
      ...{ venue, halted, firm },
      live: state === 'live',
      validUntil: validUntilMs === 0 ? null : sdlDateTime(validUntilMs),
    })),
  };
}
