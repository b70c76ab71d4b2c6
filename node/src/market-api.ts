/**
 * What a process takes from the node to serve the market without being a venue (a gateway): the
 * market's resolvers, and the guards that stand before any API of the network.
 */

export { createForwarder, type Forwarder } from './access/forwarded-proof.ts';
export { keysMistake, tokenEnvironment, tokenOptions } from './access/token-environment.ts';
export type { TokenOptions } from './access/token-verifier.ts';
export type { Verification } from './access/verification.ts';
export { type WatchedFile, watchFile } from './access/watched-file.ts';
export { isDenial } from './api/access-enforcement.ts';
export { openApiAccess } from './api/api-access.ts';
export { apiError, createErrorMask } from './api/api-error.ts';
export type { ApiGuardOptions, ApiGuards } from './api/api-guards.ts';
export { createApiMetrics } from './api/api-metrics.ts';
export { auditDenial, auditEntry, auditUnavailable } from './api/audit-entry.ts';
export { idsIn } from './api/audited-mutations.ts';
export type { KnownAnswer } from './api/direct-answer.ts';
export { guardOptions, httpEnvironment, httpOptions } from './api/http-environment.ts';
export { type HttpServer, type HttpServerOptions, startHttpServer } from './api/http-server.ts';
export { answersOf, createKnownQueries, type KnownQueries } from './api/known-queries.ts';
export type { MarketNeeds } from './api/market-resolvers.ts';
export { buildMarketSchema } from './api/market-schema.ts';
export { type PublicExecution, publicExecution } from './api/public-execution.ts';
export { compileQueryWriter } from './api/query-writer.ts';
export type { RequestCredentials } from './api/request-credentials.ts';
export { factsOf } from './api/request-facts.ts';
export type { StreamContext } from './api/stream-context.ts';
export { createStreamEndpoint, type StreamOptions } from './api/stream-endpoint.ts';
export { buildStoaSchema, buildSubgraph, subgraphTypeDefs } from './api/subgraph-schema.ts';
export { createSubscriptionStreams, type SubscriptionStreams } from './api/subscription-streams.ts';
export { tracedOperations } from './api/traced-operations.ts';
export {
  address,
  type ConfigMistakes,
  clockSkew,
  list,
  nodeKeyFile,
  readEnvironment,
} from './config.ts';
export { auditEnvironment, auditRetentionMs } from './records/audit/audit-environment.ts';
export { openAuditFiles } from './records/audit/audit-file.ts';
export { createAuditLines } from './records/audit/audit-lines.ts';
export { type AuditLog, openAuditLog } from './records/audit/audit-log.ts';
export { type RunningService, refuseEnvironment, runProcess } from './run-process.ts';
export { createMetrics } from './telemetry/metrics.ts';
export { openTracing } from './tracing/open-tracing.ts';
export type { Tracing } from './tracing/tracing.ts';
