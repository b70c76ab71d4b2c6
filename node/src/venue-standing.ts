import {
  CodedError,
  type Directory,
  type Instrument,
  isStanding,
  isWithin,
  type VenueId,
} from '@stoa/schema';

/**
 * Makes sure that the registry knows this node as the venue it says it is: every frame and order
 * message it would send is refused otherwise.
 *
 * @throws CodedError `NOT_A_VENUE`
 */
export function requireVenue(directory: Directory, venue: VenueId, publicKey: string): void {
  const member = directory.members.get(venue);
  const nowSeconds = Math.floor(Date.now() / 1_000);
  const ours = member?.nodeKeys.some((key) => key.key === publicKey && isWithin(key, nowSeconds));
  if (member?.kind === 'venue' && isStanding(member) && ours) return;
  throw new CodedError(
    'NOT_A_VENUE',
    `The member registry has no standing venue ${venue} with this node key (${publicKey}).`,
  );
}

/**
 * Instruments that the venue trades.
 *
 * @throws CodedError `NOTHING_LISTED`
 */
export function listedInstruments(directory: Directory, venue: VenueId): Instrument[] {
  const instruments = directory.listings.flatMap((listing) => {
    const instrument = directory.instruments.get(listing.instrument);
    return listing.venue === venue && listing.status === 'listed' && instrument ? [instrument] : [];
  });
  if (instruments.length > 0) return instruments;
  throw new CodedError('NOTHING_LISTED', `The listing registry lists nothing at ${venue}.`);
}
