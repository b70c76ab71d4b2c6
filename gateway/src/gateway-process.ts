import {
  type AuditLog,
  auditRetentionMs,
  createAuditLines,
  createForwarder,
  createMetrics,
  guardOptions,
  httpOptions,
  openAuditFiles,
  openAuditLog,
  openTracing,
  type RunningService,
  tokenOptions,
} from '@stoa/node/market-api';
import {
  createObserver,
  type Logger,
  type Observer,
  openChainDirectory,
} from '@stoa/node/observer';
import type { Registry } from 'prom-client';
import { createPublicClient, http } from 'viem';
import type { GatewayConfig } from './config.ts';
import { createGateway } from './gateway.ts';
import { type NodeAddresses, watchNodeAddresses } from './node-addresses.ts';

const REGISTRY_POLL_MS = 500;
const RPC_TIMEOUT_MS = 5_000;

/**
 * Composes and starts a gateway: registries, observer, API. The observer joins the network as a member
 * and verifies every frame itself: whoever runs a gateway trusts no node's word about the market. What
 * was started is stopped in the reverse order, also when a later step fails.
 *
 * @throws CodedError `PEER_ADDRESS_INVALID`, `JWKS_UNREADABLE`, `HTTP_LISTEN_FAILED`
 */
export async function startGateway(
  config: GatewayConfig,
  needs: { readonly logger: Logger; readonly signal: AbortSignal },
): Promise<RunningService> {
  const undo: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    return { announcement: await start(config, needs, undo), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  config: GatewayConfig,
  needs: { readonly logger: Logger; readonly signal: AbortSignal },
  undo: (() => Promise<void> | void)[],
): Promise<RunningService['announcement']> {
  const { logger } = needs;
  const metrics = createMetrics({ member: config.STOA_MEMBER });
  const tracing = await openTracing({
    ...{ service: 'stoa-gateway', member: config.STOA_MEMBER },
    endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
  });
  undo.push(() => tracing?.stop());
  const running = new AbortController();
  undo.push(() => running.abort());
  const directory = await openChainDirectory(
    {
      addresses: {
        memberRegistry: config.STOA_MEMBER_REGISTRY,
        listingRegistry: config.STOA_LISTING_REGISTRY,
      },
      pollIntervalMs: REGISTRY_POLL_MS,
      signal: AbortSignal.any([needs.signal, running.signal]),
    },
    {
      client: createPublicClient({
        transport: http(config.STOA_RPC_URL, { timeout: RPC_TIMEOUT_MS }),
      }),
      logger,
    },
  );
  const observer = createObserver(
    {
      member: config.STOA_MEMBER,
      seed: config.STOA_NODE_KEY_FILE.seed,
      listen: [config.STOA_P2P_LISTEN],
      peers: config.STOA_PEERS,
      staleAfterMs: config.STOA_STALE_AFTER_MS,
      maxClockSkewMs: config.STOA_MAX_CLOCK_SKEW_MS,
    },
    { directory, logger, registry: metrics },
  );
  undo.push(() => observer.stop());
  await observer.start();
  const nodes = await openNodes(config, logger, undo);
  const audit = await openAudit(config, { logger, metrics }, undo);
  const gateway = await createGateway(
    {
      ...httpOptions(config),
      guards: guardOptions(config),
      graphiql: config.STOA_GRAPHIQL === 'on',
      forwarder: await createForwarder(config.STOA_MEMBER, config.STOA_NODE_KEY_FILE),
      nodes,
      tokens: tokenOptions(config),
      ...(config.STOA_GRAPHIQL_TOKEN ? { graphiqlToken: config.STOA_GRAPHIQL_TOKEN } : {}),
    },
    {
      market: observer.market,
      ...{ directory, audit },
      readiness: () => waitsFor(config, observer, audit),
      metrics,
      tracer: tracing?.tracer,
      logger,
    },
  );
  undo.push(() => gateway.stop());
  return { role: 'gateway', http: gateway.url, p2p: observer.addresses() };
}

/** The addresses of nodes: as configured, or as a file says at any time. */
async function openNodes(
  { STOA_NODES }: GatewayConfig,
  logger: Logger,
  undo: (() => Promise<void> | void)[],
): Promise<NodeAddresses> {
  if (!('file' in STOA_NODES)) return STOA_NODES;
  const watched = await watchNodeAddresses(STOA_NODES.file, { logger });
  undo.push(() => watched.close());
  return watched;
}

/** What the gateway still waits for, one sentence each. */
function waitsFor(
  { STOA_PEERS }: GatewayConfig,
  observer: Pick<Observer, 'peers'>,
  audit: AuditLog,
): string[] {
  const isAlone = STOA_PEERS.length > 0 && observer.peers().length === 0;
  const failure = audit.failure();
  return [
    ...(isAlone ? ['a peer of the network: none is connected'] : []),
    ...(failure === undefined ? [] : [`audit log: ${failure}`]),
  ];
}

/** The audit log: in a folder of its own, or lines of the process's log. */
async function openAudit(
  config: GatewayConfig,
  needs: { readonly logger: Logger; readonly metrics: Registry },
  undo: (() => Promise<void> | void)[],
): Promise<AuditLog> {
  const { STOA_AUDIT_DIR: folder } = config;
  const files = folder === undefined ? undefined : await openAuditFiles(folder);
  undo.push(() => files?.close());
  const sink = files ?? createAuditLines(needs.logger);
  const retentionMs = auditRetentionMs(config);
  const audit = await openAuditLog({ retentionMs }, { ...needs, sink, nowMs: Date.now });
  undo.push(() => audit.stop());
  return audit;
}
