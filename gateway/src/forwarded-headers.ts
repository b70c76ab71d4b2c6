import type { Forwarder } from '@stoa/node/market-api';
import type { VenueId } from '@stoa/schema';
import { callerOf } from './caller-context.ts';

/** Makes the headers with which an operation goes to its caller's home node. */
export type ForwardedHeaders = (
  context: unknown,
  home: VenueId,
  body: string,
) => Promise<Readonly<Record<string, string>>>;

/**
 * The caller's credentials go on as they came. A proof of possession names this gateway's address, so
 * the gateway states under its own node key that it came here, for this token and this very body.
 *
 * @param forward absent: callers that prove cannot act through this gateway
 */
export function createForwardedHeaders(forward: Forwarder | undefined): ForwardedHeaders {
  return async (context, home, body) => {
    const { authorization, proof, requestId, auth, traceparent } = callerOf(context);
    const headers: Record<string, string> = {};
    if (traceparent !== undefined) headers['traceparent'] = traceparent;
    if (requestId !== null) headers['x-request-id'] = requestId;
    if (authorization === null) return headers;
    headers['authorization'] = authorization;
    if (proof === null || auth.kind !== 'caller' || auth.holding !== 'proven' || !forward) {
      return headers;
    }
    const token = authorization.replace(/^\S+ +/, '');
    headers['dpop'] = proof;
    headers['stoa-forwarded'] = await forward({ token, proof, home, body });
    return headers;
  };
}
