import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { TokenOptions } from '../token-verifier.ts';

/** What a token says; each may be wrong on purpose. */
export interface TokenSpec {
  readonly member?: string;
  readonly home?: string;
  readonly scope?: string;
  readonly issuer?: string;
  readonly audience?: string;
  readonly typ?: string;
  /** From now; negative for a token that has expired. */
  readonly lifetimeSeconds?: number;
}

/** An issuer of tokens with a key of its own, whose key set lies in a file. */
export interface TokenIssuer {
  readonly options: TokenOptions;
  token(spec?: TokenSpec): Promise<string>;
}

/** Creates a {@link TokenIssuer} with its key set in a folder. */
export async function createTokenIssuer(
  folder: string,
  algorithm: 'EdDSA' | 'ES256' = 'EdDSA',
): Promise<TokenIssuer> {
  const { publicKey, privateKey } = await generateKeyPair(algorithm);
  const jwks = join(folder, 'jwks.json');
  const key = { ...(await exportJWK(publicKey)), kid: 'one', alg: algorithm, use: 'sig' };
  await writeFile(jwks, JSON.stringify({ keys: [key] }));
  const options = { jwks, issuer: 'https://issuer.test', audience: 'stoa' };
  return {
    options,
    token: (spec = {}) =>
      new SignJWT({
        member: spec.member ?? 'broker',
        home: spec.home ?? 'alpha',
        scope: spec.scope ?? 'orders:read orders:write',
      })
        .setProtectedHeader({ alg: algorithm, kid: 'one', typ: spec.typ ?? 'at+jwt' })
        .setSubject('trader')
        .setIssuer(spec.issuer ?? options.issuer)
        .setAudience(spec.audience ?? options.audience)
        .setIssuedAt()
        .setExpirationTime(Math.floor(Date.now() / 1_000) + (spec.lifetimeSeconds ?? 300))
        .sign(privateKey),
  };
}
