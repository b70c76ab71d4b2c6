import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GraphQLError } from 'graphql';
import type { Verification } from '../access/verification.ts';
import {
  createStreamHub,
  STREAM_HUB_OPTIONS,
  type StreamHubOptions,
} from '../streams/stream-hub.ts';
import { createStreamSlots } from '../streams/stream-slots.ts';
import type { KnownAnswers } from './direct-answer.ts';
import {
  createGraphqlEndpoint,
  GRAPHQL_ENDPOINT_OPTIONS,
  type GraphqlEndpoint,
  type GraphqlEndpointOptions,
} from './graphql-endpoint.ts';
import type { RequestCredentials } from './request-credentials.ts';
import { createStreamOperations, type OperationEngine } from './stream-operations.ts';

/** How streams are served; what is left out is as the defaults have it. */
export interface StreamOptions extends Partial<GraphqlEndpointOptions>, Partial<StreamHubOptions> {
  /** Default 10,000. */
  readonly maxSubscriptions?: number | undefined;
  /** Of one member, or, without a token, of one address; default 1,000. */
  readonly maxSubscriptionsPerClient?: number | undefined;
}

/** An endpoint with its streams. */
export interface StreamEndpoint extends GraphqlEndpoint {
  /** Streams that are open now. */
  count(): number;
}

const MAX_SUBSCRIPTIONS = 10_000;
const MAX_SUBSCRIPTIONS_PER_CLIENT = 1_000;

/** Composes what a node and a gateway serve /graphql with: hub, bounds, transports. */
export function createStreamEndpoint(
  options: StreamOptions,
  needs: {
    /** The engine, once it stands. */
    readonly engine: () => OperationEngine;
    readonly answer: (request: IncomingMessage, response: ServerResponse) => unknown;
    readonly known?: KnownAnswers;
    readonly verify: (authorization: string | null) => Promise<Verification>;
    readonly maskError: (error: unknown) => GraphQLError;
    readonly challenges?: RequestCredentials['challenges'];
  },
): StreamEndpoint {
  const slots = createStreamSlots({
    maxStreams: options.maxSubscriptions ?? MAX_SUBSCRIPTIONS,
    maxStreamsPerClient: options.maxSubscriptionsPerClient ?? MAX_SUBSCRIPTIONS_PER_CLIENT,
  });
  const hub = createStreamHub({ ...STREAM_HUB_OPTIONS, ...options });
  const operations = createStreamOperations({ ...needs, hub, slots });
  const endpoint = createGraphqlEndpoint(
    { ...GRAPHQL_ENDPOINT_OPTIONS, ...options },
    { ...needs, operations },
  );
  return {
    ...endpoint,
    count: () => slots.count(),
    close() {
      endpoint.close();
      hub.endAll({});
    },
  };
}
