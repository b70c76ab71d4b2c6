import type { GatewayPlugin } from '@graphql-hive/gateway-runtime';
import type { RequestCredentials, StreamContext, Verification } from '@stoa/node/market-api';

/** What the gateway knows of the request behind an operation. */
export interface CallerContext {
  readonly auth: Verification;
  /** The header as it came; it goes to the caller's home node and nowhere else. */
  readonly authorization: string | null;
  /** Of the operation's span, where operations are traced. */
  readonly traceparent?: string | undefined;
  /** The proof that came with it, as it came. */
  readonly proof: string | null;
  readonly requestId: string | null;
  /** Where the operation is served on a stream. */
  readonly stream?: StreamContext | undefined;
}

/** Puts a {@link CallerContext} into the context of every operation. */
export function callerContext(credentials: Pick<RequestCredentials, 'verify'>): GatewayPlugin {
  return {
    async onContextBuilding({ context, extendContext }) {
      const { request } = context;
      extendContext(callerContextOf(request, await credentials.verify(request)));
    },
  };
}

/** What is known of a request whose caller was verified. */
export function callerContextOf({ headers }: Request, auth: Verification): CallerContext {
  return {
    auth,
    authorization: headers.get('authorization'),
    proof: headers.get('dpop'),
    requestId: headers.get('x-request-id'),
  };
}

/** The caller of an operation; what has no request behind it is anonymous. */
export function callerOf(context: unknown): CallerContext {
  const caller = context as Partial<CallerContext> | null | undefined;
  return {
    auth: caller?.auth ?? { kind: 'anonymous' },
    authorization: caller?.authorization ?? null,
    proof: caller?.proof ?? null,
    requestId: caller?.requestId ?? null,
    stream: caller?.stream,
    traceparent: caller?.traceparent,
  };
}
