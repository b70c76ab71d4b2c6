import { createHash } from 'node:crypto';
import { isRefusal, type Refusal } from '../refusal.ts';
import { guarded } from './guarded.ts';
import { ProtoReader, WireError } from './proto-reader.ts';
import { ProtoWriter } from './proto-writer.ts';
import { decodeSigned, encodeSigned, type SignedBytes } from './signed-bytes.ts';

/** Random bytes in a place: without them its hash could be tried out, number by number. */
export const PLACE_SALT_BYTES = 16;
const MAX_PLACE_BYTES = 64;

/**
 * Where an order message stands in its session. It counts what all members of both homes do together,
 * so it is for these two nodes alone: the signature covers its hash, and proofs are kept without it.
 */
export interface SessionPlace {
  /** Rises by one per (from, to), for ever; 0 for a message that is not stored (hello, acknowledge). */
  readonly number: number;
  /** The highest number received from the other side without a gap. */
  readonly acknowledged: number;
  /** {@link PLACE_SALT_BYTES} random bytes. */
  readonly salt: Uint8Array;
}

/** A signed order message as it travels between the two nodes of its session. */
export interface PlacedBytes extends SignedBytes {
  /** An encoded {@link SessionPlace}; empty beside messages of version 1, which hold their numbers. */
  readonly place: Uint8Array;
}

/** Encodes a place. */
export function encodeSessionPlace({ number, acknowledged, salt }: SessionPlace): Uint8Array {
  return new ProtoWriter(MAX_PLACE_BYTES)
    .uint(1, number)
    .uint(2, acknowledged)
    .bytes(3, salt)
    .finish();
}

/** Reads a place. */
export function decodeSessionPlace(
  bytes: Uint8Array,
): SessionPlace | Refusal<'SESSION_PLACE_MALFORMED'> {
  return guarded('SESSION_PLACE_MALFORMED', () => {
    const reader = new ProtoReader(bytes);
    const found = { number: 0, acknowledged: 0, salt: new Uint8Array() as Uint8Array };
    for (let field = reader.next(); field !== 0; field = reader.next()) {
      if (field === 1) found.number = reader.uint();
      else if (field === 2) found.acknowledged = reader.uint();
      else if (field === 3) found.salt = reader.bytes(PLACE_SALT_BYTES);
      else reader.skip();
    }
    if (found.salt.length !== PLACE_SALT_BYTES) throw new WireError('no salt of 16 bytes');
    return found;
  });
}

/** What an order message holds of its place, and is signed: SHA-256, with a prefix of its own. */
export function placeHash(place: Uint8Array): Buffer {
  return createHash('sha256').update('stoa/place/1\n').update(place).digest();
}

/** Encodes a signed message with its place beside it. */
export function encodePlaced({ payload, signature, place }: PlacedBytes): Uint8Array {
  return new ProtoWriter(payload.length + place.length + 84)
    .bytes(1, payload)
    .bytes(2, signature)
    .bytes(3, place)
    .finish();
}

/** Splits bytes from an order session, without looking into payload or place. */
export function decodePlaced(
  bytes: Uint8Array,
  maxBytes: number,
): PlacedBytes | Refusal<'SIGNED_MALFORMED'> {
  const signed = decodeSigned(bytes, maxBytes);
  if (isRefusal(signed)) return signed;
  return guarded('SIGNED_MALFORMED', () => {
    const reader = new ProtoReader(bytes);
    let place: Uint8Array = new Uint8Array();
    for (let field = reader.next(); field !== 0; field = reader.next()) {
      if (field === 3) place = reader.bytes(MAX_PLACE_BYTES);
      else reader.skip();
    }
    return { ...signed, place };
  });
}

/** The signed message alone, to be kept and shown: whoever is given it learns no place from it. */
export function withoutPlace(signed: SignedBytes): Uint8Array {
  return encodeSigned({ payload: signed.payload, signature: signed.signature });
}
