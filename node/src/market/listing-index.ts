import {
  type Directory,
  type Instrument,
  type InstrumentId,
  isStanding,
  type Listing,
  type Member,
  type MemberId,
  type VenueId,
} from '@stoa/schema';

/** The directory, arranged for the questions that every frame asks. Rebuilt at every change. */
export interface ListingIndex {
  readonly member: (id: MemberId) => Member | undefined;
  /** Standing venues, in the order of their ids. */
  readonly venues: readonly VenueId[];
  /** Listings by instrument; proposed and delisted ones do not count, nor those of absent venues. */
  readonly listings: ReadonlyMap<InstrumentId, readonly Listing[]>;
  readonly listed: (venue: VenueId, instrument: InstrumentId) => Instrument | undefined;
}

/** Arranges a directory. */
export function indexListings(directory: Directory): ListingIndex {
  const venues = [...directory.members.values()]
    .filter((member) => member.kind === 'venue' && isStanding(member))
    .map((member) => member.id)
    .sort();
  const standing = new Set(venues);
  const listings = new Map<InstrumentId, Listing[]>();
  const byVenue = new Map<VenueId, Set<InstrumentId>>();
  for (const listing of directory.listings) {
    // A halted or suspended listing still stands: its book is shown, as halted.
    if (listing.status === 'proposed' || listing.status === 'delisted') continue;
    if (!standing.has(listing.venue) || !directory.instruments.has(listing.instrument)) continue;
    const known = listings.get(listing.instrument);
    if (known) known.push(listing);
    else listings.set(listing.instrument, [listing]);
    const ofVenue = byVenue.get(listing.venue);
    if (ofVenue) ofVenue.add(listing.instrument);
    else byVenue.set(listing.venue, new Set([listing.instrument]));
  }
  return {
    member: (id) => directory.members.get(id),
    venues,
    listings,
    listed: (venue, instrument) =>
      byVenue.get(venue)?.has(instrument) ? directory.instruments.get(instrument) : undefined,
  };
}
