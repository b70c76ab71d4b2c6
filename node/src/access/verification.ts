import type { Caller } from '../orders/blotter/order-view.ts';

/** Why credentials prove nothing: stable codes. */
export type CredentialsCode =
  | 'UNAUTHENTICATED'
  | 'AUTH_UNAVAILABLE'
  | 'TOKEN_REVOKED'
  | 'MEMBER_NOT_STANDING'
  | 'PROOF_REQUIRED'
  | 'PROOF_INVALID'
  | 'PROOF_NONCE';

/** Credentials that prove nothing, and why. */
export interface RefusedCredentials {
  readonly kind: 'refused';
  readonly code: CredentialsCode;
  readonly reason: string;
}

/**
 * How a caller holds its token: `proven` by a key (DPoP), `exempt` for a client of which no proof is
 * asked, `bearer` for one that may have been stolen: it moves nothing.
 */
export type Holding = 'proven' | 'exempt' | 'bearer';

/** A caller whose credentials are good. */
export interface VerifiedCaller {
  readonly kind: 'caller';
  readonly caller: Caller;
  /** Unix milliseconds: from then on the token proves nothing. */
  readonly expiresAtMs: number;
  /** Whoever the issuer says holds the token (`sub`), and by which client (`client_id`). */
  readonly subject: string;
  readonly client: string;
  readonly holding: Holding;
}

/** What the credentials of a request prove. */
export type Verification = { readonly kind: 'anonymous' } | VerifiedCaller | RefusedCredentials;

/** Credentials that are refused, with the reason as a plain sentence and what to do. */
export function refuseCredentials(code: CredentialsCode, reason: string): RefusedCredentials {
  return { kind: 'refused', code, reason };
}
