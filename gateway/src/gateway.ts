import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  createGatewayRuntime,
  type GatewayPlugin,
  type GatewayRuntime,
  Logger as HiveLogger,
} from '@graphql-hive/gateway-runtime';
import { unifiedGraphHandler } from '@graphql-hive/router-runtime';
import {
  type ApiGuardOptions,
  type AuditLog,
  buildMarketSchema,
  createApiMetrics,
  createErrorMask,
  createKnownQueries,
  createStreamEndpoint,
  createSubscriptionStreams,
  type Forwarder,
  type HttpServer,
  type HttpServerOptions,
  openApiAccess,
  publicExecution,
  type StreamOptions,
  startHttpServer,
  type TokenOptions,
  type Tracing,
  tracedOperations,
} from '@stoa/node/market-api';
import type { Logger, MarketView } from '@stoa/node/observer';
import { CodedError, type DirectorySource } from '@stoa/schema';
import type { Registry } from 'prom-client';
import { auditedOperations } from './audited-operations.ts';
import { callerContext, callerContextOf } from './caller-context.ts';
import { createForwardedHeaders } from './forwarded-headers.ts';
import { exampleTabs, graphiqlHeaders } from './graphiql.ts';
import { createGraphiqlPage } from './graphiql-page.ts';
import { homeExecution } from './home-execution.ts';
import { publicQueries } from './known-queries.ts';
import { createMarketSubgraph, type MarketSubgraph } from './market-subgraph.ts';
import { createPool, POOL_TIMEOUTS, type Pool, type PoolOptions } from './pool-transport.ts';
import { composeSupergraph, SUBGRAPHS } from './supergraph.ts';

/** How the gateway is served, and which nodes stand behind it. */
export interface GatewayOptions extends HttpServerOptions {
  readonly nodes: PoolOptions['nodes'];
  readonly tokens: TokenOptions;
  readonly timeouts?: Partial<Omit<PoolOptions, 'nodes'>>;
  /** Preset in GraphiQL as the caller's token: for a demo network only. */
  readonly graphiqlToken?: string;
  /** Whether browsers are given GraphiQL; true unless told. */
  readonly graphiql?: boolean;
  /** Signs what goes to nodes for callers that prove; without it they cannot act through this gateway. */
  readonly forwarder?: Forwarder;
  readonly guards?: ApiGuardOptions;
  readonly streams?: StreamOptions;
}

/** What the gateway is served from: an observer's own view of the network. */
export interface GatewayNeeds {
  readonly market: MarketView;
  readonly directory: DirectorySource;
  readonly audit: Pick<AuditLog, 'failure' | 'mutation' | 'denied'>;
  /** What the gateway still waits for, one sentence each; empty when it is ready. */
  readonly readiness: () => readonly string[] | Promise<readonly string[]>;
  readonly metrics: Registry;
  /** Absent where nobody asks for traces. */
  readonly tracer?: Tracing['tracer'] | undefined;
  readonly logger: Logger;
}

/** Books and orders that are watched at a time; readers that share one count as one. */
const MAX_SOURCES = 10_000;

/**
 * Serves the whole network as one GraphQL endpoint: the market from the gateway's own book, orders
 * and settlements from the caller's home node, a node's own status from that node.
 *
 * @throws CodedError JWKS_UNREADABLE, SUPERGRAPH_INVALID, HTTP_LISTEN_FAILED
 */
