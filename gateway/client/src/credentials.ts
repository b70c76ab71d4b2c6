import type { ProofKey } from './proof-key.ts';

/**
 * Where an access token comes from. A function is asked for every request and connection, so that it can
 * give a new token before the old one expires.
 */
export type TokenSource = string | (() => string | Promise<string>);

/** Who asks. */
export type Credentials =
  /** Nobody: for what is public, the market. */
  | { readonly kind: 'none' }
  /** Whoever holds the token (RFC 6750). It moves an order only where the server exempts its client. */
  | { readonly kind: 'bearer'; readonly token: TokenSource }
  /** Whoever holds the token and proves to have the key that it is bound to (DPoP, RFC 9449). */
  | { readonly kind: 'bound'; readonly token: TokenSource; readonly key: ProofKey };

/** What a request is, for the proof that goes with it. */
export interface RequestSubject {
  readonly method: string;
  readonly url: string;
  /** The server's last `DPoP-Nonce`. */
  readonly nonce?: string | undefined;
}

/** The token as it is now; undefined for nobody. */
export async function tokenOf(credentials: Credentials): Promise<string | undefined> {
  if (credentials.kind === 'none') return undefined;
  const { token } = credentials;
  return typeof token === 'string' ? token : token();
}

/** The headers that say who asks. A proof is made anew for each request and is good for it alone. */
export async function credentialHeaders(
  credentials: Credentials,
  subject: RequestSubject,
): Promise<Record<string, string>> {
  const token = await tokenOf(credentials);
  if (token === undefined) return {};
  if (credentials.kind !== 'bound') return { authorization: `Bearer ${token}` };
  return {
    authorization: `DPoP ${token}`,
    dpop: await credentials.key.prove({ ...subject, token }),
  };
}
