import type { GatewayPlugin } from '@graphql-hive/gateway-runtime';
import type { StreamContext, Verification } from '@stoa/node/market-api';

/** What the gateway knows of the request behind an operation. */
export interface CallerContext {
  readonly auth: Verification;
  /** The header as it came; it goes to the caller's home node and nowhere else. */
  readonly authorization: string | null;
  /** Of the operation's span, where operations are traced. */
  readonly traceparent?: string | undefined;
  /** Where the operation is served on a stream. */
  readonly stream?: StreamContext | undefined;
}

/** Puts a {@link CallerContext} into the context of every operation. */
export function callerContext(
  verify: (authorization: string | null) => Promise<Verification>,
): GatewayPlugin {
  return {
    async onContextBuilding({ context, extendContext }) {
      const authorization = context.request.headers.get('authorization');
      const caller: CallerContext = { auth: await verify(authorization), authorization };
      extendContext(caller);
    },
  };
}

/** The caller of an operation; what has no request behind it is anonymous. */
export function callerOf(context: unknown): CallerContext {
  const caller = context as Partial<CallerContext> | null | undefined;
  return {
    auth: caller?.auth ?? { kind: 'anonymous' },
    authorization: caller?.authorization ?? null,
    stream: caller?.stream,
    traceparent: caller?.traceparent,
  };
}
