import { type Directory, formatDecimal, type Instrument, type VenueId } from '@stoa/schema';
import { bookDigest } from '../market/book-digest.ts';
import type { EquivocationProof } from '../market/judgement-record.ts';
import type { BookLevel, ConsolidatedBook, LastTrade } from '../market/market-view.ts';
import { sdlDateTime } from './sdl-value.ts';

/** What the SDL's Venue resolves from; `membership` as the registry has it. */
export interface VenueParent {
  readonly id: VenueId;
  readonly membership: string;
}

/** A venue for the API; one that the registry no longer has is told as ceased, not as an error. */
export function venueOf(directory: Directory, id: VenueId): VenueParent {
  return { id, membership: directory.members.get(id)?.status ?? 'ceased' };
}

const written = new WeakMap<ConsolidatedBook, ReturnType<typeof writeBook>>();

/** A book is looked at many times and never changes: it is written once. */
function writtenBook(instrument: Instrument, book: ConsolidatedBook) {
  const known = written.get(book) ?? writeBook(instrument, book);
  written.set(book, known);
  return known;
}

function writeBook(instrument: Instrument, book: ConsolidatedBook) {
  const amounts = (level: { readonly price: number; readonly quantity: number }) => ({
    price: formatDecimal(level.price, instrument.priceDecimals),
    quantity: formatDecimal(level.quantity, instrument.quantityDecimals),
  });
  const level = (one: BookLevel) => ({
    ...amounts(one),
    venues: one.venues.map(({ venue, quantity }) => ({
      venue,
      quantity: formatDecimal(quantity, instrument.quantityDecimals),
    })),
  });
  const [bid] = book.bids;
  const [offer] = book.offers;
  const bids = book.bids.map(level);
  const offers = book.offers.map(level);
  return {
    bids,
    offers,
    asOf: sdlDateTime(book.asOfMs),
    cbbo: {
      bid: bids[0] ?? null,
      offer: offers[0] ?? null,
      locked: bid !== undefined && offer !== undefined && bid.price === offer.price,
      crossed: bid !== undefined && offer !== undefined && bid.price > offer.price,
    },
    quotes: book.venues.map((quote) => ({
      state: quote.state,
      since: sdlDateTime(quote.sinceMs),
      halted: quote.halted,
      haltReason: quote.haltReason ?? null,
      firm: quote.firm,
      bid: quote.bids[0] ? amounts(quote.bids[0]) : null,
      offer: quote.offers[0] ? amounts(quote.offers[0]) : null,
    })),
  };
}

/** A consolidated book in the shape of the SDL: decimal strings, at most `depth` levels a side. */
export function bookOutput(
  directory: Directory,
  instrument: Instrument,
  book: ConsolidatedBook,
  depth: number,
) {
  const { bids, offers, asOf, cbbo, quotes } = writtenBook(instrument, book);
  return {
    instrument: instrument.id,
    version: book.version,
    ...{ asOf, cbbo },
    // Of all levels, whatever depth was asked for; hashed only where somebody asks.
    digest: () => bookDigest(book),
    bids: bids.slice(0, depth),
    offers: offers.slice(0, depth),
    venues: book.venues.map(({ venue }, index) => ({
      // Its standing in the registry changes apart from the book.
      venue: venueOf(directory, venue),
      ...quotes[index],
    })),
  };
}

/** A print in the shape of the SDL. */
export function tradeOutput(instrument: Instrument, trade: LastTrade) {
  return {
    venue: trade.venue,
    executionId: trade.executionId,
    price: formatDecimal(trade.price, instrument.priceDecimals),
    quantity: formatDecimal(trade.quantity, instrument.quantityDecimals),
    executedAt: sdlDateTime(trade.executedAtMs),
    negotiated: trade.negotiated,
  };
}

/** A contradiction in the shape of the SDL. */
export function equivocationOutput(proof: EquivocationProof) {
  const { venue, code, epoch, sequence, foundAtMs, frames } = proof;
  return {
    ...{ venue, kind: code, epoch, sequence },
    foundAt: sdlDateTime(foundAtMs),
    frames: frames.map((bytes) => Buffer.from(bytes).toString('base64')),
  };
}
