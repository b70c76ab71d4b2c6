import {
  createPrivateKey,
  createPublicKey,
  hash,
  type KeyObject,
  sign as signBytes,
  verify as verifyBytes,
} from 'node:crypto';
import { CodedError } from '../coded-error.ts';

/** What a signature is for; one made for a purpose never counts for another. */
export type SignaturePurpose = 'frame' | 'heads' | 'order' | 'receipt';

const PREFIXES: Record<SignaturePurpose, Uint8Array> = {
  frame: Buffer.from('stoa/frame/1\n'),
  heads: Buffer.from('stoa/heads/1\n'),
  order: Buffer.from('stoa/order/1\n'),
  receipt: Buffer.from('stoa/receipt/1\n'),
};

const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A node's Ed25519 key (RFC 8032): signs, and says its public half in hex. */
export interface NodeKey {
  readonly publicKey: string;
  readonly seed: Uint8Array;
  sign(purpose: SignaturePurpose, payload: Uint8Array): Uint8Array;
}

/** Makes a node key from its 32-byte seed. Throws `NODE_KEY_INVALID` for another length. */
export function nodeKeyFromSeed(seed: Uint8Array): NodeKey {
  if (seed.length !== 32) {
    throw new CodedError('NODE_KEY_INVALID', 'A node key is a seed of 32 bytes.');
  }
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, seed]),
    format: 'der',
    type: 'pkcs8',
  });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  return {
    publicKey: spki.subarray(-32).toString('hex'),
    seed,
    sign: (purpose, payload) => signBytes(null, Buffer.concat([PREFIXES[purpose], payload]), key),
  };
}

/** Checks signatures of one public key; make it once per key, it is kept parsed. */
export type Verifier = (
  purpose: SignaturePurpose,
  payload: Uint8Array,
  signature: Uint8Array,
) => boolean;

/** A {@link Verifier} for a 32-byte Ed25519 public key in hex. */
export function verifierOf(publicKey: string): Verifier {
  const key: KeyObject = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey, 'hex').toString('base64url') },
    format: 'jwk',
  });
  return (purpose, payload, signature) =>
    verifyBytes(null, Buffer.concat([PREFIXES[purpose], payload]), key, signature);
}

/** SHA-256 of a payload: what the next frame's `previousHash` and the heads name. */
export function payloadHash(payload: Uint8Array): Uint8Array {
  // One call and no Hash object: those are freed one by one in the collector's pauses.
  return hash('sha256', payload, 'buffer');
}
