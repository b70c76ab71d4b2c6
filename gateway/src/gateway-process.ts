import { createObserver, type Logger, openChainDirectory } from '@stoa/node/observer';
import type { Registry } from 'prom-client';
import { createPublicClient, http } from 'viem';
import type { GatewayConfig } from './config.ts';
import { createGateway } from './gateway.ts';

const REGISTRY_POLL_MS = 1_000;

/** A gateway and its observer, running. */
export interface GatewayProcess {
  /** `http://host:port`; GraphQL and GraphiQL are at /graphql. */
  readonly url: string;
  /** Multiaddrs that others reach its observer at. */
  addresses(): string[];
  stop(): Promise<void>;
}

/**
 * Composes a gateway: registries, observer, API. The observer joins the network as a member and
 * verifies every frame itself; whoever runs a gateway trusts no node's word about the market.
 */
export async function startGatewayProcess(
  config: GatewayConfig,
  needs: { readonly logger: Logger; readonly metrics: Registry; readonly signal: AbortSignal },
): Promise<GatewayProcess> {
  const { logger, metrics } = needs;
  const directoryEnd = new AbortController();
  const directory = await openChainDirectory(
    {
      addresses: {
        memberRegistry: config.STOA_MEMBER_REGISTRY,
        listingRegistry: config.STOA_LISTING_REGISTRY,
      },
      pollIntervalMs: REGISTRY_POLL_MS,
      signal: AbortSignal.any([needs.signal, directoryEnd.signal]),
    },
    { client: createPublicClient({ transport: http(config.STOA_RPC_URL) }), logger },
  );
  const observer = createObserver(
    {
      member: config.STOA_MEMBER,
      seed: config.STOA_NODE_KEY_FILE.seed,
      listen: [config.STOA_P2P_LISTEN],
      peers: config.STOA_PEERS,
      staleAfterMs: config.STOA_STALE_AFTER_MS,
    },
    { directory, logger, registry: metrics },
  );
  await observer.start();
  const gateway = await createGateway(
    {
      host: config.STOA_HTTP_HOST,
      port: config.STOA_HTTP_PORT,
      nodes: config.STOA_NODES,
      tokens: {
        jwks: config.STOA_JWKS,
        issuer: config.STOA_TOKEN_ISSUER,
        audience: config.STOA_TOKEN_AUDIENCE,
      },
      ...(config.STOA_GRAPHIQL_TOKEN ? { graphiqlToken: config.STOA_GRAPHIQL_TOKEN } : {}),
    },
    {
      market: observer.market,
      directory,
      readiness: () =>
        config.STOA_PEERS.length > 0 && observer.peers().length === 0
          ? ['no peer of the network is connected']
          : [],
      metrics,
      logger,
    },
  );
  return {
    url: gateway.url,
    addresses: () => observer.addresses(),
    async stop() {
      directoryEnd.abort();
      await Promise.all([gateway.stop(), observer.stop()]);
    },
  };
}
