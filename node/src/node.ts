import { EmbeddedVenue, type LobsterFile, openLobsterFile } from '@stoa/adapters';
import { CodedError, type DirectorySource, type Instrument } from '@stoa/schema';
import type { Registry } from 'prom-client';
import { createPublicClient, http, type PublicClient } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import packageJson from '../package.json' with { type: 'json' };
import { type ApiServerNeeds, createApiServer } from './api/api-server.ts';
import type { HttpServer } from './api/http-server.ts';
import { createPreTradeChecks, type PreTradeChecks } from './compliance/pre-trade.ts';
import type { NodeConfig } from './config.ts';
import type { FrameArchive } from './market/frame-archive.ts';
import { createPostgresArchive } from './market/postgres-frame-archive.ts';
import { createPublisher, type Publisher } from './market/publisher.ts';
import { openChainDirectory } from './network/chain-directory.ts';
import { createObserver, type Observer } from './observer.ts';
import { crashAt } from './orders/crash-points.ts';
import { createOrderBlotter } from './orders/order-blotter.ts';
import { createOrderFeed } from './orders/order-feed.ts';
import { MemberLimits } from './orders/order-limits.ts';
import { createOrderService, type OrderService } from './orders/order-service.ts';
import { createOrderSessions } from './orders/order-session.ts';
import { createReceiptBlotter } from './orders/receipt-blotter.ts';
import { RoutingAgreements } from './orders/routing-agreements.ts';
import { ownVenueTerms } from './orders/venue-terms-book.ts';
import { VenueTermsExchange } from './orders/venue-terms-exchange.ts';
import { runRecordedFlow } from './recorded-flow.ts';
import { createFadeDesk } from './routing/fade-desk.ts';
import { createReceiptStore, type ReceiptStore } from './routing/receipt-store.ts';
import type { RunningService } from './run-process.ts';
import { createRemoteSigner } from './settlement/remote-signer.ts';
import {
  createSettlementService,
  type SettlementService,
} from './settlement/settlement-service.ts';
import type { SettlementSigner } from './settlement/settlement-signer.ts';
import { type Database, openDatabase } from './store/database.ts';
import { startEmbeddedPostgres } from './store/embedded-postgres.ts';
import type { Logger } from './telemetry/logger.ts';
import { createMetrics } from './telemetry/metrics.ts';
import { listedInstruments, requireVenue } from './venue-standing.ts';

const REGISTRY_POLL_MS = 500;
const RPC_TIMEOUT_MS = 5_000;
const HOUR_MS = 3_600_000;
const WEI_PER_GWEI = 1_000_000_000n;
const NO_ACCOUNT = `0x${'00'.repeat(20)}` as const;

/** What every part of the node is given. */
interface Base {
  readonly config: NodeConfig;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly startedAtMs: number;
  readonly nowMs: () => number;
  /** Aborted when the node stops. */
  readonly running: AbortSignal;
  /** Takes what ends a part once it runs; parts end in the reverse order. */
  readonly onStop: (step: () => Promise<void> | void) => void;
}

/**
 * Composes and starts the node of a venue, in the order things start. What was started is stopped in
 * the reverse order, also when a later step fails.
 *
 * @throws CodedError `FLOW_FILE_UNREADABLE`, `NOT_A_VENUE`, `NOT_ITS_SIGNER`, `NO_SETTLEMENT`, `NOTHING_LISTED`, `DATABASE_UNAVAILABLE`,
 * `VENUE_TERMS_BEYOND_VENUE`, `VENUE_TERMS_OLDER`, `VENUE_TERMS_REUSED`,
 * and what the parts throw when they cannot start
 */
