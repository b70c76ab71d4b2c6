import { randomUUID } from 'node:crypto';
import { CodedError, type MemberId, type VenueId } from '@stoa/schema';
import {
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  SignJWT,
} from 'jose';
import { type Role, scopesOfRoles } from './roles.ts';

/** The client that tokens of the development issuer are for, unless another is named. */
export const DEVELOPMENT_CLIENT = 'stoa-demo';
const ALGORITHM = 'EdDSA';

/** What a token says of its bearer. */
export interface TokenGrant {
  readonly member: MemberId;
  /** The venue whose node keeps this member's orders. */
  readonly home: VenueId;
  readonly role?: Role | undefined;
  /** Space separated; in place of the role's. */
  readonly scope?: string | undefined;
  readonly client?: string | undefined;
  readonly subject?: string | undefined;
  readonly lifetimeSeconds: number;
  /** RFC 7638 thumbprint of the key that its holder proves to have (DPoP). */
  readonly keyThumbprint?: string | undefined;
}

/** Issues access tokens for a network on one machine. In production an OIDC provider does. */
export interface DevelopmentIssuer {
  /** The public half, for `STOA_JWKS`. */
  readonly jwks: { readonly keys: readonly JWK[] };
  issue(grant: TokenGrant): Promise<string>;
}

/** Makes a private key for {@link createDevelopmentIssuer}. */
export async function makeIssuerKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair(ALGORITHM, { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: ALGORITHM, use: 'sig' };
}

/**
 * Creates an issuer under a private key (Ed25519, as a JWK).
 *
 * @throws CodedError ISSUER_KEY_INVALID
 */
export async function createDevelopmentIssuer(
  { issuer, audience }: { readonly issuer: string; readonly audience: string },
  key: JWK,
): Promise<DevelopmentIssuer> {
  const { d, ...publicJwk } = key;
  if (d === undefined || key.crv !== 'Ed25519') {
    throw new CodedError('ISSUER_KEY_INVALID', 'The key is no private Ed25519 key as a JWK.');
  }
  const kid = key.kid ?? (await calculateJwkThumbprint(publicJwk));
  const privateKey = await importJWK(key, ALGORITHM);
  return {
    jwks: { keys: [{ ...publicJwk, kid }] },
    issue: (grant) =>
      new SignJWT({
        ...{ member: grant.member, home: grant.home },
        scope: grant.scope ?? scopesOfRoles(grant.role ? [grant.role] : []).join(' '),
        client_id: grant.client ?? DEVELOPMENT_CLIENT,
        ...(grant.keyThumbprint === undefined ? {} : { cnf: { jkt: grant.keyThumbprint } }),
      })
        .setProtectedHeader({ alg: ALGORITHM, typ: 'at+jwt', kid })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(grant.subject ?? `${grant.member}-desk`)
        .setJti(randomUUID())
        .setIssuedAt()
        .setExpirationTime(Math.floor(Date.now() / 1_000) + grant.lifetimeSeconds)
        .sign(privateKey),
  };
}
