import { isMemberId, type MemberId, type VenueId } from '@stoa/schema';
import type { JWTPayload } from 'jose';
import { z } from 'zod';
import { scopesOfRoles } from './roles.ts';

/**
 * Which claims of an access token say what, where a provider calls them otherwise: a name, or a JSON
 * Pointer (RFC 6901) for one inside another, such as `/realm_access/roles`.
 */
export interface ClaimNames {
  readonly member: string;
  readonly home: string;
  readonly scope: string;
  readonly role: string;
}

/** The names that the development issuer uses. */
export const CLAIM_NAMES: ClaimNames = {
  member: 'member',
  home: 'home',
  scope: 'scope',
  role: 'role',
};

/** What a token says, in our own words. */
export interface TokenFacts {
  readonly member: MemberId;
  readonly home: VenueId;
  readonly scopes: ReadonlySet<string>;
  readonly subject: string;
  readonly client: string;
  readonly tokenId: string | undefined;
  readonly keyId: string | undefined;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  /** Thumbprint of the key that its holder must prove to have (RFC 9449 section 6.1). */
  readonly keyThumbprint: string | undefined;
}

const text = z.string().min(1).max(256);
const words = z.union([
  z
    .string()
    .max(2_048)
    .transform((all) => all.split(' ')),
  z.array(text).max(64),
]);

const standard = z.object({
  sub: text,
  exp: z.number(),
  iat: z.number(),
  jti: text.optional(),
  client_id: text.optional(),
  azp: text.optional(),
  cnf: z.object({ jkt: z.string().regex(/^[\w-]{43}$/) }).optional(),
});

const memberId = z.string().refine(isMemberId);

/** Reads a verified token's claims; undefined where one that is needed is missing or malformed. */
export function readTokenFacts(
  payload: JWTPayload,
  keyId: string | undefined,
  names: ClaimNames = CLAIM_NAMES,
): TokenFacts | undefined {
  const parsed = standard.safeParse(payload);
  const member = memberId.safeParse(claimAt(payload, names.member));
  const home = memberId.safeParse(claimAt(payload, names.home));
  const scopes = readWords(claimAt(payload, names.scope));
  const roles = readWords(claimAt(payload, names.role));
  if (!parsed.success || !member.success || !home.success) return undefined;
  // A token says its scopes, or else its roles: one that says neither may do nothing.
  if (scopes === 'malformed' || roles === 'malformed') return undefined;
  const { sub, exp, iat, jti, client_id: client, azp, cnf } = parsed.data;
  return {
    member: member.data,
    home: home.data,
    scopes: new Set(scopes ?? scopesOfRoles(roles ?? [])),
    subject: sub,
    client: client ?? azp ?? '',
    tokenId: jti,
    keyId,
    issuedAtMs: iat * 1_000,
    expiresAtMs: exp * 1_000,
    keyThumbprint: cnf?.jkt,
  };
}

function readWords(claim: unknown): string[] | undefined | 'malformed' {
  if (claim === undefined) return undefined;
  const parsed = words.safeParse(claim);
  return parsed.success ? parsed.data.filter((word) => word !== '') : 'malformed';
}

function claimAt(payload: JWTPayload, name: string): unknown {
  if (!name.startsWith('/')) return payload[name];
  const keys = name.slice(1).split('/');
  return keys.reduce<unknown>((inside, key) => {
    const property = key.replaceAll('~1', '/').replaceAll('~0', '~');
    const isObject = typeof inside === 'object' && inside !== null;
    return isObject && Object.hasOwn(inside, property)
      ? (inside as Record<string, unknown>)[property]
      : undefined;
  }, payload);
}
