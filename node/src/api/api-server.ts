import type { Tracer } from '@opentelemetry/api';
import {
  type DirectorySource,
  MARKET_PARTS,
  type MemberId,
  NODE_PARTS,
  type VenueId,
} from '@stoa/schema';
import { createYoga } from 'graphql-yoga';
import type { Registry } from 'prom-client';
import type { TokenOptions, TokenVerifier } from '../access/token-verifier.ts';
import type { PreTradeChecks } from '../compliance/pre-trade.ts';
import type { FrameArchive } from '../market/frame-archive.ts';
import type { ListingWatch } from '../market/listing-watch.ts';
import type { MarketView } from '../market/market-view.ts';
import type { PrintHistory } from '../market/print-store.ts';
import type { AuditLog } from '../records/audit/audit-log.ts';
import type { AuditReader } from '../records/audit/audit-table.ts';
import type { Logger } from '../telemetry/logger.ts';
import { enforceAccess } from './access-enforcement.ts';
import { openApiAccess } from './api-access.ts';
import type { ApiContext } from './api-context.ts';
import { createErrorMask } from './api-error.ts';
import type { ApiGuardOptions } from './api-guards.ts';
import { createApiMetrics } from './api-metrics.ts';
import type {
  ApiBlotter,
  ApiFeed,
  ApiMandates,
  ApiNegotiation,
  ApiNode,
  ApiOperator,
  ApiOrders,
  ApiPositions,
  ApiReceipts,
  ApiSettlements,
  ApiTerms,
} from './api-services.ts';
import { auditDenial } from './audit-entry.ts';
import { createAuditResolvers } from './audit-resolvers.ts';
import { auditMutations } from './audited-mutations.ts';
import { createCapTableResolvers } from './cap-table-resolvers.ts';
import { asksForTrace, federatedTracing } from './federated-trace.ts';
import { type HttpServer, type HttpServerOptions, startHttpServer } from './http-server.ts';
import { createIssuerResolvers } from './issuer-resolvers.ts';
import { createKnownQueries, knownExecution } from './known-queries.ts';
import { createMandateResolvers } from './mandate-resolvers.ts';
import { createEligibilityResolvers } from './market-eligibility-resolvers.ts';
import { createHistoryResolvers } from './market-history-resolvers.ts';
import { createMarketResolvers } from './market-resolvers.ts';
import { buildMarketSchema } from './market-schema.ts';
import { createMemberStreams } from './member-streams.ts';
import { createOperationsResolvers } from './operations-resolvers.ts';
import { createOperatorResolvers } from './operator-resolvers.ts';
import { createOrderEntryResolvers } from './order-entry-resolvers.ts';
import { createOrderEventResolvers } from './order-event-resolvers.ts';
import { createOrderOutput } from './order-output.ts';
import { createOrderResolvers } from './order-resolvers.ts';
import { createPositionResolvers } from './position-resolvers.ts';
import { createPrintsResolvers } from './prints-resolvers.ts';
import { publicExecution } from './public-execution.ts';
import { createReceiptResolvers } from './receipt-resolvers.ts';
import { refusalResolvers } from './refusal-type.ts';
import { createRfqResolvers } from './rfq-resolvers.ts';
import { createRoutePreviewResolvers } from './route-preview-resolvers.ts';
import { createSettlementOperationResolvers } from './settlement-operation-resolvers.ts';
import { createSettlementResolvers } from './settlement-resolvers.ts';
import { createStreamEndpoint, type StreamOptions } from './stream-endpoint.ts';
import { buildStoaSchema } from './subgraph-schema.ts';
import { createSubscriptionStreams, type SubscriptionStreams } from './subscription-streams.ts';
import { tracedOperations } from './traced-operations.ts';
import { createVenueTermsResolvers } from './venue-terms-resolvers.ts';

/** How a node's API is served. */
export interface ApiServerOptions extends HttpServerOptions {
  /** The venue whose node this is: home of the callers whose tokens say so. */
  readonly venue: VenueId;
  readonly tokens: TokenOptions;
  /** Streams of its own orders that a member may have open at a time; default 8. */
  readonly maxStreamsPerMember?: number;
  readonly guards?: ApiGuardOptions;
  readonly streams?: StreamOptions;
}

/** What a node's API is served from. */
export interface ApiServerNeeds {
  readonly market: MarketView;
  readonly directory: DirectorySource;
  readonly orders: ApiOrders;
  readonly negotiation: ApiNegotiation;
  readonly blotter: ApiBlotter;
  readonly feed: ApiFeed;
  readonly receipts: ApiReceipts;
  readonly terms: ApiTerms;
  readonly settlements: ApiSettlements;
  readonly positions: ApiPositions;
  readonly mandates: ApiMandates;
  /** Wallets of each member, in lower case. */
  readonly accounts: ReadonlyMap<MemberId, ReadonlySet<string>>;
  /** The Settlement contract. */
  readonly settlement: `0x${string}`;
  /** What the node has stored of the market. */
  readonly archive: FrameArchive;
  readonly listings: ListingWatch;
  readonly prints: PrintHistory;
  readonly audit: Pick<AuditLog, 'failure' | 'mutation' | 'denied'>;
  readonly auditReader: AuditReader;
  readonly preTrade: Pick<PreTradeChecks, 'settleableLevels'>;
  readonly node: ApiNode;
  readonly operator: ApiOperator;
  /** Unix milliseconds. */
  readonly nowMs: () => number;
  /** What the node still waits for, one sentence each; empty when it is ready. */
  readonly readiness: () => readonly string[] | Promise<readonly string[]>;
  readonly metrics: Registry;
  /** Absent where nobody asks for traces. */
  readonly tracer?: Tracer | undefined;
  readonly logger: Logger;
}

