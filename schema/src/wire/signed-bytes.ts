import type { Refusal } from '../refusal.ts';
import { guarded } from './guarded.ts';
import { ProtoReader, WireError } from './proto-reader.ts';
import { ProtoWriter } from './proto-writer.ts';

/**
 * A signed message as it travels (SignedFrame, SignedHeads, SignedOrderMessage): the payload's bytes
 * exactly as they were signed. They are never encoded again, neither to verify nor to relay.
 */
export interface SignedBytes {
  readonly payload: Uint8Array;
  /** Ed25519, 64 bytes. */
  readonly signature: Uint8Array;
}

/** Encodes a signed message for the wire. */
export function encodeSigned(signed: SignedBytes): Uint8Array {
  return new ProtoWriter(signed.payload.length + 80)
    .bytes(1, signed.payload)
    .bytes(2, signed.signature)
    .finish();
}

/** Splits bytes from the wire into payload and signature, without looking into the payload. */
export function decodeSigned(
  bytes: Uint8Array,
  maxBytes: number,
): SignedBytes | Refusal<'SIGNED_MALFORMED'> {
  return guarded('SIGNED_MALFORMED', () => {
    if (bytes.length > maxBytes) throw new WireError(`longer than ${maxBytes} bytes`);
    const reader = new ProtoReader(bytes);
    let payload: Uint8Array = new Uint8Array();
    let signature: Uint8Array = new Uint8Array();
    for (let field = reader.next(); field !== 0; field = reader.next()) {
      if (field === 1) payload = reader.bytes(maxBytes);
      else if (field === 2) signature = reader.bytes(64);
      else reader.skip();
    }
    if (signature.length !== 64) throw new WireError('no signature of 64 bytes');
    return { payload, signature };
  });
}
