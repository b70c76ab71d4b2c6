import type { VenueTermsExchange } from '../orders/terms/venue-terms-exchange.ts';
import { createFadeDesk } from '../routing/fades/fade-desk.ts';
import { createReceiptStore, type ReceiptStore } from '../routing/receipts/receipt-store.ts';
import type { Database } from '../store/database.ts';
import type { Base } from './base.ts';
import type { Chain } from './chain.ts';
import type { NetworkPart } from './network.ts';

/** Receipts of what is routed from now on, and a desk that judges quotes which were not honoured. */
export function keepReceipts(
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
