import { type Directory, formatDecimal, type Instrument, type VenueId } from '@stoa/schema';
import { bookDigest } from '../market/book-digest.ts';
import type { EquivocationProof } from '../market/judgement-record.ts';
import type { BookLevel, ConsolidatedBook, LastTrade } from '../market/market-view.ts';
import { sdlDateTime, sdlEnum } from './sdl-value.ts';

/** What the SDL's Venue resolves from. */
export interface VenueParent {
  readonly id: VenueId;
  readonly membership: string;
}

/** A venue for the API; one that the registry no longer has is told as ceased, not as an error. */
export function venueOf(directory: Directory, id: VenueId): VenueParent {
  return { id, membership: sdlEnum(directory.members.get(id)?.status ?? 'ceased') };
}

interface LevelOutput {
  readonly price: string;
  readonly quantity: string;
  readonly venues: readonly { readonly venue: VenueId; readonly quantity: string }[];
}

/** A book in the shape of the SDL. */
type BookOutput = ReturnType<ReturnType<typeof writeBook>>;

interface WrittenBook {
  readonly directory: Directory;
  readonly atDepth: (depth: number) => BookOutput;
}

const written = new WeakMap<ConsolidatedBook, WrittenBook>();

/**
 * A consolidated book in the shape of the SDL: decimal strings, at most `depth` levels a side. Neither a
 * book nor a directory ever changes, so it is written once for both and each depth; and it is frozen, so
 * that whoever writes it on may write it once as well.
 */
export function bookOutput(
  directory: Directory,
  instrument: Instrument,
  book: ConsolidatedBook,
  depth: number,
): BookOutput {
  const known = written.get(book);
  if (known?.directory === directory) return known.atDepth(depth);
  const atDepth = writeBook(directory, instrument, book);
  written.set(book, { directory, atDepth });
  return atDepth(depth);
}

function writeBook(directory: Directory, instrument: Instrument, book: ConsolidatedBook) {
  const amounts = (level: { readonly price: number; readonly quantity: number }) => ({
    price: formatDecimal(level.price, instrument.priceDecimals),
    quantity: formatDecimal(level.quantity, instrument.quantityDecimals),
  });
  const level = (one: BookLevel): LevelOutput => ({
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
  const whole = {
    instrument: instrument.id,
    version: book.version,
    asOf: sdlDateTime(book.asOfMs),
    cbbo: Object.freeze({
      bid: bids[0] ?? null,
      offer: offers[0] ?? null,
      locked: bid !== undefined && offer !== undefined && bid.price === offer.price,
      crossed: bid !== undefined && offer !== undefined && bid.price > offer.price,
    }),
    // Of all levels, whatever depth was asked for; hashed only where somebody asks.
    digest: () => bookDigest(book),
    venues: Object.freeze(
      book.venues.map((quote) => ({
        venue: venueOf(directory, quote.venue),
        state: sdlEnum(quote.state),
        since: sdlDateTime(quote.sinceMs),
        halted: quote.halted,
        haltReason: quote.haltReason ?? null,
        firm: quote.firm,
        bid: quote.bids[0] ? amounts(quote.bids[0]) : null,
        offer: quote.offers[0] ? amounts(quote.offers[0]) : null,
      })),
    ),
  };
  const atDepths = new Map<
    number,
    typeof whole & Record<'bids' | 'offers', readonly LevelOutput[]>
  >();
  return (depth: number) => {
    const known = atDepths.get(depth);
    if (known) return known;
    const output = Object.freeze({
      ...whole,
      bids: Object.freeze(bids.slice(0, depth)),
      offers: Object.freeze(offers.slice(0, depth)),
    });
    atDepths.set(depth, output);
    return output;
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
