import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TokenOptions } from '@stoa/node/market-api';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

/** An issuer of tokens whose key set lies in a file. */
export interface TokenIssuer {
  readonly options: TokenOptions;
  token(member: string, home: string, lifetimeSeconds?: number): Promise<string>;
}

/** Creates a {@link TokenIssuer} with its key set in a folder. */
export async function createTokenIssuer(folder: string): Promise<TokenIssuer> {
  const { publicKey, privateKey } = await generateKeyPair('EdDSA');
  const jwks = join(folder, 'jwks.json');
  await writeFile(
    jwks,
    JSON.stringify({ keys: [{ ...(await exportJWK(publicKey)), kid: 'one' }] }),
  );
  const options = {
    ...{ jwks, issuer: 'https://issuer.test', audience: 'stoa' },
    proofExemptClients: ['test-client'],
  };
  return {
    options,
    token: (member, home, lifetimeSeconds = 300) =>
      new SignJWT({
        ...{ member, home, scope: 'orders:read orders:write', client_id: 'test-client' },
      })
        .setProtectedHeader({ alg: 'EdDSA', kid: 'one', typ: 'at+jwt' })
        .setSubject('trader')
        .setJti(randomUUID())
        .setIssuedAt()
        .setIssuer(options.issuer)
        .setAudience(options.audience)
        .setExpirationTime(Math.floor(Date.now() / 1_000) + lifetimeSeconds)
        .sign(privateKey),
  };
}
