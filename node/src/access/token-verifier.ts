import { hash } from 'node:crypto';
import type { DirectorySource, MemberId } from '@stoa/schema';
import {
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import type { Logger } from '../telemetry/logger.ts';
import {
  type Denylist,
  EMPTY_DENYLIST,
  isDenied,
  MAX_DENYLIST_BYTES,
  readDenylist,
} from './denylist.ts';
import { checkForwarded } from './forwarded-proof.ts';
import { type KeySource, openKeySource } from './key-source.ts';
import { createProofNonces, type ProofNonces } from './proof-nonce.ts';
import { checkProof, useProof } from './proof-of-possession.ts';
import { createReplayStore, type ReplayStore } from './replay-store.ts';
import { standingScopes } from './roles.ts';
import { type ClaimNames, readTokenFacts, type TokenFacts } from './token-claims.ts';
import {
  INTROSPECTED_FOR_MS,
  openTokenIntrospection,
  type TokenIntrospection,
} from './token-introspection.ts';
import {
  type RefusedCredentials,
  refuseCredentials,
  type Verification,
  type VerifiedCaller,
} from './verification.ts';
import { type WatchedFile, watchFile } from './watched-file.ts';

/** Whose tokens count here, and how they are checked. */
export interface TokenOptions {
  /** File path or URL of the JSON Web Key Set; absent: found by the issuer's metadata. */
  readonly jwks?: string | undefined;
  readonly issuer: string;
  readonly audience: string;
  /** Signature algorithms, asymmetric ones alone; EdDSA and ES256 unless told. */
  readonly algorithms?: readonly string[] | undefined;
  /** The header `typ`: `at+jwt` (RFC 9068), or what a provider that knows it not writes instead. */
  readonly type?: string | undefined;
  readonly claims?: ClaimNames | undefined;
  /** A file that says whom to ask about tokens that are no JWT (RFC 7662). */
  readonly introspectionFile?: string | undefined;
  /** A file of tokens that count no longer; it is watched. */
  readonly denylistFile?: string | undefined;
  /** Ids of clients that need not prove to hold their token's key: for a demo network only. */
  readonly proofExemptClients?: readonly string[] | undefined;
  /** Whether proofs must carry a nonce of this server. */
  readonly proofNonce?: boolean | undefined;
  /** URLs under which callers reach this server, as their proofs name them. */
  readonly publicUrls?: readonly string[] | undefined;
}

/** The request that an Authorization header came with, as far as a proof of possession is about it. */
export interface PresentedRequest {
  readonly method: string;
  /** The header DPoP. */
  readonly proof: string | null;
  /** A gateway's statement of whom it forwards. */
  readonly forwarded?: string | null;
  /** The body as it came; needed with `forwarded`. */
  readonly body?: string | undefined;
  /** Whether it acts, so that its proof serves this once, whoever forwards it. */
  readonly acts: boolean;
}

/** Checks credentials. */
export interface TokenVerifier {
  /** Never rejects. Without a request a token that is bound to a key proves nothing. */
  verify(
    authorization: string | null | undefined,
    presented?: PresentedRequest,
  ): Promise<Verification>;
  /**
   * Calls, within a second, when what was verified counts no longer: expired, revoked, its member
   * suspended, its key withdrawn. The returned function ends the watching.
   */
  watch(caller: VerifiedCaller, onRefused: (refusal: RefusedCredentials) => void): () => void;
  /** The nonce that proofs must carry now; undefined where none is asked for. */
  nonce(): string | undefined;
  close(): void;
}

/** What the verifier is made with. */
export interface TokenVerifierNeeds {
  readonly logger: Logger;
  /** Who is a member, and of which kind; absent: tokens give the rights they say. */
  readonly directory?: DirectorySource | undefined;
  /** The member whose node this is: gateways' statements must be addressed to it. */
  readonly self?: MemberId | undefined;
  /** URLs of this server where the options name none. */
  readonly ownUrls?: (() => readonly string[]) | undefined;
  readonly now?: () => number;
}

/** RFC 8725 3.1 and 3.2: algorithms are pinned, asymmetric, and never taken from the token. */
export const TOKEN_ALGORITHMS: readonly string[] = ['EdDSA', 'ES256'];
const CLOCK_TOLERANCE_SECONDS = 5;
const MAX_TOKEN_CHARACTERS = 8_192;
const MAX_CACHED_TOKENS = 10_000;
const WATCH_INTERVAL_MS = 500;

/**
 * Creates the check of access tokens (RFC 9068 `at+jwt`): signature by a key of the set, algorithm,
 * type, issuer, audience and time pinned; then the denylist, the member's standing, and the proof that
 * the caller holds the token's key (RFC 9449). That a signature is good is remembered until the token
 * expires; all else, its key's standing too, is judged anew each time.
 *
 * @throws CodedError JWKS_UNREADABLE when the key set's file cannot be read, FILE_UNREADABLE for the
 * denylist, INTROSPECTION_INVALID
 */
export async function createTokenVerifier(
  options: TokenOptions,
  needs: TokenVerifierNeeds,
): Promise<TokenVerifier> {
  const { logger, now = Date.now } = needs;
  const keys = await openKeySource(options, { logger, now });
  const path = options.denylistFile;
  const denylist =
    path === undefined
      ? undefined
      : await watchFile({ path, parse: readDenylist, maxBytes: MAX_DENYLIST_BYTES }, { logger });
  const introspection =
    options.introspectionFile === undefined
      ? undefined
      : await openTokenIntrospection(options.introspectionFile, now);
  return new Verifier(options, { ...needs, now, keys, denylist, introspection });
}

type VerifierNeeds = Omit<TokenVerifierNeeds, 'now'> & {
  readonly now: () => number;
  readonly keys: KeySource;
  readonly denylist: WatchedFile<Denylist> | undefined;
  readonly introspection: TokenIntrospection | undefined;
};

interface Remembered {
  readonly facts: TokenFacts;
  /** Of the key that it was checked with; of what its issuer said, none. */
  readonly print: string | undefined;
  /** Unix milliseconds: from then on its issuer is asked again. */
  readonly askAgainAtMs?: number;
}

class Verifier implements TokenVerifier {
  readonly #options: TokenOptions;
  readonly #needs: VerifierNeeds;
  readonly #algorithms: string[];
  readonly #exempt: ReadonlySet<string>;
  readonly #nonces: ProofNonces | undefined;
  readonly #uses: ReplayStore = createReplayStore();
  /** By digest: what could be replayed is not kept. */
  readonly #known = new Map<string, Remembered>();
  /** What a token said whose caller is told to others, for as long as they hold it. */
  readonly #factsOf = new WeakMap<VerifiedCaller, Remembered>();
  /** Tokens of which the issuer is asked again while what was opened with them is watched. */
  readonly #tokenOf = new WeakMap<VerifiedCaller, string>();
  readonly #renewing = new WeakSet<VerifiedCaller>();
  readonly #watched = new Map<VerifiedCaller, Set<(refusal: RefusedCredentials) => void>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: TokenOptions, needs: VerifierNeeds) {
    this.#options = options;
    this.#needs = needs;
    this.#algorithms = [...(options.algorithms ?? TOKEN_ALGORITHMS)];
    this.#exempt = new Set(options.proofExemptClients);
    this.#nonces = options.proofNonce ? createProofNonces() : undefined;
  }

  async verify(
    authorization: string | null | undefined,
    presented?: PresentedRequest,
  ): Promise<Verification> {
    if (authorization == null || authorization === '') return { kind: 'anonymous' };
    const [, scheme = '', token = ''] = /^(Bearer|DPoP) +([^\s]+)$/i.exec(authorization) ?? [];
    if (token === '') {
      return unauthenticated('The Authorization header is not "Bearer" or "DPoP" and a token.');
    }
    if (token.length > MAX_TOKEN_CHARACTERS) return unauthenticated('The token is too long.');
    const known = await this.#facts(token);
    if ('kind' in known) return known;
    const { member, home, subject, client, keyThumbprint, expiresAtMs } = known.facts;
    const holder = { member, subject, client, keyThumbprint };
    const scopes = this.#rights(known);
    if ('kind' in scopes) return { ...scopes, holder };
    const holding = await this.#holding(token, scheme.toLowerCase(), known.facts, presented);
    if (typeof holding !== 'string') return { ...holding, holder };
    const caller = { member, home, scopes };
    const verified: VerifiedCaller = {
      ...{ kind: 'caller', caller, expiresAtMs, subject, client, holding, keyThumbprint },
    };
    this.#factsOf.set(verified, known);
    if (known.askAgainAtMs !== undefined) this.#tokenOf.set(verified, token);
    return verified;
  }

  watch(caller: VerifiedCaller, onRefused: (refusal: RefusedCredentials) => void): () => void {
    const listeners = this.#watched.get(caller) ?? new Set();
    this.#watched.set(caller, listeners.add(onRefused));
    this.#timer ??= setInterval(() => this.#look(), WATCH_INTERVAL_MS).unref();
    return () => {
      listeners.delete(onRefused);
      if (listeners.size === 0) this.#watched.delete(caller);
    };
  }

  nonce(): string | undefined {
    return this.#nonces?.current(this.#needs.now());
  }

  close(): void {
    clearInterval(this.#timer);
    this.#needs.keys.close();
    this.#needs.denylist?.close();
  }

  /** What the token says, its signature and its times being good. */
  async #facts(token: string): Promise<Remembered | RefusedCredentials> {
    const digest = hash('sha256', token, 'base64');
    const hit = this.#known.get(digest);
    const { introspection, now } = this.#needs;
    if (hit && this.#isGood(hit) && now() < (hit.askAgainAtMs ?? Infinity)) return hit;
    this.#known.delete(digest);
    try {
      const isOpaque = introspection !== undefined && token.split('.').length !== 3;
      const found = isOpaque
        ? await this.#introspect(introspection, token, digest)
        : await this.#check(token);
      if (found === 'inactive') {
        return unauthenticated('Its issuer says that the token is not active.');
      }
      if (!found) {
        return unauthenticated("The token's claims member, home, scope or role are malformed.");
      }
      const oldest =
        this.#known.size >= MAX_CACHED_TOKENS ? this.#known.keys().next().value : undefined;
      if (oldest !== undefined) this.#known.delete(oldest);
      this.#known.set(digest, found);
      return found;
    } catch (error) {
      const refusal = refusalOf(error, this.#algorithms);
      if (refusal) return refusal;
      // What remains is the key set itself: unreachable, timed out, or not a key set.
      this.#needs.logger.error({ err: error }, 'tokens cannot be checked');
      const reason = 'The keys that tokens are checked with cannot be had now. Try again.';
      return refuseCredentials('AUTH_UNAVAILABLE', reason);
    }
  }

  async #check(token: string): Promise<Remembered | undefined> {
    const { issuer, audience, type = 'at+jwt', claims } = this.#options;
    const nowMs = this.#needs.now();
    // RFC 9068 section 2.2 requires them all; what else is issued as an access token has less.
    const requiredClaims = [
      'exp',
      'iat',
      'sub',
      ...(type === 'at+jwt' ? ['jti', 'client_id'] : []),
    ];
    let print = '';
    const keyFor: JWTVerifyGetKey = async (header, whole) => {
      const resolved = await this.#needs.keys.resolve(header, whole);
      print = resolved.print;
      return resolved.key;
    };
    const { payload } = await jwtVerify(token, keyFor, {
      ...{ issuer, audience, requiredClaims, typ: type, algorithms: this.#algorithms },
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(nowMs),
    });
    const facts = readTokenFacts(payload, decodeProtectedHeader(token).kid, claims);
    const isFromTheFuture = (facts?.issuedAtMs ?? 0) > nowMs + CLOCK_TOLERANCE_SECONDS * 1_000;
    return facts && !isFromTheFuture ? { facts, print } : undefined;
  }

  /** What the issuer says of a token that it alone can read, held to what a JWT is held to. */
  async #introspect(
    introspection: TokenIntrospection,
    token: string,
    digest: string,
  ): Promise<Remembered | 'inactive' | undefined> {
    const said = await introspection.ask(token, digest);
    if (!said) return 'inactive';
    const { issuer, audience, claims } = this.#options;
    const { iss = issuer, aud, nbf = 0, sub = said['client_id'], iat = 0 } = said;
    const nowMs = this.#needs.now();
    const isOurs = iss === issuer && [aud].flat().includes(audience);
    if (!isOurs || nbf * 1_000 > nowMs + CLOCK_TOLERANCE_SECONDS * 1_000) return 'inactive';
    const facts = readTokenFacts({ ...said, sub, iat } as JWTPayload, undefined, claims);
    return facts && { facts, print: undefined, askAgainAtMs: nowMs + INTROSPECTED_FOR_MS };
  }

  /** Whether its signature, or its issuer's word, counts as it did when it was checked. */
  #isGood({ facts, print, askAgainAtMs }: Remembered): boolean {
    const isInTime = this.#needs.now() < facts.expiresAtMs;
    const isSaid = askAgainAtMs !== undefined;
    return isInTime && (isSaid || this.#needs.keys.printOf(facts.keyId) === print);
  }

  /** What a token that its issuer signed is still good for here and now. */
  #rights(remembered: Remembered): ReadonlySet<string> | RefusedCredentials {
    const { facts } = remembered;
    if (this.#needs.now() >= facts.expiresAtMs) return unauthenticated('The token has expired.');
    if (!this.#isGood(remembered)) {
      return unauthenticated('The key that signed the token counts no longer. Get a new token.');
    }
    if (isDenied(this.#needs.denylist?.current() ?? EMPTY_DENYLIST, facts)) {
      return refuseCredentials('TOKEN_REVOKED', 'The token was revoked. Get a new one.');
    }
    const { directory } = this.#needs;
    return directory ? standingScopes(directory, facts.member, facts.scopes) : facts.scopes;
  }

  async #holding(
    token: string,
    scheme: string,
    { keyThumbprint, client }: TokenFacts,
    presented: PresentedRequest | undefined,
  ): Promise<VerifiedCaller['holding'] | RefusedCredentials> {
    if (keyThumbprint === undefined) {
      if (scheme === 'dpop')
        return unauthenticated('The token is bound to no key: send it as Bearer.');
      return this.#exempt.has(client) ? 'exempt' : 'bearer';
    }
    // RFC 9449 section 7.1: a bound token that comes as a bearer token was stolen, or may as well be.
    if (scheme !== 'dpop' || !presented?.proof) {
      const reason =
        'The token is bound to a key: send it as "DPoP" with a proof in the header DPoP.';
      return refuseCredentials('PROOF_REQUIRED', reason);
    }
    const nowMs = this.#needs.now();
    const target = await this.#target(token, presented, nowMs);
    if ('kind' in target) return target;
    const { proof, acts, forwarded } = presented;
    const good = await checkProof(
      proof,
      { ...target, token, keyThumbprint },
      // The gateway has asked for a nonce of its own where it wants one.
      { algorithms: this.#algorithms, nonces: forwarded ? undefined : this.#nonces },
      nowMs,
    );
    if (good.kind === 'refused') return good;
    // One operation of a gateway may ask a node several times: the statement's use is taken then.
    if (forwarded && !acts) return 'proven';
    return useProof(good, this.#uses, nowMs) ?? 'proven';
  }

  async #target(token: string, presented: PresentedRequest, nowMs: number) {
    const { forwarded, method, body = '' } = presented;
    const { directory, self, ownUrls } = this.#needs;
    if (!forwarded) {
      const { publicUrls = [] } = this.#options;
      return { method, urls: publicUrls.length > 0 ? publicUrls : (ownUrls?.() ?? []) };
    }
    if (!directory || self === undefined) {
      return refuseCredentials('PROOF_INVALID', 'Nothing is taken from a gateway here.');
    }
    const subject = { self, token, body, directory, uses: this.#uses };
    const stated = await checkForwarded(forwarded, subject, nowMs);
    return 'kind' in stated ? stated : { method: stated.method, urls: [stated.url] };
  }

  #look(): void {
    for (const caller of this.#watched.keys()) {
      const remembered = this.#factsOf.get(caller);
      if (!remembered) continue;
      const rights = this.#rights(remembered);
      const lost = 'kind' in rights ? rights : lostRights(caller, rights);
      if (lost) this.#tellLost(caller, lost);
      else if (this.#needs.now() >= (remembered.askAgainAtMs ?? Infinity)) void this.#renew(caller);
    }
  }

  /** Has its issuer say again what the token of a watched caller is worth; never rejects. */
  async #renew(caller: VerifiedCaller): Promise<void> {
    const token = this.#tokenOf.get(caller);
    if (token === undefined || this.#renewing.has(caller)) return;
    this.#renewing.add(caller);
    const found = await this.#facts(token);
    this.#renewing.delete(caller);
    if (!('kind' in found)) this.#factsOf.set(caller, found);
    // An issuer that cannot be asked now says nothing against a token: it is asked again.
    else if (found.code !== 'AUTH_UNAVAILABLE') this.#tellLost(caller, found);
  }

  #tellLost(caller: VerifiedCaller, lost: RefusedCredentials): void {
    const listeners = this.#watched.get(caller) ?? [];
    this.#watched.delete(caller);
    for (const listener of listeners) listener(lost);
  }
}

/** A member whose kind has changed keeps its standing and loses rights all the same. */
function lostRights(
  { caller }: VerifiedCaller,
  rights: ReadonlySet<string>,
): RefusedCredentials | undefined {
  if ([...caller.scopes].every((scope) => rights.has(scope))) return undefined;
  const reason = `The rights of ${caller.member} have changed. Open it anew with what is left.`;
  return refuseCredentials('MEMBER_NOT_STANDING', reason);
}

function unauthenticated(reason: string): RefusedCredentials {
  return refuseCredentials('UNAUTHENTICATED', reason);
}

/** Why the token itself is no good; undefined for failures that are not the token's. */
function refusalOf(error: unknown, algorithms: readonly string[]): RefusedCredentials | undefined {
  if (error instanceof errors.JWTExpired) return unauthenticated('The token has expired.');
  if (error instanceof errors.JWTClaimValidationFailed) {
    const reason = `The token's claim "${error.claim}" is missing or not what it must be here.`;
    return unauthenticated(reason);
  }
  if (error instanceof errors.JOSEAlgNotAllowed) {
    return unauthenticated(`The token's algorithm is not one of ${algorithms.join(', ')}.`);
  }
  if (
    error instanceof errors.JWSSignatureVerificationFailed ||
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys
  ) {
    return unauthenticated('The token is not signed by a key of the key set.');
  }
  if (
    error instanceof errors.JWTInvalid ||
    error instanceof errors.JWSInvalid ||
    error instanceof errors.JOSENotSupported ||
    error instanceof TypeError
  ) {
    return unauthenticated('The token is malformed.');
  }
  return undefined;
}
