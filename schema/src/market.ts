import type { InstrumentId, VenueId } from './ids.ts';
import type { Price, Quantity } from './money.ts';

/** One price level of a venue's book. */
export interface Level {
  readonly price: Price;
  readonly quantity: Quantity;
}

/** At most this many levels a side are published. */
export const MAX_LEVELS = 10;

/** A venue's whole published depth of one instrument: the latest one replaces all before it. */
export interface BookEntry {
  readonly kind: 'book';
  readonly instrument: InstrumentId;
  /** Firm: executable for the stated size until `validUntilMs`. Indicative: an indication of interest. */
  readonly firm: boolean;
  /** Unix time, milliseconds; the boundary is inclusive. */
  readonly validUntilMs: number;
  /** Best first: strictly falling prices. */
  readonly bids: readonly Level[];
  /** Best first: strictly rising prices. */
  readonly offers: readonly Level[];
}

/** A print. Corrections and busts name the same `executionId`. */
export interface TradeEntry {
  readonly kind: 'trade';
  readonly instrument: InstrumentId;
  readonly action: 'print' | 'correct' | 'bust';
  /** The venue's own id of the trade, unique in the venue; carries no subscriber. */
  readonly executionId: string;
  readonly price: Price;
  readonly quantity: Quantity;
  /** Unix time, milliseconds. */
  readonly executedAtMs: number;
  /** Agreed between two parties, as by a quote, and not met in the book. Absent: no. FIX TrdType(828) 22. */
  readonly negotiated?: true;
}

/** Trading state of one instrument at one venue. */
export interface StatusEntry {
  readonly kind: 'status';
  readonly instrument: InstrumentId;
  readonly state: 'trading' | 'halted';
  /** Who ordered it: `venue`, `issuer`, `regulator`. */
  readonly authority: 'venue' | 'issuer' | 'regulator';
  readonly reason: string;
}

/** What a venue says in a frame. */
export type Entry = BookEntry | TradeEntry | StatusEntry;

/** A batch of entries that a venue signs and gossips. */
export interface Frame {
  readonly version: number;
  readonly venue: VenueId;
  /** Rises with every start of the venue's node (Unix milliseconds of the start). */
  readonly epoch: number;
  /** Rises by one within an epoch; the first frame is 1. */
  readonly sequence: number;
  /** Unix time, milliseconds. */
  readonly sentAtMs: number;
  /** SHA-256 of the previous frame's payload in this epoch; 32 zero bytes for the first. */
  readonly previousHash: Uint8Array;
  readonly entries: readonly Entry[];
}

/** What a node has of a venue; gossiped several times a second, so that others see what they miss. */
export interface Head {
  readonly venue: VenueId;
  readonly epoch: number;
  readonly sequence: number;
  /** SHA-256 of the payload of that frame. */
  readonly hash: Uint8Array;
}

/** The heads of one node, signed by it. */
export interface Heads {
  readonly version: number;
  readonly member: string;
  /** Unix time, milliseconds. */
  readonly sentAtMs: number;
  readonly heads: readonly Head[];
}
