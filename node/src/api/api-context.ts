import type { VenueId } from '@stoa/schema';
import type { GraphQLError } from 'graphql';
import type { Scope } from '../access/roles.ts';
import type { Verification } from '../access/verification.ts';
import type { Caller } from '../orders/blotter/order-view.ts';
import { apiError } from './api-error.ts';
import type { FieldPolicy } from './field-policies.ts';
import type { StreamContext } from './stream-context.ts';
import type { TraceContext } from './traced-operations.ts';

export type { Scope } from '../access/roles.ts';

/** What a resolver knows of the request it serves. */
export interface ApiContext extends TraceContext {
  readonly auth: Verification;
  /** Absent where nothing came over HTTP. */
  readonly request?: Request;
  /** Where the operation is served on a stream. */
  readonly stream?: StreamContext;
  /** In a mutation: says that it was accepted, as what, while its answer waits for more. */
  readonly accept?: (id: string) => void;
}

/**
 * The caller, where the token proves one whose home is this venue and who may do this.
 *
 * @throws UNAUTHENTICATED, AUTH_UNAVAILABLE, TOKEN_REVOKED, MEMBER_NOT_STANDING, PROOF_REQUIRED,
 * PROOF_INVALID, PROOF_NONCE, WRONG_HOME, FORBIDDEN
 */
export function requireCaller(context: ApiContext, home: VenueId, scope: Scope): Caller {
  const { auth } = context;
  const denied = judgeAccess(auth, { scopes: [scope], owner: 'any', proof: false }, home);
  if (denied) throw denied;
  if (auth.kind === 'caller') return auth.caller;
  throw anonymous();
}

/**
 * The venue's own operator.
 *
 * @throws as {@link requireCaller}
 */
export function requireOperator(context: ApiContext, venue: VenueId): Caller {
  const caller = requireCaller(context, venue, 'settlement:operate');
  if (caller.member === venue) return caller;
  throw notOperator(caller, venue);
}

/** Why a caller may not see a field; undefined where it may. */
export function judgeAccess(
  auth: Verification,
  { scopes, owner, proof }: Omit<FieldPolicy, 'isPublic'>,
  home: VenueId | undefined,
): GraphQLError | undefined {
  if (auth.kind === 'anonymous') return anonymous();
  if (auth.kind === 'refused') return apiError(auth.code, auth.reason);
  const { caller, holding } = auth;
  if (home !== undefined && caller.home !== home) {
    return apiError(
      'WRONG_HOME',
      `The token's home is ${caller.home} and this is the node of ${home}: ask ${caller.home}'s node, or a gateway.`,
      { extensions: { home: caller.home, venue: home } },
    );
  }
  if (!scopes.some((scope) => caller.scopes.has(scope))) {
    const [scope] = scopes;
    const message = `The token lacks the scope ${scope}.`;
    return apiError('FORBIDDEN', message, { extensions: { scope } });
  }
  if (owner === 'venue' && caller.member !== (home ?? caller.home)) {
    return notOperator(caller, home ?? caller.home);
  }
  if (!proof || holding !== 'bearer') return undefined;
  return apiError(
    'PROOF_REQUIRED',
    'This needs a token that is bound to a key of yours, and a proof by it in the header DPoP (RFC 9449).',
  );
}

/** Whether the caller is the venue's own operator: for fields that are empty for everybody else. */
export function isOperator({ auth }: ApiContext, venue: VenueId): boolean {
  if (auth.kind === 'anonymous' || auth.kind === 'refused') return false;
  const { home, member, scopes } = auth.caller;
  return home === venue && member === venue && scopes.has('settlement:operate');
}

function anonymous(): GraphQLError {
  return apiError('UNAUTHENTICATED', 'This needs a token: send "Authorization: Bearer …".');
}

function notOperator({ member }: Caller, venue: VenueId): GraphQLError {
  const message = `This is for the operator of ${venue}, and the token is ${member}'s.`;
  return apiError('FORBIDDEN', message);
}
