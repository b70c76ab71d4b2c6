import type { TokenOptions } from '@stoa/node/market-api';
import { createTokenIssuer as createIssuer, type TokenSpec } from '@stoa/node/testing/token-issuer';

/** An issuer of tokens whose key set lies in a file. */
export interface TokenIssuer {
  readonly options: TokenOptions;
  token(member: string, home: string, lifetimeSeconds?: number, spec?: TokenSpec): Promise<string>;
  /** Public half of its key, as in its key set. */
  readonly publicKey: Readonly<Record<string, unknown>>;
}

/** Creates a {@link TokenIssuer} with its key set in a folder. */
export async function createTokenIssuer(folder: string): Promise<TokenIssuer> {
  const issuer = await createIssuer(folder);
  return {
    options: issuer.options,
    publicKey: issuer.publicKey(),
    token: (member, home, lifetimeSeconds = 300, spec = {}) =>
      issuer.token({ member, home, lifetimeSeconds, ...spec }),
  };
}