/** Books and orders that are watched at a time; readers that share one count as one. */
const MAX_SOURCES = 10_000;

const MAX_STREAMS_PER_MEMBER = 8;

/** What the schema of a node is made from. */
export type NodeSchemaNeeds = Omit<ApiServerNeeds, 'readiness' | 'metrics' | 'logger'> & {
  readonly streams: SubscriptionStreams;
  readonly maxStreamsPerMember?: number | undefined;
  readonly watch: TokenVerifier['watch'];
};

/** The schema of a node: every part of the SDL, as one Federation v2 subgraph. */
export function buildNodeSchema(venue: VenueId, needs: NodeSchemaNeeds) {
  const { maxStreamsPerMember = MAX_STREAMS_PER_MEMBER } = needs;
  const ofOrders = {
    ...needs,
    venue,
    output: createOrderOutput(needs.directory, needs.blotter),
    memberStreams: createMemberStreams(maxStreamsPerMember, needs),
  };
  const schema = buildStoaSchema(
    [...MARKET_PARTS, ...NODE_PARTS],
    [
      createMarketResolvers(needs),
      refusalResolvers,
      createOrderResolvers(ofOrders),
      createOrderEntryResolvers(ofOrders),
      createOrderEventResolvers(ofOrders),
      createRfqResolvers(ofOrders),
      createRoutePreviewResolvers(ofOrders),
      createReceiptResolvers(ofOrders),
      createVenueTermsResolvers(needs),
      createSettlementResolvers({ ...needs, venue }),
      createSettlementOperationResolvers({ ...needs, venue }),
      createMandateResolvers({ ...needs, venue }),
      createCapTableResolvers({ ...needs, venue }),
      createIssuerResolvers({ ...needs, venue }),
      createEligibilityResolvers({ ...needs, venue }),
      createHistoryResolvers(needs),
      createPrintsResolvers(needs),
      createPositionResolvers({ ...needs, venue }),
      createAuditResolvers({ ...needs, venue }),
      createOperationsResolvers({ ...needs, venue }),
      createOperatorResolvers({ ...needs, venue }),
    ],
  );
  const { audit, nowMs } = needs;
  return enforceAccess(auditMutations(schema, audit, nowMs), venue, (context, field, error, info) =>
    audit.denied(auditDenial(context, info.operation, { field, error, atMs: nowMs() })),
  );
}

/**
 * Serves a node's GraphQL API, and its /livez, /readyz and /metrics, on one port.
 *
 * @throws CodedError JWKS_UNREADABLE, HTTP_LISTEN_FAILED
 */
export async function createApiServer(
  options: ApiServerOptions,
  needs: ApiServerNeeds,
): Promise<HttpServer> {
  const { logger } = needs;
  const { venue } = options;
  const access = await openApiAccess(options, { ...needs, self: venue });
  const { verifier, credentials, guards } = access;
  const streams = createSubscriptionStreams(MAX_SOURCES);
  const metrics = createApiMetrics(needs.metrics, () => endpoint.count());
  const maskError = createErrorMask(logger, metrics.onError);
  const makeSchema = () =>
    buildNodeSchema(venue, {
      ...needs,
      streams,
      watch: (caller, onRefused) => verifier.watch(caller, onRefused),
      maxStreamsPerMember: options.maxStreamsPerMember,
    });
  const known = createKnownQueries({
    ...{ ...access, maskError, onBegin: metrics.onQuery, isForEngine: asksForTrace },
    contextOf: (request, auth): ApiContext => ({ request, auth }),
  });
  const yoga = createYoga<object, ApiContext>({
    schema: makeSchema(),
    context: async ({ request }) => ({ auth: await credentials.verify(request) }),
    plugins: [
      guards.ofRequests.plugin,
      credentials.plugin,
      guards.ofExecution.plugin,
      metrics.plugin,
      federatedTracing(makeSchema, needs.nowMs),
      ...(needs.tracer ? [tracedOperations(needs.tracer)] : []),
      // Behind every check: what is shared has passed all of them.
      publicExecution({ schema: buildMarketSchema({ ...needs, streams }), maskError }),
      ...[knownExecution(known), guards.ofExecution.timing],
    ],
    maskedErrors: { maskError },
    batching: false,
    multipart: false,
    // A browser reaches the network through a gateway, never through a node.
    cors: false,
    graphiql: false,
    landingPage: false,
    logging: false,
  });
  const endpoint = createStreamEndpoint(options.streams ?? {}, {
    engine: () => yoga,
    answer: (request, response) => yoga(request, response),
    // Traced operations go the whole way, whose steps are what is traced.
    ...(needs.tracer ? {} : { known }),
    verify: (authorization) => verifier.verify(authorization),
    maskError,
    challenges: credentials.challenges,
  });
  const http = await startHttpServer(options, {
    graphql: endpoint,
    metrics: needs.metrics,
    readiness: needs.readiness,
    documents: (path) => access.documents(path),
    logger,
  });
  access.listening(http.url);
  return {
    ...http,
    async stop() {
      endpoint.close();
      streams.endAll();
      await http.stop();
      await yoga.dispose();
      access.close();
    },
  };
}
