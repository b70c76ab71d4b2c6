import { createHash, randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';

/** A proof as a client makes it; each part may be wrong on purpose. */
export interface ProofSpec {
  readonly token: string;
  readonly url: string;
  readonly method?: string;
  readonly id?: string;
  readonly nonce?: string;
  readonly typ?: string;
  /** Seconds from now. */
  readonly madeInSeconds?: number;
  /** The token whose hash stands in it, where that is another. */
  readonly tokenHashOf?: string;
}

/** A client's key, and the proofs that it makes. */
export interface ProofMaker {
  readonly thumbprint: string;
  proof(spec: ProofSpec): Promise<string>;
}

/** Makes a {@link ProofMaker} with a key of its own. */
export async function createProofMaker(): Promise<ProofMaker> {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const jwk = await exportJWK(publicKey);
  return {
    thumbprint: await calculateJwkThumbprint(jwk),
    proof({ token, url, method = 'POST', id = randomUUID(), nonce, ...spec }) {
      const hashed = spec.tokenHashOf ?? token;
      return new SignJWT({
        ...{ htm: method, htu: url, jti: id },
        ath: createHash('sha256').update(hashed).digest('base64url'),
        ...(nonce === undefined ? {} : { nonce }),
      })
        .setProtectedHeader({ alg: 'ES256', typ: spec.typ ?? 'dpop+jwt', jwk })
        .setIssuedAt(Math.floor(Date.now() / 1_000) + (spec.madeInSeconds ?? 0))
        .sign(privateKey);
    },
  };
}
