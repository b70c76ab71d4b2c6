import { Registry } from 'prom-client';
import type { TokenOptions } from '../../access/token-verifier.ts';
import { createLogger, type Logger } from '../../telemetry/logger.ts';
import { type ApiServerNeeds, type ApiServerOptions, createApiServer } from '../api-server.ts';
import { createSampleAudit, type SampleAudit } from './sample-audit.ts';
import { createSampleMarket, type SampleMarket, sampleDirectory } from './sample-market.ts';
import { sampleNegotiation } from './sample-negotiation.ts';
import { createSampleOrders, type SampleOrders } from './sample-orders.ts';
import {
  createSampleListings,
  sampleArchive,
  sampleMandates,
  sampleNode,
  sampleOperator,
  samplePositions,
  samplePreTrade,
  samplePrints,
  sampleSettlements,
  sampleTerms,
} from './sample-services.ts';

/** A node's real API over services in memory. */
export interface SampleApi {
  readonly url: string;
  readonly operationsUrl: string | undefined;
  readonly market: SampleMarket;
  readonly orders: SampleOrders;
  readonly audit: SampleAudit;
  stop(): Promise<void>;
}

/** Starts a {@link SampleApi} on a free port. */
export async function startSampleApi(
  venue: string,
  tokens: TokenOptions,
  options: Partial<ApiServerOptions> = {},
  needs: Partial<ApiServerNeeds> = {},
): Promise<SampleApi> {
  const market = createSampleMarket();
  const orders = createSampleOrders(venue);
  const listings = createSampleListings(market);
  const audit = createSampleAudit();
  await listings.start();
  const logger: Logger = createLogger(venue, 'silent');
  const server = await createApiServer(
    { venue, tokens, host: '127.0.0.1', port: 0, ...options },
    {
      ...{ market, orders, terms: sampleTerms, listings, audit, auditReader: audit },
      ...{ blotter: orders.blotter, feed: orders.feed, receipts: orders.receipts },
      negotiation: sampleNegotiation(orders),
      directory: sampleDirectory,
      settlements: sampleSettlements,
      positions: samplePositions,
      mandates: sampleMandates,
      accounts: new Map(),
      settlement: `0x${'5e'.repeat(20)}`,
      node: sampleNode,
      operator: sampleOperator,
      archive: sampleArchive,
      preTrade: samplePreTrade,
      prints: samplePrints,
      nowMs: Date.now,
      readiness: () => [],
      metrics: new Registry(),
      logger,
      ...needs,
    },
  );
  return {
    url: server.url,
    operationsUrl: server.operationsUrl,
    market,
    orders,
    audit,
    async stop() {
      await listings.stop();
      await server.stop();
    },
  };
}
