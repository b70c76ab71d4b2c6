import { writeFile } from 'node:fs/promises';
import { createDevelopmentIssuer, makeIssuerKey } from '@stoa/node/development-issuer';
import type { MemberId, VenueId } from '@stoa/schema';

/** What a token says of its bearer. */
export interface TokenClaims {
  readonly member: MemberId;
  /** The venue whose node keeps this member's orders. */
  readonly home: VenueId;
  /** Space separated. */
  readonly scope: string;
  /** RFC 7638 thumbprint of the key that the token is bound to. */
  readonly keyThumbprint?: string;
  /** The client it is for; that of the demo, of which no proof is asked, where left out. */
  readonly client?: string;
}

/** Issues access tokens for a network on this machine. In production an OIDC provider does. */
export interface TokenIssuer {
  readonly issuer: string;
  readonly audience: string;
  /** The file with the public key, for `STOA_JWKS`. */
  readonly jwksFile: string;
  issue(claims: TokenClaims, lifetimeSeconds?: number): Promise<string>;
}

/** Makes a key and writes its public half to a JWKS file. */
export async function createTokenIssuer(jwksFile: string): Promise<TokenIssuer> {
  const issuer = 'https://tokens.stoa.invalid';
  const audience = 'stoa';
  const development = await createDevelopmentIssuer({ issuer, audience }, await makeIssuerKey());
  await writeFile(jwksFile, JSON.stringify(development.jwks));
  return {
    ...{ issuer, audience, jwksFile },
    issue: (claims, lifetimeSeconds = 12 * 3_600) =>
      development.issue({ ...claims, lifetimeSeconds }),
  };
}
