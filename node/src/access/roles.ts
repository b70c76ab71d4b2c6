import { type DirectorySource, isStanding, type MemberId, type MemberKind } from '@stoa/schema';
import { type RefusedCredentials, refuseCredentials } from './verification.ts';

/** Scopes that a token can carry; market data needs none. */
export type Scope =
  | 'orders:read'
  | 'orders:write'
  | 'issuer:read'
  | 'settlement:operate'
  | 'records:read';

/** What the holder of a token is to its firm. */
export type Role = 'broker' | 'viewer' | 'issuer' | 'operator' | 'examiner';

/** What each role may do: used where a provider puts roles into its tokens and no scopes. */
const ROLE_SCOPES: Readonly<Record<Role, readonly Scope[]>> = {
  broker: ['orders:read', 'orders:write'],
  viewer: ['orders:read'],
  issuer: ['issuer:read'],
  operator: ['settlement:operate', 'records:read'],
  examiner: ['records:read'],
};

/**
 * What a firm of each kind may do at all, whatever its tokens say: an issuer of tokens is no authority
 * on who was admitted to the network, the member registry is.
 */
const KIND_SCOPES: Readonly<Record<MemberKind, ReadonlySet<Scope>>> = {
  venue: new Set(['orders:read', 'orders:write', 'settlement:operate', 'records:read']),
  broker: new Set(['orders:read', 'orders:write']),
  issuer: new Set(['issuer:read']),
  observer: new Set(),
  examiner: new Set(['records:read']),
};

/** Whether a text names a {@link Role}. */
export function isRole(text: string): text is Role {
  return Object.hasOwn(ROLE_SCOPES, text);
}

/** Scopes of roles, each once; what is no role of ours gives none. */
export function scopesOfRoles(roles: readonly string[]): Scope[] {
  return [...new Set(roles.filter(isRole).flatMap((role) => ROLE_SCOPES[role]))];
}

/**
 * What is left of a token's scopes by the member registry as it stands now; a member that is not
 * admitted, suspended or gone has none.
 */
export function standingScopes(
  directory: DirectorySource,
  member: MemberId,
  scopes: ReadonlySet<string>,
): ReadonlySet<string> | RefusedCredentials {
  const found = directory.current().members.get(member);
  if (!found || !isStanding(found)) {
    const standing = found ? found.status : 'not in the member registry';
    return refuseCredentials(
      'MEMBER_NOT_STANDING',
      `The member ${member} is ${standing}: its tokens give no rights until the registry admits it.`,
    );
  }
  const allowed: ReadonlySet<string> = KIND_SCOPES[found.kind];
  const left = [...scopes].filter((scope) => allowed.has(scope));
  return left.length === scopes.size ? scopes : new Set(left);
}
