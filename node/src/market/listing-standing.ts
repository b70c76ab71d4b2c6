import {
  type Directory,
  type Instrument,
  type InstrumentId,
  isStanding,
  type Listing,
  type VenueId,
} from '@stoa/schema';
import type { MarketView, VenueBook } from './market-view.ts';

/** Two sources that cannot both be right about a listing, or are not both what an issuer would want. */
export type Contradiction =
  /** The venue shows firm quotes, and transfers of the token are paused. */
  | 'trading-while-token-paused'
  /** The venue shows quotes, and the registry says that it may not trade the token. */
  | 'trading-while-not-listed'
  /** The registry lists it, and the venue itself is suspended or has ceased. */
  | 'listed-at-venue-not-standing'
  /** The registry lists it, and the venue has halted it. */
  | 'halted-while-listed'
  /** The registry lists it, and nothing is heard from the venue. */
  | 'silent-while-listed';

/** One listing with what all sources say of it. */
export interface ListingStanding {
  readonly listing: Listing;
  readonly instrument: Instrument;
  /** What the venue shows; undefined where it is not among the book's venues. */
  readonly shown: VenueBook | undefined;
  /** Whether transfers of the token are paused; undefined where the token does not say. */
  readonly isTokenPaused: boolean | undefined;
  readonly contradictions: readonly Contradiction[];
}

/** What standings are worked out from. */
export interface StandingSources {
  readonly directory: Directory;
  readonly market: Pick<MarketView, 'book'>;
  readonly isPaused: (instrument: InstrumentId) => boolean | undefined;
}

/** How listings stand, in the order of instrument and venue ids; of all instruments, or of those given. */
export function listingStandings(
  { directory, market, isPaused }: StandingSources,
  isWanted: (instrument: Instrument) => boolean = () => true,
): ListingStanding[] {
  const books = new Map<InstrumentId, ReadonlyMap<VenueId, VenueBook>>();
  const booksOf = (id: InstrumentId) => {
    const known = books.get(id);
    if (known) return known;
    const made = new Map(market.book(id).venues.map((book) => [book.venue, book]));
    books.set(id, made);
    return made;
  };
  return directory.listings
    .flatMap((listing) => {
      const instrument = directory.instruments.get(listing.instrument);
      if (!instrument || !isWanted(instrument)) return [];
      const shown = booksOf(instrument.id).get(listing.venue);
      const isTokenPaused = isPaused(instrument.id);
      const found = contradictionsOf(directory, listing, shown, isTokenPaused);
      return [{ listing, instrument, shown, isTokenPaused, contradictions: found }];
    })
    .sort(({ listing: one }, { listing: other }) =>
      `${one.instrument} ${one.venue}` < `${other.instrument} ${other.venue}` ? -1 : 1,
    );
}

/** What contradicts what about one listing. */
export function contradictionsOf(
  directory: Directory,
  { venue, status }: Listing,
  shown: VenueBook | undefined,
  isTokenPaused: boolean | undefined,
): Contradiction[] {
  const found: Contradiction[] = [];
  const isShowing =
    shown?.state === 'live' && !shown.halted && shown.bids.length + shown.offers.length > 0;
  if (isShowing && shown.firm && isTokenPaused === true) found.push('trading-while-token-paused');
  if (isShowing && status !== 'listed') found.push('trading-while-not-listed');
  if (status !== 'listed') return found;
  const member = directory.members.get(venue);
  if (!member || !isStanding(member)) found.push('listed-at-venue-not-standing');
  else if (shown?.state === 'stale' || shown?.state === 'silent') found.push('silent-while-listed');
  else if (shown?.halted === true) found.push('halted-while-listed');
  return found;
}
