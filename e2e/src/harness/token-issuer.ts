import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import type { MemberId, VenueId } from '@stoa/schema';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

/** What a token says of its bearer. */
export interface TokenClaims {
  readonly member: MemberId;
  /** The venue whose node keeps this member's orders. */
  readonly home: VenueId;
  /** Space separated. */
  readonly scope: string;
}

/** Issues access tokens for a network on this machine. In production an OIDC provider does. */
export interface TokenIssuer {
  readonly issuer: string;
  readonly audience: string;
  /** The file with the public key, for `STOA_JWKS`. */
  readonly jwksFile: string;
  issue(claims: TokenClaims, lifetime?: string): Promise<string>;
}

/** The client that the demo's tokens are for: of it no proof of possession is asked. */
export const DEMO_CLIENT = 'stoa-demo';

/** Makes a key and writes its public half to a JWKS file. */
export async function createTokenIssuer(jwksFile: string): Promise<TokenIssuer> {
  const issuer = 'https://tokens.stoa.invalid';
  const audience = 'stoa';
  const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true });
  const kid = 'demo';
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: 'EdDSA', use: 'sig' };
  await writeFile(jwksFile, JSON.stringify({ keys: [jwk] }));
  return {
    issuer,
    audience,
    jwksFile,
    issue: ({ member, home, scope }, lifetime = '12h') =>
      new SignJWT({ member, home, scope, client_id: DEMO_CLIENT })
        .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(`${member}-desk`)
        .setJti(randomUUID())
        .setIssuedAt()
        .setExpirationTime(lifetime)
        .sign(privateKey),
  };
}
