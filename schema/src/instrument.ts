import type { InstrumentId, MemberId, VenueId } from './ids.ts';

/** One token contract on one chain, and the terms under which the network trades it. */
export interface Instrument {
  readonly id: InstrumentId;
  readonly token: `0x${string}`;
  readonly standard: 'ERC-3643' | 'ERC-1400';
  readonly symbol: string;
  readonly name: string;
  /** Empty when the instrument has none. */
  readonly isin: string;
  readonly issuer: MemberId;
  readonly tokenDecimals: number;
  readonly cashToken: `0x${string}`;
  readonly cashSymbol: string;
  readonly cashDecimals: number;
  readonly priceDecimals: number;
  readonly quantityDecimals: number;
  /** Prices are multiples of this, in price units. */
  readonly tickSize: number;
  /** Quantities are multiples of this, in quantity units. */
  readonly lotSize: number;
  /** Whether its trades may settle net; absent: they may not. */
  readonly nettable?: boolean;
}

/** Status of a listing in the on-chain ListingRegistry. */
export type ListingStatus = 'proposed' | 'listed' | 'halted' | 'suspended' | 'delisted';
/** Exemption from registration under which a venue lists a token. */
export type Exemption =
  | 'reg-d-506b'
  | 'reg-d-506c'
  | 'reg-a-plus'
  | 'reg-s'
  | 'reg-cf'
  | 'registered';

/** One instrument at one venue. */
export interface Listing {
  readonly instrument: InstrumentId;
  readonly venue: VenueId;
  readonly status: ListingStatus;
  readonly exemption: Exemption;
  /** Hash of the evidence, 0x-prefixed. */
  readonly evidenceHash: string;
}