export async function createGateway(
  options: GatewayOptions,
  needs: GatewayNeeds,
): Promise<HttpServer> {
  const { logger } = needs;
  const access = await openApiAccess(options, needs);
  const { verifier, credentials, guards } = access;
  const streams = createSubscriptionStreams(MAX_SOURCES);
  const metrics = createApiMetrics(needs.metrics, () => endpoint.count());
  const maskError = createErrorMask(logger, metrics.onError);
  const pool = createPool(
    { ...POOL_TIMEOUTS, ...options.timeouts, nodes: options.nodes },
    { ...needs, streams, headersFor: createForwardedHeaders(options.forwarder) },
  );
  const schema = buildMarketSchema({ ...needs, streams });
  const known = createKnownQueries({
    ...{ guards, credentials, maskError, onBegin: metrics.onQuery },
    contextOf: (request, auth) => ({ request, ...callerContextOf(request, auth) }),
  });
  const runtime = createRuntime(needs, {
    pool,
    maskError,
    market: createMarketSubgraph(schema, createErrorMask(logger)),
    // Before execution, in this order: size, cheapest check first; who calls; whether it may go on now;
    // then what is recorded; then what is executed past the engine's plans, and so has passed every check before
    // it; last how long it may take, whatever is executed.
    stages: [
      guards.ofRequests.plugin,
      credentials.plugin,
      callerContext(credentials),
      guards.ofExecution.plugin,
      metrics.plugin,
      ...(needs.tracer ? [tracedOperations(needs.tracer)] : []),
      auditedOperations(needs.audit, Date.now),
      homeExecution(pool, { known, audit: needs.audit, nowMs: Date.now }),
      publicExecution({ schema, maskError, execution: publicQueries(schema, known) }),
      guards.ofExecution.timing,
    ],
  });
  const endpoint = createStreamEndpoint(options.streams ?? {}, {
    engine: () => runtime,
    answer: (request, response) => runtime(request, response),
    // Traced operations go the whole way, whose steps are what is traced.
    ...(needs.tracer ? {} : { known }),
    verify: (authorization) => verifier.verify(authorization),
    maskError,
    challenges: credentials.challenges,
  });
  // Composed and planned for now, not at the first caller's expense.
  await runtime.getSchema();
  const http = await startHttpServer(options, {
    graphql: endpoint,
    ...(options.graphiql === false ? {} : { page: graphiqlPage(options, needs) }),
    documents: (path) => access.documents(path),
    metrics: needs.metrics,
    readiness: needs.readiness,
    logger,
  });
  access.listening(http.url);
  return {
    ...http,
    async stop() {
      endpoint.close();
      streams.endAll();
      await http.stop();
      pool.close();
      await runtime.dispose();
      access.close();
    },
  };
}

interface RuntimeParts {
  readonly pool: Pool;
  readonly market: MarketSubgraph;
  readonly maskError: (error: unknown) => Error;
  /** Plugins of the engine; each one's own type is narrower than the runtime's. */
  readonly stages: readonly object[];
}

function graphiqlPage(options: GatewayOptions, { directory, logger }: GatewayNeeds) {
  const page = createGraphiqlPage(
    () => ({
      title: 'Stoa',
      defaultTabs: exampleTabs(directory.current()),
      ...graphiqlHeaders(options.graphiqlToken),
      subscriptionsProtocol: 'SSE',
      shouldPersistHeaders: false,
    }),
    (error) => logger.error({ err: error }, 'GraphiQL cannot be rendered'),
  );
  return (request: IncomingMessage, response: ServerResponse) => page.serve(request, response);
}

function createRuntime({ logger }: GatewayNeeds, parts: RuntimeParts): GatewayRuntime {
  return createGatewayRuntime({
    supergraph: composeSupergraph(),
    unifiedGraphHandler,
    transports: () => ({
      // The engine's executor type promises whatever type its caller hopes for; ours answers JSON.
      getSubgraphExecutor: ({ subgraphName }) => executorOf(subgraphName, parts) as never,
    }),
    plugins: () => parts.stages as GatewayPlugin[],
    maskedErrors: { maskError: parts.maskError },
    // The engine would put a code on every error and so unmask it.
    subgraphErrors: false,
    // Merging requests, of one caller or of several, is not for orders.
    __experimental__batchExecution: false,
    inboundInflightRequestDeduplication: false,
    batching: { limit: 0 },
    multipart: false,
    // The server's front answers for all of /graphql, streams and page too.
    cors: false,
    landingPage: false,
    graphiql: false,
    logging: engineLogger(logger),
  });
}

function executorOf(name: string, { market, pool }: RuntimeParts) {
  const executors: Record<keyof typeof SUBGRAPHS, MarketSubgraph> = {
    market,
    home: (request) => pool.home(request),
    venue: (request) => pool.venue(request),
  };
  if (name in executors) return executors[name as keyof typeof SUBGRAPHS];
  throw new CodedError('SUBGRAPH_UNKNOWN', `The supergraph names a subgraph ${name}.`);
}

/** The engine's own log, as ours: a fixed message plus fields. */
function engineLogger(logger: Logger): HiveLogger {
  return new HiveLogger({
    level: 'warn',
    writers: [
      {
        write(level, attributes, message) {
          const write = level === 'error' ? logger.error : logger.warn;
          write.call(logger, { engine: attributes ?? {}, detail: message ?? '' }, 'engine');
        },
      },
    ],
  });
}
