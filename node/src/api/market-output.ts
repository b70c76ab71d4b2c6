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

/** A consolidated book in the shape of the SDL: decimal strings, at most `depth` levels a side. */
export function bookOutput(
  directory: Directory,
  instrument: Instrument,
  book: ConsolidatedBook,
  depth: number,
) {
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
  return {
    instrument: instrument.id,
    version: book.version,
    asOf: sdlDateTime(book.asOfMs),
    // Of all levels, whatever depth was asked for; hashed only where somebody asks.
    digest: () => bookDigest(book),
    cbbo: {
      bid: bid ? level(bid) : null,
      offer: offer ? level(offer) : null,
      locked: bid !== undefined && offer !== undefined && bid.price === offer.price,
      crossed: bid !== undefined && offer !== undefined && bid.price > offer.price,
    },
    bids: book.bids.slice(0, depth).map(level),
    offers: book.offers.slice(0, depth).map(level),
    venues: book.venues.map((quote) => ({
      venue: venueOf(directory, quote.venue),
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
