import {
  CodedError,
  type Directory,
  type Instrument,
  isStanding,
  isWithin,
  type VenueId,
} from '@stoa/schema';

/** What a node says it is. */
export interface VenueIdentity {
  readonly venue: VenueId;
  /** Node key, hex. */
  readonly publicKey: string;
  /** Account that signs its settlement instructions. */
  readonly signer: string;
}

/**
 * Makes sure that the registry knows this node as the venue it says it is: every frame, order
 * message and settlement signature of it would be refused otherwise.
 *
 * @throws CodedError `NOT_A_VENUE`, `NOT_ITS_SIGNER`
 */
export function requireVenue(
  directory: Directory,
  { venue, publicKey, signer }: VenueIdentity,
): void {
  const member = directory.members.get(venue);
  const nowSeconds = Math.floor(Date.now() / 1_000);
  const ours = member?.nodeKeys.some((key) => key.key === publicKey && isWithin(key, nowSeconds));
  if (member?.kind !== 'venue' || !isStanding(member) || !ours) {
    throw new CodedError(
      'NOT_A_VENUE',
      `The member registry has no standing venue ${venue} with this node key (${publicKey}).`,
    );
  }
  const signs = member.signers.some(
    (one) => one.address.toLowerCase() === signer.toLowerCase() && isWithin(one, nowSeconds),
  );
  if (signs) return;
  throw new CodedError(
    'NOT_ITS_SIGNER',
    `The member registry does not name ${signer} as a settlement signer of ${venue}.`,
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
