import { type Credentials, credentialHeaders } from './credentials.ts';

/** Sends a request with who asks; what `fetch` is, with the headers filled in. */
export type AuthorizedFetch = (url: string, init: RequestInit) => Promise<Response>;

/** The nonce that a server wants in proofs, as its last answer said; undefined where none did. */
export interface ServerNonce {
  latest: string | undefined;
}

/**
 * Creates an {@link AuthorizedFetch}. The nonce that a server wants in proofs is taken from its answers. A
 * request that was refused for the want of one is sent again with it, once: RFC 9449 section 8 has the
 * server do nothing else with it, so this is no second sending.
 */
export function createAuthorizedFetch(
  credentials: Credentials,
  send: typeof fetch,
  nonce: ServerNonce,
): AuthorizedFetch {
  const sendOnce = async (url: string, init: RequestInit): Promise<Response> => {
    const method = init.method ?? 'GET';
    const headers = new Headers(init.headers);
    const own = await credentialHeaders(credentials, { method, url, nonce: nonce.latest });
    for (const [name, value] of Object.entries(own)) headers.set(name, value);
    const response = await send(url, { ...init, headers });
    nonce.latest = response.headers.get('dpop-nonce') ?? nonce.latest;
    return response;
  };
  return async (url, init) => {
    const known = nonce.latest;
    const response = await sendOnce(url, init);
    if (credentials.kind !== 'bound' || nonce.latest === known || !wantsNonce(response))
      return response;
    await response.body?.cancel();
    return sendOnce(url, init);
  };
}

function wantsNonce({ headers }: Response): boolean {
  return headers.get('www-authenticate')?.includes('error="use_dpop_nonce"') ?? false;
}
