import type { VenueCapabilities } from '@stoa/adapters';
import { CodedError, type VenueId, type VenueTerms } from '@stoa/schema';

/** A venue's terms, and what proves that they are its own. */
export interface SignedVenueTerms {
  readonly terms: VenueTerms;
  /** The signed order message that brought them, as it came; undefined for this node's own terms. */
  readonly signed: Uint8Array | undefined;
}

/** Under which terms each venue trades, as far as it said so. */
export interface VenueTermsBook {
  /** Undefined while the venue has told none: then it is not known what it charges, or when it trades. */
  of(venue: VenueId): SignedVenueTerms | undefined;
}

/**
 * The terms of a venue that gives none: no fees, open at all times, every order its book can take.
 * Their version is 0, below all that are given.
 */
export function defaultVenueTerms({
  allOrNone,
  minQuantity,
}: Pick<VenueCapabilities, 'allOrNone' | 'minQuantity'>): VenueTerms {
  return {
    version: 0,
    fees: { tiers: [{ fromNotional: '0', makerPpm: 0, takerPpm: 0 }], minimum: '0' },
    minimumLots: 1,
    allOrNone,
    minQuantity,
  };
}

/**
 * The terms that a venue gives, or those of one that gives none.
 *
 * @throws CodedError `VENUE_TERMS_BEYOND_VENUE` where they promise orders that its book cannot take
 */
export function ownVenueTerms(
  given: VenueTerms | undefined,
  capabilities: Pick<VenueCapabilities, 'allOrNone' | 'minQuantity'>,
): VenueTerms {
  if (!given) return defaultVenueTerms(capabilities);
  const beyond = (['allOrNone', 'minQuantity'] as const).filter(
    (field) => given[field] && !capabilities[field],
  );
  if (beyond.length === 0) return given;
  const message = `The venue terms promise ${beyond.join(' and ')}, and the venue has no such orders.`;
  throw new CodedError('VENUE_TERMS_BEYOND_VENUE', message);
}
