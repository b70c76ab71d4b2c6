import { randomUUID } from 'node:crypto';
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
  readonly subject?: string;
  /** Of this one no proof of possession is asked, unless another is given. */
  readonly client?: string;
  readonly tokenId?: string;
  /** Thumbprint of the key that the token is bound to. */
  readonly keyThumbprint?: string;
  /** From now; negative for a token that has expired. */
  readonly lifetimeSeconds?: number;
  /** Added to the claims, or put in their place. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** An issuer of tokens with a key of its own, whose key set lies in a file. */
export interface TokenIssuer {
  readonly options: TokenOptions;
  token(spec?: TokenSpec): Promise<string>;
  /** Replaces the key: tokens are signed with another from now on, and the key set holds that alone. */
  rotate(): Promise<void>;
  /** Public half of its key, as in its key set. */
  publicKey(): Readonly<Record<string, unknown>>;
}

const CLIENT = 'test-client';

/** Creates a {@link TokenIssuer} with its key set in a folder. */
export async function createTokenIssuer(
  folder: string,
  algorithm: 'EdDSA' | 'ES256' = 'EdDSA',
): Promise<TokenIssuer> {
  const jwks = join(folder, 'jwks.json');
  const options = {
    ...{ jwks, issuer: 'https://issuer.test', audience: 'stoa' },
    proofExemptClients: [CLIENT],
  };
  let keys = 0;
  async function makeKey() {
    const { publicKey, privateKey } = await generateKeyPair(algorithm);
    keys += 1;
    const kid = `key-${keys}`;
    const jwk = { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: 'sig' };
    await writeFile(jwks, JSON.stringify({ keys: [jwk] }));
    return { privateKey, kid, jwk };
  }
  let key = await makeKey();
  return {
    options,
    publicKey: () => ({ ...key.jwk }),
    async rotate() {
      key = await makeKey();
    },
    token: (spec = {}) =>
      new SignJWT({
        ...{ jti: spec.tokenId ?? randomUUID(), iat: Math.floor(Date.now() / 1_000) },
        member: spec.member ?? 'broker',
        home: spec.home ?? 'alpha',
        scope: spec.scope ?? 'orders:read orders:write',
        client_id: spec.client ?? CLIENT,
        ...(spec.keyThumbprint === undefined ? {} : { cnf: { jkt: spec.keyThumbprint } }),
        ...spec.more,
      })
        .setProtectedHeader({ alg: algorithm, kid: key.kid, typ: spec.typ ?? 'at+jwt' })
        .setSubject(spec.subject ?? 'trader')
        .setIssuer(spec.issuer ?? options.issuer)
        .setAudience(spec.audience ?? options.audience)
        .setExpirationTime(Math.floor(Date.now() / 1_000) + (spec.lifetimeSeconds ?? 300))
        .sign(key.privateKey),
  };
}
