import { formatDecimal, type Instrument, type InstrumentId, type LegRejection } from '@stoa/schema';

/** Entries that are read of one venue's list; what is beyond them is passed over, and said to be. */
export const MAX_VENUE_LISTINGS = 10_000;
const MAX_TEXT = 64;

/** What a venue says of one entry of its list. What it does not say is absent. */
export interface VenueListing {
  /** The venue's own name for it. FIX Symbol(55). */
  readonly symbol: string;
  /** The instrument that is configured here under this symbol; absent: none is. */
  readonly instrument?: InstrumentId;
  readonly isin?: string;
  /** Decimals of a price and of a quantity. */
  readonly priceDecimals?: number;
  readonly quantityDecimals?: number;
  /** As the venue writes them: a price and a quantity, decimal. */
  readonly tickSize?: string;
  readonly lotSize?: string;
  /** `active`: orders are taken, though maybe not now; `inactive`: none are. */
  readonly status?: VenueListingStatus;
}

/** See {@link VenueListing}. */
export type VenueListingStatus = 'active' | 'halted' | 'inactive';

/** What a venue lists, as it says itself; or why it cannot be asked. */
export type VenueListings =
  | {
      readonly outcome: 'told';
      /** Each symbol once. */
      readonly listings: readonly VenueListing[];
      /** Entries that could not be read, or were too many: nothing is known of them. */
      readonly passedOver: number;
    }
  | { readonly outcome: 'refused'; readonly rejection: LegRejection };

/** An entry as a wire found it: texts that nobody has judged. */
export interface RawListing {
  readonly symbol: string | undefined;
  /** The instrument that is configured here under this symbol. */
  readonly instrument?: InstrumentId | undefined;
  readonly isin?: string | undefined;
  readonly priceDecimals?: string | undefined;
  readonly quantityDecimals?: string | undefined;
  readonly tickSize?: string | undefined;
  readonly lotSize?: string | undefined;
  readonly status?: VenueListingStatus | undefined;
}

/**
 * Takes in a venue's list entry by entry: an entry that has no symbol, one of before, or a field that
 * cannot be what it should is passed over whole, as is all beyond {@link MAX_VENUE_LISTINGS}.
 */
export class ListingCollector {
  readonly #found = new Map<string, VenueListing>();
  #passedOver = 0;

  get size(): number {
    return this.#found.size + this.#passedOver;
  }

  add(raw: RawListing): void {
    const { symbol = '' } = raw;
    const full = this.#found.size === MAX_VENUE_LISTINGS;
    if (full || !isName(symbol) || this.#found.has(symbol) || !isSound(raw)) {
      this.passOver(1);
      return;
    }
    const { instrument, isin, tickSize, lotSize, status } = raw;
    this.#found.set(symbol, {
      symbol,
      ...(instrument !== undefined && { instrument }),
      ...(isin !== undefined && { isin }),
      ...(raw.priceDecimals !== undefined && { priceDecimals: Number(raw.priceDecimals) }),
      ...(raw.quantityDecimals !== undefined && { quantityDecimals: Number(raw.quantityDecimals) }),
      ...(tickSize !== undefined && { tickSize }),
      ...(lotSize !== undefined && { lotSize }),
      ...(status !== undefined && { status }),
    });
  }

  passOver(entries: number): void {
    this.#passedOver += entries;
  }

  told(): VenueListings {
    const listings = [...this.#found.values()];
    return { outcome: 'told', listings, passedOver: this.#passedOver };
  }
}

/** An instrument as a venue that has it exactly so would list it. */
export function listingOf(instrument: Instrument, halted: boolean): RawListing {
  const { id, symbol, isin, priceDecimals, quantityDecimals, tickSize, lotSize } = instrument;
  return {
    ...{ symbol, instrument: id, status: halted ? 'halted' : 'active' },
    ...(isin !== '' && { isin }),
    ...{ priceDecimals: String(priceDecimals), quantityDecimals: String(quantityDecimals) },
    tickSize: formatDecimal(tickSize, priceDecimals),
    lotSize: formatDecimal(lotSize, quantityDecimals),
  };
}

function isSound(raw: RawListing): boolean {
  return (
    (raw.isin === undefined || isName(raw.isin)) &&
    [raw.priceDecimals, raw.quantityDecimals].every(
      (one) => one === undefined || (/^\d{1,2}$/.test(one) && Number(one) <= 18),
    ) &&
    [raw.tickSize, raw.lotSize].every(
      (one) => one === undefined || /^\d{1,18}(\.\d{1,18})?$/.test(one),
    )
  );
}

function isName(text: string): boolean {
  return text.length <= MAX_TEXT && /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text);
}
