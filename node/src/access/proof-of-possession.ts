import { createHash } from 'node:crypto';
import {
  calculateJwkThumbprint,
  decodeProtectedHeader,
  EmbeddedJWK,
  errors,
  jwtVerify,
} from 'jose';
import { z } from 'zod';
import type { ProofNonces } from './proof-nonce.ts';
import type { ReplayStore } from './replay-store.ts';
import { type RefusedCredentials, refuseCredentials } from './verification.ts';

/** What a proof has to fit. */
export interface ProofSubject {
  /** The access token, as it was sent. */
  readonly token: string;
  /** Thumbprint of the key that the token is bound to. */
  readonly keyThumbprint: string;
  readonly method: string;
  /** URLs under which the request may have been made, without query and fragment. */
  readonly urls: readonly string[];
}

/** How proofs are judged. */
export interface ProofRules {
  /** Signature algorithms; asymmetric ones alone. */
  readonly algorithms: readonly string[];
  /** Absent: no nonce is asked for. */
  readonly nonces?: ProofNonces | undefined;
}

/** A proof that is good, and the id under which its use is remembered. */
export interface GoodProof {
  readonly kind: 'good';
  readonly useId: string;
  /** Unix milliseconds: after that it is refused for its age, and its use may be forgotten. */
  readonly untilMs: number;
}

const MAX_PROOF_CHARACTERS = 4_096;
/** RFC 9449 section 11.1: "on the order of seconds or minutes". */
const MAX_AGE_MS = 60_000;
const MAX_AHEAD_MS = 5_000;

const claims = z.object({
  jti: z.string().min(1).max(256),
  htm: z.string(),
  htu: z.string().max(2_048),
  iat: z.number(),
  ath: z.string(),
  nonce: z.string().max(256).optional(),
});

/** Base64url of the SHA-256 of an access token: `ath` of RFC 9449 section 4.2. */
export function tokenHash(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}

/**
 * Checks a DPoP proof (RFC 9449 section 4.3) but for its use: whether it was used before is for the
 * caller to take from a {@link ReplayStore}, last of all, so that a bad proof uses up nothing.
 */
export async function checkProof(
  proof: string,
  subject: ProofSubject,
  { algorithms, nonces }: ProofRules,
  nowMs: number,
): Promise<GoodProof | RefusedCredentials> {
  const bad = (why: string) => refuseCredentials('PROOF_INVALID', `The DPoP proof ${why}.`);
  if (proof.length > MAX_PROOF_CHARACTERS) return bad('is too long');
  let payload: unknown;
  let thumbprint: string;
  try {
    const { jwk } = decodeProtectedHeader(proof);
    if (jwk === undefined) return bad('has no key in its header (jwk)');
    thumbprint = await calculateJwkThumbprint(jwk);
    // Before the signature: a proof by another key is no better for being well signed.
    if (thumbprint !== subject.keyThumbprint)
      return bad('is by another key than the token is bound to');
    ({ payload } = await jwtVerify(proof, EmbeddedJWK, {
      algorithms: [...algorithms],
      typ: 'dpop+jwt',
      currentDate: new Date(nowMs),
    }));
  } catch (error) {
    return bad(reasonOf(error));
  }
  const parsed = claims.safeParse(payload);
  if (!parsed.success) return bad('lacks one of the claims jti, htm, htu, iat, ath');
  const { jti, htm, htu, iat, ath, nonce } = parsed.data;
  if (htm !== subject.method) return bad(`is for the method ${JSON.stringify(htm).slice(0, 20)}`);
  const target = normalUrl(htu);
  if (target === undefined || !subject.urls.some((url) => normalUrl(url) === target)) {
    return bad(`is for another address (htu); it must be one of ${subject.urls.join(', ')}`);
  }
  if (ath !== tokenHash(subject.token)) return bad('is for another token (ath)');
  if (nonces && !nonces.isGood(nonce, nowMs)) {
    const reason =
      'The DPoP proof needs the nonce of the header DPoP-Nonce. Make a new one with it.';
    return refuseCredentials('PROOF_NONCE', reason);
  }
  const ageMs = nowMs - iat * 1_000;
  if (ageMs > MAX_AGE_MS || ageMs < -MAX_AHEAD_MS) {
    return bad(`was not made now (iat): at most ${MAX_AGE_MS / 1_000} seconds ago`);
  }
  return {
    kind: 'good',
    useId: createHash('sha256').update(`${thumbprint} ${jti}`).digest('base64url'),
    untilMs: iat * 1_000 + MAX_AGE_MS + 1,
  };
}

/** Takes the one use that a good proof has; undefined where that is granted. */
export function useProof(
  { useId, untilMs }: GoodProof,
  uses: ReplayStore,
  nowMs: number,
): RefusedCredentials | undefined {
  const use = uses.take(useId, untilMs, nowMs);
  if (use === 'first') return undefined;
  if (use === 'replayed') {
    return refuseCredentials('PROOF_INVALID', 'The DPoP proof was used before. Make a new one.');
  }
  const reason = 'Too many proofs are remembered to take another. Try again in a minute.';
  return refuseCredentials('AUTH_UNAVAILABLE', reason);
}

/** RFC 9449 section 4.3: compared without query and fragment, after RFC 3986 normalisation. */
function normalUrl(text: string): string | undefined {
  const url = URL.parse(text);
  return url ? `${url.origin}${url.pathname}` : undefined;
}

function reasonOf(error: unknown): string {
  if (error instanceof errors.JOSEAlgNotAllowed)
    return 'is signed by an algorithm that is not allowed';
  if (error instanceof errors.JWSSignatureVerificationFailed)
    return 'is not signed by the key it names';
  if (error instanceof errors.JWTClaimValidationFailed) return `has a wrong "${error.claim}"`;
  return 'is malformed';
}