export async function startNode(
  config: NodeConfig,
  { logger, signal }: { readonly logger: Logger; readonly signal: AbortSignal },
): Promise<RunningService> {
  const steps: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of steps.splice(0).reverse()) await step();
  };
  const ended = new AbortController();
  steps.push(() => ended.abort());
  const base: Base = {
    config,
    logger,
    metrics: createMetrics({ venue: config.STOA_VENUE }),
    startedAtMs: Date.now(),
    nowMs: () => Date.now(),
    running: AbortSignal.any([signal, ended.signal]),
    onStop: (step) => steps.push(step),
  };
  try {
    return { announcement: await start(base), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(base: Base): Promise<Record<string, unknown>> {
  const { config, onStop, running } = base;
  // Before anything else: a missing file is one clear error and no half-started node.
  const flowFile = await openFlow(base);
  const chain = await readChain(base);
  const database = await openStore(base);
  const archive = openArchive(base, database);
  const network = joinNetwork(base, chain, archive);
  const trading = await createTrading(base, { chain, network, database });

  await network.observer.start();
  onStop(() => network.observer.stop());
  network.publisher.start();
  onStop(() => network.publisher.stop());
  trading.settlement.start(running);
  onStop(() => trading.settlement.stop());
  await trading.orders.start();
  onStop(() => trading.orders.stop());
  const api = await serveApi(base, chain, { ...network, archive }, trading);
  onStop(() => api.stop());
  if (flowFile) startFlow(base, flowFile, trading.adapter, chain.instruments);

  return {
    role: 'node',
    venue: config.STOA_VENUE,
    http: api.url,
    p2p: network.observer.addresses(),
  };
}

async function openFlow({ config, onStop }: Base): Promise<LobsterFile | undefined> {
  if (config.STOA_FLOW_FILE === undefined) return undefined;
  const file = await openLobsterFile(config.STOA_FLOW_FILE);
  onStop(() => file.close());
  return file;
}

interface Chain {
  readonly client: PublicClient;
  readonly signer: SettlementSigner;
  readonly directory: DirectorySource;
  /** What this venue lists. */
  readonly instruments: readonly Instrument[];
}

async function readChain({ config, logger, running }: Base): Promise<Chain> {
  const client = createPublicClient({
    transport: http(config.STOA_RPC_URL, { timeout: RPC_TIMEOUT_MS, retryCount: 0 }),
    cacheTime: 0,
  });
  const addresses = {
    memberRegistry: config.STOA_MEMBER_REGISTRY,
    listingRegistry: config.STOA_LISTING_REGISTRY,
  };
  const directory = await openChainDirectory(
    { addresses, pollIntervalMs: REGISTRY_POLL_MS, signal: running },
    { client, logger },
  );
  const signer = settlementSigner(config);
  requireVenue(directory.current(), {
    venue: config.STOA_VENUE,
    publicKey: config.STOA_NODE_KEY_FILE.publicKey,
    signer: signer.address,
  });
  if (!(await client.getCode({ address: config.STOA_SETTLEMENT }))) {
    throw new CodedError('NO_SETTLEMENT', `There is no contract at ${config.STOA_SETTLEMENT}.`);
  }
  const instruments = listedInstruments(directory.current(), config.STOA_VENUE);
  return { client, signer, directory, instruments };
}

/** The key in this process, or a signing service: configuration has exactly one of them. */
function settlementSigner(config: NodeConfig): SettlementSigner {
  const {
    STOA_SETTLEMENT_KEY_FILE: key,
    STOA_SETTLEMENT_SIGNER_URL: url = '',
    STOA_SETTLEMENT_SIGNER_ADDRESS: address = NO_ACCOUNT,
  } = config;
  return key === undefined ? createRemoteSigner({ url, address }) : privateKeyToAccount(key);
}

async function openStore({ config, logger, onStop }: Base): Promise<Database> {
  let url = config.DATABASE_URL;
  if (url === undefined) {
    const server = await startEmbeddedPostgres({
      dataDir: config.STOA_DATA_DIR ?? '',
      log: (message, fields) => logger.info(fields, message),
    });
    onStop(() => server.stop());
    url = server.url('postgres');
  }
  const database = await openDatabase(url);
  onStop(() => database.close());
  return database.db;
}

/** Frames beyond memory. It ends after the network has, with what that still brought. */
function openArchive({ config, logger, metrics, nowMs, onStop }: Base, database: Database) {
  const archive = createPostgresArchive(
    {
      maxAgeMs: config.STOA_FRAME_RETENTION_HOURS * HOUR_MS,
      maxFrames: config.STOA_FRAME_RETENTION_COUNT,
    },
    { database, logger, registry: metrics, now: nowMs },
  );
  archive.start();
  onStop(() => archive.stop());
  return archive;
}

interface NetworkPart {
  readonly observer: Observer;
  readonly publisher: Publisher;
  readonly framesPublished: () => number;
}

function joinNetwork(base: Base, { directory }: Chain, archive: FrameArchive): NetworkPart {
  const { config, logger, metrics, nowMs } = base;
  const { STOA_VENUE: venue, STOA_NODE_KEY_FILE: nodeKey } = config;
  const staleAfterMs = config.STOA_STALE_AFTER_MS;
  const observer = createObserver(
    {
      member: venue,
      seed: nodeKey.seed,
      listen: [config.STOA_P2P_LISTEN],
      peers: config.STOA_PEERS,
      staleAfterMs,
    },
    { directory, logger, registry: metrics, archive },
  );
  let framesPublished = 0;
  const publisher = createPublisher(
    {
      ...{ venue, nodeKey, staleAfterMs },
      epoch: base.startedAtMs,
      heartbeatMs: config.STOA_HEARTBEAT_MS,
      firm: true,
    },
    {
      ...{ directory, logger, registry: metrics, now: nowMs },
      broadcast(signed) {
        framesPublished += 1;
        observer.broadcast(signed);
      },
    },
  );
  return { observer, publisher, framesPublished: () => framesPublished };
}

interface Trading {
  readonly preTrade: PreTradeChecks;
  readonly adapter: EmbeddedVenue;
  readonly settlement: SettlementService;
  readonly orders: OrderService;
  /** What the API reads of orders. */
  readonly reading: Pick<ApiServerNeeds, 'blotter' | 'feed' | 'receipts' | 'terms'>;
}

async function createTrading(
  base: Base,
  parts: {
    readonly chain: Chain;
    readonly network: NetworkPart;
    readonly database: Database;
  },
): Promise<Trading> {
  const { config, logger, metrics, nowMs } = base;
  const { STOA_VENUE: venue, STOA_NODE_KEY_FILE: nodeKey, STOA_SETTLEMENT: contract } = config;
  const { database } = parts;
  const { client, signer, directory, instruments } = parts.chain;
  const { observer, publisher } = parts.network;
  const crash = config.STOA_CRASH_AT;
  const crashPoint = crash === undefined ? undefined : crashAt(crash);
  const shared = { directory, logger, metrics, nowMs, crashPoint };

  const adapter = new EmbeddedVenue({
    ...{ venue, instruments, nowMs, calendar: config.STOA_VENUE_TERMS_FILE?.calendar },
    flowOwner: { member: venue, account: config.STOA_FLOW_ACCOUNT ?? NO_ACCOUNT },
    onSinkError: (cause) => logger.error({ err: cause }, 'venue events could not be recorded'),
  });
  const ownTerms = ownVenueTerms(config.STOA_VENUE_TERMS_FILE, adapter.capabilities);
  const terms = await VenueTermsExchange.open(venue, ownTerms, { ...shared, database });
  const sessions = createOrderSessions(
    { self: venue },
    { ...shared, database, links: observer.links, nodeKey, terms },
  );
  const chainId = await client.getChainId();
  const settlement = createSettlementService(
    {
      ...{ venue, chainId, settlement: contract, finality: config.STOA_FINALITY },
      maxFeePerGas: BigInt(config.STOA_SETTLEMENT_MAX_FEE_GWEI) * WEI_PER_GWEI,
      indexFromBlock: BigInt(config.STOA_INDEX_FROM_BLOCK),
    },
    {
      ...shared,
      ...{ db: database, client, signer },
      send: (tx, to, body) => sessions.send(tx, to, body),
    },
  );
  const topicNames = config.STOA_CLAIM_TOPICS;
  const preTrade = createPreTradeChecks({
    ...{ client, settlement: contract, topicNames, logger, nowMs },
    lens: config.STOA_PRE_TRADE_LENS,
  });
  const reading = {
    terms,
    blotter: createOrderBlotter(venue, database),
    feed: createOrderFeed(database),
    receipts: createReceiptBlotter(venue, database),
  };
  const orders = createOrderService(
    { venue },
    {
      ...shared,
      ...{ database, adapter, sessions, settlement, market: observer.market, terms },
      agreements: new RoutingAgreements(config.STOA_ROUTING_AGREEMENTS_FILE),
      legCost: config.STOA_LEG_COST,
      limits: new MemberLimits(config.STOA_ORDER_LIMITS_FILE),
      receipts: keepReceipts(base, { ...parts, chainId, terms }),
      accounts: config.STOA_ACCOUNTS_FILE,
      onMarketEvents: (events) => publisher.deliver(events),
      onCommitted: (members) => reading.feed.committed(members),
      checkOrder: (order) => preTrade.checkOrder(order),
    },
  );
  return { preTrade, adapter, settlement, orders, reading };
}

/** Receipts of what is routed from now on, and a desk that judges quotes which were not honoured. */
function keepReceipts(
  { config, logger, metrics, nowMs, onStop }: Base,
  {
    chain: { directory },
    network: { observer },
    database,
    chainId,
    terms,
  }: {
    readonly chain: Chain;
    readonly network: NetworkPart;
    readonly database: Database;
    readonly chainId: number;
    readonly terms: VenueTermsExchange;
  },
): ReceiptStore {
  const { STOA_VENUE: home, STOA_NODE_KEY_FILE: nodeKey, STOA_STALE_AFTER_MS } = config;
  const registry = {
    chainId,
    memberRegistry: config.STOA_MEMBER_REGISTRY,
    listingRegistry: config.STOA_LISTING_REGISTRY,
  };
  const shared = { home, nodeKey, registry, directory, nowMs };
  const market = { feeds: () => observer.market.feeds(), frames: observer.frames };
  const desk = createFadeDesk({}, { ...shared, database, market, logger, metrics });
  desk.start();
  onStop(() => desk.stop());
  return createReceiptStore({ ...shared, terms, staleAfterMs: STOA_STALE_AFTER_MS });
}

function serveApi(
  base: Base,
  { directory }: Chain,
  { observer, framesPublished, archive }: NetworkPart & { readonly archive: FrameArchive },
  { orders, settlement, preTrade, reading }: Trading,
): Promise<HttpServer> {
  const { config, logger, metrics, startedAtMs, nowMs } = base;
  const tokens = {
    jwks: config.STOA_JWKS,
    issuer: config.STOA_TOKEN_ISSUER,
    audience: config.STOA_TOKEN_AUDIENCE,
  };
  const listen = { host: config.STOA_HTTP_HOST, port: config.STOA_HTTP_PORT };
  const { version } = packageJson;
  return createApiServer(
    { venue: config.STOA_VENUE, ...listen, tokens },
    {
      ...{ directory, orders, settlements: settlement, market: observer.market, metrics, logger },
      ...{ archive, preTrade, nowMs, ...reading },
      node: { version, startedAtMs, framesPublished, peers: () => observer.peers() },
      readiness: () => {
        const { ready, reason } = settlement.readiness();
        return ready ? [] : [`settlement: ${reason ?? 'not ready'}`];
      },
    },
  );
}

/** The recorded flow trades the first listed instrument; it goes on beside everything else. */
function startFlow(
  { config, logger, metrics, running }: Base,
  file: LobsterFile,
  adapter: EmbeddedVenue,
  [instrument]: readonly Instrument[],
): void {
  if (!instrument) return;
  runRecordedFlow(
    file,
    { speed: config.STOA_FLOW_SPEED, signal: running },
    { target: adapter.flowTarget(instrument.id), logger, metrics },
  ).catch((error: unknown) => {
    if (!running.aborted) logger.error({ err: error }, 'order flow ended');
  });
}
