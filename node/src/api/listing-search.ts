import type { Directory, InstrumentId, Listing, VenueId } from '@stoa/schema';
import { sdlEnum } from './sdl-value.ts';

/** What a listing must be to be found, as the SDL has it; all that is given holds at once. */
export interface ListingFilterInput {
  readonly venue?: VenueId | null;
  readonly instrument?: InstrumentId | null;
  readonly status?: readonly string[] | null;
}

/** Text that listings are ordered by: no two of them have the same. */
export function listingKey({ instrument, venue }: Listing): string {
  return `${instrument}\n${venue}`;
}

/** Listings that fit a filter, in the order of {@link listingKey}. */
export function searchListings(
  { listings }: Pick<Directory, 'listings'>,
  { venue, instrument, status }: ListingFilterInput = {},
): Listing[] {
  return listings
    .filter(
      (listing) =>
        (venue == null || listing.venue === venue) &&
        (instrument == null || listing.instrument === instrument) &&
        (status == null || status.includes(sdlEnum(listing.status))),
    )
    .sort((one, other) => (listingKey(one) < listingKey(other) ? -1 : 1));
}
