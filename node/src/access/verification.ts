import type { MemberId } from '@stoa/schema';
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

/** Of whom a token is, as its issuer says. */
export interface TokenHolder {
  readonly member: MemberId;
  /** Whoever holds the token (`sub`), and by which client (`client_id`). */
  readonly subject: string;
  readonly client: string;
  /** Thumbprint of the key that the token is bound to (RFC 9449 section 6.1). */
  readonly keyThumbprint: string | undefined;
}

/** Credentials that prove nothing, and why. */
export interface RefusedCredentials {
  readonly kind: 'refused';
  readonly code: CredentialsCode;
  readonly reason: string;
  /** Where the token itself is its issuer's, and something else is wrong: whose it is. It gives no rights. */
  readonly holder?: TokenHolder;
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
  /** Thumbprint of the key that the token is bound to, if it is. */
  readonly keyThumbprint?: string | undefined;
}

/** What the credentials of a request prove. */
export type Verification = { readonly kind: 'anonymous' } | VerifiedCaller | RefusedCredentials;

/** Credentials that are refused, with the reason as a plain sentence and what to do. */
export function refuseCredentials(code: CredentialsCode, reason: string): RefusedCredentials {
  return { kind: 'refused', code, reason };
}
