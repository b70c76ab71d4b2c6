import type { VenueListing } from '@stoa/adapters';
import { formatDecimal, type Instrument, isRefusal, parseDecimal } from '@stoa/schema';

/** What can differ between an instrument here and at its venue. */
export const LISTING_FIELDS = [
  'listed',
  'isin',
  'price-decimals',
  'quantity-decimals',
  'tick-size',
  'lot-size',
  'status',
] as const;
/** See {@link LISTING_FIELDS}. */
export type ListingField = (typeof LISTING_FIELDS)[number];

/** One thing that the venue says otherwise than it is configured here. */
export interface ListingDifference {
  readonly instrument: Instrument;
  readonly field: ListingField;
  readonly here: string;
  readonly venue: string;
}

/** More decimals than any amount has. */
const FINEST = 18;

/**
 * Where a venue lists an instrument otherwise than it is configured here. What the venue does not say
 * differs in nothing; that it is not listed is said only of a `whole` list. A halt is no difference.
 */
export function listingDifferences(
  configured: readonly Instrument[],
  listings: readonly VenueListing[],
  whole: boolean,
): ListingDifference[] {
  const at = new Map(listings.map((one) => [one.instrument, one]));
  return configured.flatMap((instrument) => {
    const listing = at.get(instrument.id);
    if (listing !== undefined) return differencesOf(instrument, listing);
    return whole ? [{ instrument, field: 'listed', here: 'listed', venue: 'not listed' }] : [];
  });
}

function differencesOf(instrument: Instrument, listing: VenueListing): ListingDifference[] {
  const { isin, priceDecimals, quantityDecimals, tickSize, lotSize } = instrument;
  const fields: readonly (readonly [ListingField, string, string | number | undefined])[] = [
    ['isin', isin, isin === '' ? undefined : listing.isin],
    ['price-decimals', String(priceDecimals), listing.priceDecimals],
    ['quantity-decimals', String(quantityDecimals), listing.quantityDecimals],
    ['tick-size', formatDecimal(tickSize, priceDecimals), listing.tickSize],
    ['lot-size', formatDecimal(lotSize, quantityDecimals), listing.lotSize],
    // Orders are taken there, now or after a halt.
    ['status', 'active', listing.status === 'inactive' ? listing.status : undefined],
  ];
  return fields.flatMap(([field, here, venue]) =>
    venue === undefined || isSame(field, here, String(venue))
      ? []
      : [{ instrument, field, here, venue: String(venue) }],
  );
}

/** Sizes are the same as numbers are: 0.050 is 0.05. */
function isSame(field: ListingField, here: string, venue: string): boolean {
  if (field !== 'tick-size' && field !== 'lot-size') return here === venue;
  const [one, other] = [parseDecimal(here, FINEST), parseDecimal(venue, FINEST)];
  return !isRefusal(one) && !isRefusal(other) && one === other;
}
