import { createHash, randomUUID } from 'node:crypto';
import {
  type DirectorySource,
  isMemberId,
  isStanding,
  isWithin,
  type MemberId,
  type NodeKey,
} from '@stoa/schema';
import { decodeJwt, importJWK, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import { tokenHash } from './proof-of-possession.ts';
import type { ReplayStore } from './replay-store.ts';
import { type RefusedCredentials, refuseCredentials } from './verification.ts';

/**
 * A caller's proof names the address that the caller used: the gateway's. The gateway has checked it,
 * and passes it on as it is, with a statement of its own: that this proof came to it at this address,
 * for this token and this very body. A node believes the statement of a member whose node key stands in
 * the registry, and checks the caller's proof itself, so that a gateway can make no order of its own.
 */
export interface ForwardedRequest {
  /** The access token, as it was sent. */
  readonly token: string;
  /** The node that it is meant for. */
  readonly home: MemberId;
  /** The caller's proof, which was checked: what it was made for is what it says. */
  readonly proof: string;
  /** What goes to the node, as it is sent. */
  readonly body: string;
}

const TYPE = 'stoa-forwarded+jwt';
const LIFETIME_SECONDS = 15;
const MAX_STATEMENT_CHARACTERS = 4_096;
const CLOCK_TOLERANCE_SECONDS = 5;
const MAX_AGE_SECONDS = LIFETIME_SECONDS + CLOCK_TOLERANCE_SECONDS;

/** Base64url of the SHA-256 of a body. */
function bodyHash(body: string): string {
  return createHash('sha256').update(body).digest('base64url');
}

/** Signs what a gateway states of a request. */
export type Forwarder = (request: ForwardedRequest) => Promise<string>;

/** Makes the signer of a gateway's statements, under its node key. */
export async function createForwarder(
  gateway: MemberId,
  { seed, publicKey }: NodeKey,
): Promise<Forwarder> {
  const key = await importJWK(
    {
      ...{ kty: 'OKP', crv: 'Ed25519' },
      d: Buffer.from(seed).toString('base64url'),
      x: Buffer.from(publicKey, 'hex').toString('base64url'),
    },
    'EdDSA',
  );
  return ({ token, proof, home, body }) => {
    const { htm, htu } = decodeJwt(proof);
    return new SignJWT({ ath: tokenHash(token), htm, htu, bh: bodyHash(body) })
      .setProtectedHeader({ alg: 'EdDSA', typ: TYPE })
      .setIssuer(gateway)
      .setAudience(home)
      .setJti(randomUUID())
      .setIssuedAt()
      .setExpirationTime(`${LIFETIME_SECONDS}s`)
      .sign(key);
  };
}

/** What the request looks like at the node, and who says so. */
export interface ForwardedSubject {
  readonly self: MemberId;
  readonly token: string;
  readonly body: string;
  readonly directory: DirectorySource;
  readonly uses: ReplayStore;
}

const claims = z.object({
  iss: z.string().refine(isMemberId),
  jti: z.string().min(1).max(64),
  exp: z.number(),
  iat: z.number(),
  ath: z.string(),
  htm: z.string().max(16),
  htu: z.string().max(2_048),
  bh: z.string(),
});

/** Checks a gateway's statement: what the caller's proof was made for, by its word. */
export async function checkForwarded(
  statement: string,
  { self, token, body, directory, uses }: ForwardedSubject,
  nowMs: number,
): Promise<{ readonly method: string; readonly url: string } | RefusedCredentials> {
  const bad = (why: string) =>
    refuseCredentials('PROOF_INVALID', `The gateway's statement ${why}.`);
  if (statement.length > MAX_STATEMENT_CHARACTERS) return bad('is too long');
  const parsed = await verifiedBy(statement, self, directory, nowMs);
  if (!parsed) return bad('is not signed by a gateway of the member registry, or has expired');
  const { iss, jti, exp, iat, ath, htm, htu, bh } = parsed;
  if (ath !== tokenHash(token)) return bad('is for another token');
  if (bh !== bodyHash(body)) return bad('is for another body');
  // It is taken until the earlier of the two. Kept for as long as it says itself, one that is good for years
  // would stand at the front of all uses, and none of them would ever be forgotten.
  const end = Math.min(exp, iat + MAX_AGE_SECONDS) + CLOCK_TOLERANCE_SECONDS + 1;
  if (uses.take(`forwarded ${iss} ${jti}`, end * 1_000, nowMs) !== 'first') {
    return bad('was used before');
  }
  return { method: htm, url: htu };
}

async function verifiedBy(
  statement: string,
  self: MemberId,
  directory: DirectorySource,
  nowMs: number,
): Promise<z.output<typeof claims> | undefined> {
  try {
    // Only to know whose keys to try: nothing is believed before the signature is good.
    const issuer = decodeJwt(statement).iss ?? '';
    const member = directory.current().members.get(issuer);
    if (!member || !isStanding(member)) return undefined;
    const keys = member.nodeKeys.filter((key) => isWithin(key, nowMs / 1_000));
    for (const { key } of keys) {
      const verified = await jwtVerify(statement, await publicKeyOf(key), {
        ...{ issuer: member.id, audience: self, typ: TYPE, algorithms: ['EdDSA'] },
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        currentDate: new Date(nowMs),
        maxTokenAge: `${MAX_AGE_SECONDS}s`,
      }).catch(() => undefined);
      if (verified) return claims.safeParse(verified.payload).data;
    }
  } catch {
    // What cannot be decoded is signed by nobody.
  }
  return undefined;
}

function publicKeyOf(hex: string) {
  const x = Buffer.from(hex, 'hex').toString('base64url');
  return importJWK({ kty: 'OKP', crv: 'Ed25519', x }, 'EdDSA');
}
