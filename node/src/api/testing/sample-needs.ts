import { createSampleAudit } from './sample-audit.ts';
import { createSampleMarket, sampleDirectory } from './sample-market.ts';
import { sampleNegotiation } from './sample-negotiation.ts';
import { createSampleOrders } from './sample-orders.ts';
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

/** What a node's API is made of, all of it in memory. */
export function createSampleNeeds(venue: string) {
  const market = createSampleMarket();
  const orders = createSampleOrders(venue);
  const listings = createSampleListings(market);
  const audit = createSampleAudit();
  return {
    ...{ market, orders, listings, audit, auditReader: audit },
    ...{ blotter: orders.blotter, feed: orders.feed, receipts: orders.receipts },
    negotiation: sampleNegotiation(orders),
    directory: sampleDirectory,
    settlements: sampleSettlements,
    positions: samplePositions,
    mandates: sampleMandates,
    settlement: `0x${'5e'.repeat(20)}` as const,
    terms: sampleTerms,
    node: sampleNode,
    operator: sampleOperator,
    archive: sampleArchive,
    preTrade: samplePreTrade,
    prints: samplePrints,
    nowMs: Date.now,
  };
}
