import { EmbeddedVenue, type LobsterFile, openLobsterFile } from '@stoa/adapters';
import { CodedError, type Directory, type Instrument, isStanding, isWithin } from '@stoa/schema';
import type { Registry } from 'prom-client';
import { createPublicClient, http } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import packageJson from '../package.json' with { type: 'json' };
import { createApiServer } from './api/api-server.ts';
import { createPreTradeChecks } from './compliance/pre-trade.ts';
import type { NodeConfig } from './config.ts';
import { createPublisher } from './market/publisher.ts';
import { openChainDirectory } from './network/chain-directory.ts';
import { createObserver } from './observer.ts';
import { createOrderService } from './orders/order-service.ts';
import { createOrderSessions } from './orders/order-session.ts';
import { runRecordedFlow } from './recorded-flow.ts';
import type { RunningService } from './run-process.ts';
import { createSettlementService } from './settlement/settlement-service.ts';
import { openDatabase } from './store/database.ts';
import { startEmbeddedPostgres } from './store/embedded-postgres.ts';
import type { Logger } from './telemetry/logger.ts';
import { createMetrics } from './telemetry/metrics.ts';

const REGISTRY_POLL_MS = 500;
const RPC_TIMEOUT_MS = 5_000;
const NO_ACCOUNT = `0x${'00'.repeat(20)}` as const;

/**
 * Composes and starts the node of a venue; reads top to bottom in the order things start. What was
 * started is stopped in the reverse order, also when a later step fails.
 *
 * @throws CodedError `FLOW_FILE_UNREADABLE`, `NOT_A_VENUE`, `NOTHING_LISTED`, `DATABASE_UNAVAILABLE`,
 * and what the parts throw when they cannot start
 */
export async function startNode(
  config: NodeConfig,
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
  config: NodeConfig,
  { logger, signal }: { readonly logger: Logger; readonly signal: AbortSignal },
  undo: (() => Promise<void> | void)[],
): Promise<Record<string, unknown>> {
  const { STOA_VENUE: venue, STOA_NODE_KEY_FILE: nodeKey } = config;
  const startedAtMs = Date.now();
  const nowMs = (): number => Date.now();
  const metrics = createMetrics({ venue });
  const ended = new AbortController();
  const running = AbortSignal.any([signal, ended.signal]);
  undo.push(() => ended.abort());

  const flowFile = await openFlow(config);
  if (flowFile) undo.push(() => flowFile.close());

  const client = createPublicClient({
    transport: http(config.STOA_RPC_URL, { timeout: RPC_TIMEOUT_MS, retryCount: 0 }),
    cacheTime: 0,
  });
  const directory = await openChainDirectory(
    {
      addresses: {
        memberRegistry: config.STOA_MEMBER_REGISTRY,
        listingRegistry: config.STOA_LISTING_REGISTRY,
      },
      pollIntervalMs: REGISTRY_POLL_MS,
      signal: running,
    },
    { client, logger },
  );
  requireVenue(directory.current(), venue, nodeKey.publicKey);
  const instruments = listedInstruments(directory.current(), venue);

  const { db, close } = await openDatabase(await databaseUrl(config, logger, undo));
  undo.push(close);

  const observer = createObserver(
    {
      member: venue,
      seed: nodeKey.seed,
      listen: [config.STOA_P2P_LISTEN],
      peers: config.STOA_PEERS,
      staleAfterMs: config.STOA_STALE_AFTER_MS,
    },
    { directory, logger, registry: metrics },
  );
  let framesPublished = 0;
  const publisher = createPublisher(
    {
      venue,
      nodeKey,
      epoch: startedAtMs,
      heartbeatMs: config.STOA_HEARTBEAT_MS,
      staleAfterMs: config.STOA_STALE_AFTER_MS,
      firm: true,
    },
    {
      logger,
      registry: metrics,
      now: nowMs,
      directory,
      broadcast(signed) {
        framesPublished += 1;
        observer.broadcast(signed);
      },
    },
  );

  const sessions = createOrderSessions(
    { self: venue },
    { database: db, links: observer.links, nodeKey, directory, logger, metrics, nowMs },
  );
  const settlement = createSettlementService(
    {
      venue,
      chainId: await client.getChainId(),
      settlement: config.STOA_SETTLEMENT,
      finality: config.STOA_FINALITY,
    },
    {
      db,
      client,
      signer: privateKeyToAccount(config.STOA_SETTLEMENT_KEY_FILE),
      directory,
      send: (tx, to, body) => sessions.send(tx, to, body),
      ...{ logger, metrics, nowMs },
    },
  );
  const preTrade = createPreTradeChecks({
    client,
    settlement: config.STOA_SETTLEMENT,
    topicNames: config.STOA_CLAIM_TOPICS,
    ...{ logger, nowMs },
  });
  const adapter = new EmbeddedVenue({
    venue,
    instruments,
    flowOwner: { member: venue, account: config.STOA_FLOW_ACCOUNT ?? NO_ACCOUNT },
    nowMs,
    onSinkError: (cause) => logger.error({ err: cause }, 'venue events could not be recorded'),
  });
  const orders = createOrderService(
    { venue },
    {
      ...{ database: db, adapter, sessions, market: observer.market, directory, settlement },
      onMarketEvents: publisher.deliver,
      checkOrder: preTrade.checkOrder,
      accounts: config.STOA_ACCOUNTS_FILE,
      ...{ logger, metrics, nowMs },
    },
  );

  await observer.start();
  undo.push(() => observer.stop());
  publisher.start();
  undo.push(() => publisher.stop());
  settlement.start(running);
  undo.push(() => settlement.stop());
  await orders.start();
  undo.push(() => orders.stop());

  const api = await createApiServer(
    {
      venue,
      host: config.STOA_HTTP_HOST,
      port: config.STOA_HTTP_PORT,
      tokens: {
        jwks: config.STOA_JWKS,
        issuer: config.STOA_TOKEN_ISSUER,
        audience: config.STOA_TOKEN_AUDIENCE,
      },
    },
    {
      market: observer.market,
      ...{ directory, orders, metrics, logger },
      settlements: settlement,
      node: {
        version: packageJson.version,
        startedAtMs,
        peers: observer.peers,
        framesPublished: () => framesPublished,
      },
      readiness: () => {
        const { ready, reason } = settlement.readiness();
        return ready ? [] : [`settlement: ${reason ?? 'not ready'}`];
      },
    },
  );
  undo.push(() => api.stop());
  if (flowFile) startFlow(flowFile, { config, adapter, instruments, logger, metrics, running });
  return { role: 'node', venue, http: api.url, p2p: observer.addresses() };
}

