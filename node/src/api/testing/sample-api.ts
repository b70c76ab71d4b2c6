import { Registry } from 'prom-client';
import type { TokenOptions } from '../../access/token-verifier.ts';
import { createLogger, type Logger } from '../../telemetry/logger.ts';
import { type ApiServerNeeds, type ApiServerOptions, createApiServer } from '../api-server.ts';
import type { SampleAudit } from './sample-audit.ts';
import type { SampleMarket } from './sample-market.ts';
import { createSampleNeeds } from './sample-needs.ts';
import type { SampleOrders } from './sample-orders.ts';

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
  const sample = createSampleNeeds(venue);
  const { market, orders, listings, audit } = sample;
  await listings.start();
  const logger: Logger = createLogger(venue, 'silent');
  const server = await createApiServer(
    { venue, tokens, host: '127.0.0.1', port: 0, ...options },
    {
      ...sample,
      accounts: new Map(),
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
