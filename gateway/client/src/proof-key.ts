import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';

const ALGORITHM = 'ES256';

/** What a proof is for. */
export interface ProofSubject {
  readonly method: string;
  readonly url: string;
  /** The access token that it goes with; left out at the token endpoint, where there is none yet. */
  readonly token?: string;
  readonly nonce?: string | undefined;
}

/** A key of this client, and the proofs of having it (DPoP, RFC 9449). */
export interface ProofKey {
  /** RFC 7638 thumbprint, which a token bound to the key has as `cnf.jkt`. */
  readonly thumbprint: string;
  /** The pair, to be kept where keys can be kept without being read, as in IndexedDB. */
  readonly pair: CryptoKeyPair;
  /** Makes the value of one request's `DPoP` header. */
  prove(subject: ProofSubject): Promise<string>;
}

/**
 * Makes a key whose private half cannot be read, not even by this program; or takes up one that was kept.
 * Send a proof of it to the token endpoint, and the token that comes is bound to it.
 */
export async function createProofKey(kept?: CryptoKeyPair): Promise<ProofKey> {
  const pair = kept ?? (await generateKeyPair(ALGORITHM, { extractable: false }));
  const jwk = await exportJWK(pair.publicKey);
  return {
    pair,
    thumbprint: await calculateJwkThumbprint(jwk),
    async prove({ method, url, token, nonce }) {
      // RFC 9449 section 4.2: the address without query and fragment.
      const [address] = url.split(/[?#]/);
      return new SignJWT({
        ...{ htm: method, htu: address, jti: crypto.randomUUID() },
        ...(token === undefined ? {} : { ath: await sha256(token) }),
        ...(nonce === undefined ? {} : { nonce }),
      })
        .setProtectedHeader({ alg: ALGORITHM, typ: 'dpop+jwt', jwk })
        .setIssuedAt()
        .sign(pair.privateKey);
    },
  };
}

async function sha256(text: string): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  const base64 = btoa(String.fromCharCode(...new Uint8Array(hash)));
  return base64.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