/** Opened before anything else starts: a missing file is one clear error and no half-started node. */
async function openFlow(config: NodeConfig): Promise<LobsterFile | undefined> {
  return config.STOA_FLOW_FILE === undefined ? undefined : openLobsterFile(config.STOA_FLOW_FILE);
}

function requireVenue(directory: Directory, venue: string, publicKey: string): void {
  const member = directory.members.get(venue);
  const nowSeconds = Math.floor(Date.now() / 1_000);
  const ours = member?.nodeKeys.some((key) => key.key === publicKey && isWithin(key, nowSeconds));
  if (member?.kind === 'venue' && isStanding(member) && ours) return;
  throw new CodedError(
    'NOT_A_VENUE',
    `The member registry has no standing venue ${venue} with this node key (${publicKey}).`,
  );
}

function listedInstruments(directory: Directory, venue: string): Instrument[] {
  const instruments = directory.listings.flatMap((listing) => {
    const instrument = directory.instruments.get(listing.instrument);
    return listing.venue === venue && listing.status === 'listed' && instrument ? [instrument] : [];
  });
  if (instruments.length > 0) return instruments;
  throw new CodedError('NOTHING_LISTED', `The listing registry lists nothing at ${venue}.`);
}

async function databaseUrl(
  config: NodeConfig,
  logger: Logger,
  undo: (() => Promise<void> | void)[],
): Promise<string> {
  if (config.DATABASE_URL !== undefined) return config.DATABASE_URL;
  const server = await startEmbeddedPostgres({
    dataDir: config.STOA_DATA_DIR ?? '',
    log: (message, fields) => logger.info(fields, message),
  });
  undo.push(() => server.stop());
  return server.url('postgres');
}

interface FlowSetup {
  readonly config: NodeConfig;
  readonly adapter: EmbeddedVenue;
  readonly instruments: readonly Instrument[];
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly running: AbortSignal;
}

/** The recorded flow trades the first listed instrument; it goes on beside everything else. */
function startFlow(file: LobsterFile, setup: FlowSetup): void {
  const { config, adapter, instruments, logger, metrics, running } = setup;
  const [instrument] = instruments;
  if (!instrument) return;
  runRecordedFlow(
    file,
    { speed: config.STOA_FLOW_SPEED, signal: running },
    { target: adapter.flowTarget(instrument.id), logger, metrics },
  ).catch((error: unknown) => {
    if (!running.aborted) logger.error({ err: error }, 'order flow ended');
  });
}
