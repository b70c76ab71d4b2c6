import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { CodedError, isMemberId } from '@stoa/schema';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import { z } from 'zod';
import type { Caller } from '../orders/order-view.ts';
import type { Logger } from '../telemetry/logger.ts';

/** Whose tokens count here. */
export interface TokenOptions {
  /** File path or http(s) URL of the JSON Web Key Set. */
  readonly jwks: string;
  readonly issuer: string;
  readonly audience: string;
}

/** What an Authorization header proves. */
export type Verification =
  | { readonly kind: 'anonymous' }
  | {
      readonly kind: 'caller';
      readonly caller: Caller;
      /** Unix milliseconds: from then on the token proves nothing. */
      readonly expiresAtMs: number;
    }
  | {
      readonly kind: 'refused';
      readonly code: 'UNAUTHENTICATED' | 'AUTH_UNAVAILABLE';
      readonly reason: string;
    };

/** Checks bearer tokens. */
export interface TokenVerifier {
  verify(authorization: string | null | undefined): Promise<Verification>;
}

// RFC 8725 3.1 and 3.2: algorithms are pinned, asymmetric, and never taken from the token.
const ALGORITHMS = ['EdDSA', 'ES256'];
const CLOCK_TOLERANCE_SECONDS = 5;
const MAX_TOKEN_CHARACTERS = 8_192;
const MAX_CACHED_TOKENS = 10_000;
const KEY_FETCH_TIMEOUT_MS = 3_000;

const claims = z.object({
  sub: z.string().min(1).max(256),
  member: z.string().refine(isMemberId),
  home: z.string().refine(isMemberId),
  scope: z.string().max(1_024),
  exp: z.number(),
});

/**
 * Creates the check of access tokens (RFC 9068 `at+jwt`): signature by a key of the set, algorithm,
 * type, issuer, audience and time pinned. A token found good is remembered until it expires.
 *
 * @throws CodedError JWKS_UNREADABLE when the key set's file cannot be read
 */
export async function createTokenVerifier(
  options: TokenOptions,
  needs: { readonly logger: Logger; readonly now?: () => number },
): Promise<TokenVerifier> {
  const { logger, now = Date.now } = needs;
  const keys = await keySet(options.jwks);
  const known = new Map<string, { readonly caller: Caller; readonly expiresAtMs: number }>();

  async function verify(authorization: string | null | undefined): Promise<Verification> {
    if (authorization == null || authorization === '') return { kind: 'anonymous' };
    const token = /^Bearer +([^\s]+)$/i.exec(authorization)?.[1];
    if (token === undefined)
      return refused('The Authorization header is not "Bearer" and a token.');
    if (token.length > MAX_TOKEN_CHARACTERS) return refused('The token is too long.');
    // The digest stands for the token: the cache then holds nothing that could be replayed.
    const digest = createHash('sha256').update(token).digest('base64');
    const hit = known.get(digest);
    if (hit && now() < hit.expiresAtMs) return { kind: 'caller', ...hit };
    known.delete(digest);
    try {
      const { payload } = await jwtVerify(token, keys, {
        algorithms: ALGORITHMS,
        issuer: options.issuer,
        audience: options.audience,
        typ: 'at+jwt',
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: new Date(now()),
        requiredClaims: ['exp', 'sub', 'member', 'home', 'scope'],
      });
      const proven = callerOf(payload);
      if (!proven) return refused("The token's claims member, home or scope are malformed.");
      const oldest = known.size >= MAX_CACHED_TOKENS ? known.keys().next().value : undefined;
      if (oldest !== undefined) known.delete(oldest);
      known.set(digest, proven);
      return { kind: 'caller', ...proven };
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal) return refusal;
      // What remains is the key set itself: unreachable, timed out, or not a key set.
      logger.error({ err: error }, 'tokens cannot be checked');
      const reason = 'The keys that tokens are checked with cannot be had now. Try again.';
      return { kind: 'refused', code: 'AUTH_UNAVAILABLE', reason };
    }
  }

  return { verify };
}

async function keySet(jwks: string): Promise<JWTVerifyGetKey> {
  if (/^https?:\/\//.test(jwks)) {
    return createRemoteJWKSet(new URL(jwks), { timeoutDuration: KEY_FETCH_TIMEOUT_MS });
  }
  try {
    return createLocalJWKSet(JSON.parse(await readFile(jwks, 'utf8')));
  } catch (cause) {
    throw new CodedError('JWKS_UNREADABLE', `The key set ${jwks} cannot be read.`, { cause });
  }
}

function callerOf(payload: JWTPayload) {
  const parsed = claims.safeParse(payload);
  if (!parsed.success) return undefined;
  const { member, home, scope, exp } = parsed.data;
  const scopes = new Set(scope.split(' ').filter((one) => one !== ''));
  return { caller: { member, home, scopes }, expiresAtMs: exp * 1_000 };
}

function refused(reason: string): Verification {
  return { kind: 'refused', code: 'UNAUTHENTICATED', reason };
}

/** Why the token itself is no good; undefined for failures that are not the token's. */
function refusalOf(error: unknown): Verification | undefined {
  if (error instanceof errors.JWTExpired) return refused('The token has expired.');
  if (error instanceof errors.JWTClaimValidationFailed) {
    return refused(`The token's claim "${error.claim}" is missing or not what it must be here.`);
  }
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return refused(`The token's algorithm is not one of ${ALGORITHMS.join(', ')}.`);
  }
  if (
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys
  ) {
    return refused('The token is not signed by a key of the key set.');
  }
  if (error instanceof errors.JWTInvalid || error instanceof errors.JWSInvalid) {
    return refused('The token is malformed.');
  }
  if (error instanceof errors.JOSENotSupported) return refused('The token is malformed.');
  return undefined;
}
