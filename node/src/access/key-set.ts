import { createLocalJWKSet, type JWK, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';

const MAX_KEYS = 100;

const shape = z.object({
  keys: z
    .array(z.looseObject({ kty: z.string(), kid: z.string().max(256).optional() }))
    .max(MAX_KEYS),
});

/** A key that a token is checked with, and by what it is told from another that takes its place. */
export interface ResolvedKey {
  readonly key: Awaited<ReturnType<JWTVerifyGetKey>>;
  readonly print: string;
}

/** A set of public keys. */
export interface KeySet {
  /** The key that a token's header names. Throws jose's errors where there is none. */
  resolve(...token: Parameters<JWTVerifyGetKey>): Promise<ResolvedKey>;
  /** What tells the key of this id now from others that had the id; undefined where there is none. */
  printOf(keyId: string | undefined): string | undefined;
}

/**
 * Reads a JSON Web Key Set (RFC 7517). Only public keys for signatures are taken: a shared secret in
 * it would let anybody who knows the set sign (RFC 8725 section 2.1), and a private key is a mishap of
 * the issuer's that makes the key worthless.
 *
 * @throws Error where it is no key set, or holds no key that is of use
 */
export function readKeySet(json: unknown): KeySet {
  const keys = (shape.parse(json).keys as JWK[]).filter(isPublicSigningKey);
  if (keys.length === 0) throw new Error('it holds no public key for signatures');
  const keyFor = createLocalJWKSet({ keys });
  const whole = JSON.stringify(keys);
  const prints = new Map(keys.map((key) => [key.kid, JSON.stringify(key)]));
  // A token that names no key may have been checked with any of them.
  const printOf = (keyId: string | undefined) => (keyId === undefined ? whole : prints.get(keyId));
  return {
    printOf,
    resolve: async (header, token) => ({
      key: await keyFor(header, token),
      print: printOf(header.kid) ?? whole,
    }),
  };
}

function isPublicSigningKey(key: JWK): boolean {
  return (
    (key.kty === 'OKP' || key.kty === 'EC' || key.kty === 'RSA') &&
    key.d === undefined &&
    (key.use === undefined || key.use === 'sig')
  );
}
