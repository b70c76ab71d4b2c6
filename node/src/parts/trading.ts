import { randomBytes } from 'node:crypto';
import type { ApiServerNeeds } from '../api/api-server.ts';
import { createPreTradeChecks, type PreTradeChecks } from '../compliance/pre-trade.ts';
import type { Negotiation } from '../negotiation/negotiation.ts';
import { createOrderBlotter } from '../orders/blotter/order-blotter.ts';
import { createOrderFeed } from '../orders/blotter/order-feed.ts';
import { createReceiptBlotter } from '../orders/blotter/receipt-blotter.ts';
import { createIdCodes } from '../orders/id-codes.ts';
import { createOrderService, type OrderService } from '../orders/order-service.ts';
import { createRefusalList } from '../orders/refusal-list.ts';
import { crashAt } from '../orders/sessions/crash-points.ts';
import { type OrderSessions, openOrderSessions } from '../orders/sessions/order-session.ts';
import { MemberLimits } from '../orders/terms/order-limits.ts';
import { RoutingAgreements } from '../orders/terms/routing-agreements.ts';
import { ownVenueTerms } from '../orders/terms/venue-terms-book.ts';
import { VenueTermsExchange } from '../orders/terms/venue-terms-exchange.ts';
import { createPositionReader, type PositionReader } from '../settlement/positions.ts';
import {
  createSettlementService,
  type SettlementOptions,
  type SettlementService,
} from '../settlement/settlement-service.ts';
import type { Database } from '../store/database.ts';
import type { Base } from './base.ts';
import type { Chain } from './chain.ts';
import { negotiate } from './negotiation.ts';
import type { NetworkPart } from './network.ts';
import { keepReceipts } from './receipts.ts';
import { traceTrading } from './traces.ts';
import { openVenue, type VenuePart } from './venue.ts';

const WEI_PER_GWEI = 1_000_000_000n;
/** Names what this node gives: orders, requests for quote and quotes. */
const newCode = createIdCodes(randomBytes);
const NO_SCOPES: ReadonlySet<string> = new Set();

export interface Trading {
  readonly preTrade: PreTradeChecks;
  readonly venue: VenuePart;
  readonly settlement: SettlementService;
  readonly orders: OrderService;
  readonly negotiation: Negotiation;
  readonly positions: PositionReader;
  /** What the API reads of orders. */
  readonly reading: Pick<ApiServerNeeds, 'blotter' | 'feed' | 'receipts' | 'terms'>;
  /** What the venue's operator sees of it. */
  readonly operator: ApiServerNeeds['operator'];
}

export async function createTrading(
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
  const shared = { directory, logger, metrics, nowMs, crashPoint, newCode };

  const venuePart = await openVenue(base, instruments);
  const { adapter } = venuePart;
  const { capabilities } = adapter;
  const ownTerms = ownVenueTerms(config.STOA_VENUE_TERMS_FILE, capabilities);
  const terms = await VenueTermsExchange.open(venue, ownTerms, { ...shared, database });
  const sessions = await openOrderSessions(
    { self: venue },
    { ...shared, database, links: observer.links, nodeKey, terms },
  );
  const chainId = await client.getChainId();
  const settlement = createSettlementService(settlementOptions(base, chainId), {
    ...shared,
    ...{ db: database, client, signer },
    send: async (tx, to, body) => sessions.send(tx, to, body),
  });
  const topicNames = config.STOA_CLAIM_TOPICS;
  const preTrade = createPreTradeChecks({
    ...{ client, settlement: contract, topicNames, logger, nowMs },
    lens: config.STOA_PRE_TRADE_LENS,
  });
  const reading = await readingOf(base, database, terms);
  const quotable = { sessions, terms, capabilities, newCode, orders: () => orders.quoted };
  const negotiation = negotiate(base, { ...parts, ...quotable });
  const orders = createOrderService(
    { venue },
    {
      ...shared,
      ...{ database, adapter, sessions, settlement, market: observer.market, terms },
      agreements: new RoutingAgreements(config.STOA_ROUTING_AGREEMENTS_FILE),
      legCost: config.STOA_LEG_COST,
      limits: new MemberLimits(config.STOA_ORDER_LIMITS_FILE),
      quotes: negotiation.desk,
      receipts: keepReceipts(base, { ...parts, chainId, terms }),
      accounts: config.STOA_ACCOUNTS_FILE,
      onMarketEvents: (events) => publisher.deliver(events),
      onCommitted: (members) => reading.feed.committed(members),
      checkOrder: (order) => preTrade.checkOrder(order),
      settleable: (order) => preTrade.settleable(order),
      ...{ unsettled: settlement.unsettled, mandates: settlement.mandates },
    },
  );
  // Before anybody can place an order.
  await settlement.load();
  const positions = positionsOf(base, parts, { orders, settlement });
  const trading = {
    preTrade,
    venue: venuePart,
    settlement,
    orders,
    negotiation,
    positions,
    reading,
  };
  return { ...trading, operator: operatorOf(parts, sessions) };
}

function settlementOptions({ config }: Base, chainId: number): SettlementOptions {
  return {
    ...{ venue: config.STOA_VENUE, chainId, settlement: config.STOA_SETTLEMENT },
    finality: config.STOA_FINALITY,
    maxFeePerGas: BigInt(config.STOA_SETTLEMENT_MAX_FEE_GWEI) * WEI_PER_GWEI,
    indexFromBlock: BigInt(config.STOA_INDEX_FROM_BLOCK),
    batchWaitMs: config.STOA_SETTLEMENT_BATCH_WAIT_MS,
    legsPerBatch: config.STOA_SETTLEMENT_BATCH_LEGS,
    mandatesRequiredFor: config.STOA_MANDATES_REQUIRED_FOR,
  };
}

function positionsOf(
  { config }: Base,
  { chain, database }: { readonly chain: Chain; readonly database: Database },
  { orders, settlement }: Pick<Trading, 'orders' | 'settlement'>,
): PositionReader {
  const { client, directory } = chain;
  const { STOA_VENUE: home, STOA_ACCOUNTS_FILE: accounts } = config;
  return createPositionReader({
    ...{ db: database, client, directory, accounts, unsettled: settlement.unsettled },
    promised: (member, wallet) => orders.promised({ member, home, scopes: NO_SCOPES }, wallet),
  });
}

/** What the venue's operator sees of it. */
function operatorOf(
  { network, database }: { readonly network: NetworkPart; readonly database: Database },
  sessions: OrderSessions,
): Trading['operator'] {
  return {
    gaps: network.observer.gaps,
    sessions: () => sessions.standings(),
    refusals: createRefusalList(database),
  };
}

/** What the API reads of orders. */
async function readingOf(base: Base, database: Database, terms: VenueTermsExchange) {
  const { STOA_VENUE: venue } = base.config;
  return {
    terms,
    blotter: createOrderBlotter(venue, database),
    feed: await traceTrading(base, { database, feed: createOrderFeed(database) }),
    receipts: createReceiptBlotter(venue, database),
  };
}
