import type { NodeConfig } from './config.ts';
import { createPrintHistory } from './market/print-store.ts';
import { serveApi } from './parts/api.ts';
import type { Base } from './parts/base.ts';
import { readChain } from './parts/chain.ts';
import { openFixEntry } from './parts/fix-entry.ts';
import { openFlow, startFlow } from './parts/flow.ts';
import { watchListings } from './parts/listings.ts';
import { joinNetwork } from './parts/network.ts';
import { openArchive, openAudit, openStore } from './parts/store.ts';
import { createTrading } from './parts/trading.ts';
import type { RunningService } from './run-process.ts';
import type { Logger } from './telemetry/logger.ts';
import { createMetrics } from './telemetry/metrics.ts';
import { openTracing } from './tracing/open-tracing.ts';

/**
 * Composes and starts the node of a venue, in the order things start. What was started is stopped in
 * the reverse order, also when a later step fails.
 *
 * @throws CodedError `FLOW_FILE_UNREADABLE`, `NOT_A_VENUE`, `NOT_ITS_SIGNER`, `NO_SETTLEMENT`, `NOTHING_LISTED`, `DATABASE_UNAVAILABLE`,
 * `VENUE_ADAPTER_INVALID`, `FIX_ENTRY_INVALID`, `FIX_STORE_CORRUPT`, `VENUE_TERMS_BEYOND_VENUE`, `VENUE_TERMS_OLDER`, `VENUE_TERMS_REUSED`,
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
    tracing: await openTracing({
      ...{ service: 'stoa-node', member: config.STOA_VENUE },
      endpoint: config.OTEL_EXPORTER_OTLP_ENDPOINT,
    }),
    startedAtMs: Date.now(),
    nowMs: () => Date.now(),
    running: AbortSignal.any([signal, ended.signal]),
    onStop: (step) => steps.push(step),
  };
  // First started, last stopped: it tells of the other parts' ends too.
  base.onStop(() => base.tracing?.stop());
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
  const audit = await openAudit(base, database);
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
  trading.negotiation.start();
  onStop(() => trading.negotiation.stop());
  const listings = await watchListings(base, { chain, network, database });
  const prints = createPrintHistory(database);
  const stored = { ...network, ...audit, archive, listings, prints };
  const api = await serveApi(base, chain, stored, trading);
  onStop(() => api.stop());
  // Last to come and first to go: its members' orders need everything else.
  const fixEntry = await openFixEntry(base, chain, database, trading, audit.audit);
  const { embedded } = trading.venue;
  if (flowFile && embedded) startFlow(base, flowFile, embedded, chain.instruments);

  return {
    role: 'node',
    venue: config.STOA_VENUE,
    http: api.url,
    p2p: network.observer.addresses(),
    ...(fixEntry !== undefined && { fixEntry }),
  };
}
