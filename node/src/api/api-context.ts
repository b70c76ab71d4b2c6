import type { VenueId } from '@stoa/schema';
import type { Caller } from '../orders/order-view.ts';
import { apiError } from './api-error.ts';
import type { StreamContext } from './stream-context.ts';
import type { Verification } from './token-verifier.ts';

/** What a resolver knows of the request it serves. */
export interface ApiContext {
  readonly auth: Verification;
  /** Where the operation is served on a stream. */
  readonly stream?: StreamContext;
}

/** Scopes that a token can carry; market data needs none. */
export type Scope = 'orders:read' | 'orders:write' | 'issuer:read' | 'settlement:operate';

/**
 * The caller, where the token proves one whose home is this venue and who may do this.
 *
 * @throws UNAUTHENTICATED, AUTH_UNAVAILABLE, WRONG_HOME, FORBIDDEN
 */
export function requireCaller(context: ApiContext, home: VenueId, scope: Scope): Caller {
  const { auth } = context;
  if (auth.kind === 'anonymous') {
    throw apiError('UNAUTHENTICATED', 'This needs a token: send "Authorization: Bearer …".');
  }
  if (auth.kind === 'refused') throw apiError(auth.code, auth.reason);
  const { caller } = auth;
  if (caller.home !== home) {
    throw apiError(
      'WRONG_HOME',
      `The token's home is ${caller.home} and this is the node of ${home}: ask ${caller.home}'s node, or a gateway.`,
      { extensions: { home: caller.home, venue: home } },
    );
  }
  if (!caller.scopes.has(scope)) {
    throw apiError('FORBIDDEN', `The token lacks the scope ${scope}.`, { extensions: { scope } });
  }
  return caller;
}

/**
 * The venue's own operator.
 *
 * @throws as {@link requireCaller}
 */
export function requireOperator(context: ApiContext, venue: VenueId): Caller {
  const caller = requireCaller(context, venue, 'settlement:operate');
  if (caller.member === venue) return caller;
  throw apiError(
    'FORBIDDEN',
    `This is for the operator of ${venue}, and the token is ${caller.member}'s.`,
  );
}

/** Whether the caller is the venue's own operator: for fields that are empty for everybody else. */
export function isOperator({ auth }: ApiContext, venue: VenueId): boolean {
  if (auth.kind === 'anonymous' || auth.kind === 'refused') return false;
  const { home, member, scopes } = auth.caller;
  return home === venue && member === venue && scopes.has('settlement:operate');
}
