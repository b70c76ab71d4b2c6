import packageJson from '../../package.json' with { type: 'json' };
import { tokenOptions } from '../access/token-environment.ts';
import { createApiServer } from '../api/api-server.ts';
import { guardOptions, httpOptions } from '../api/http-environment.ts';
import type { HttpServer } from '../api/http-server.ts';
import type { FrameArchive } from '../market/frame-archive.ts';
import type { ListingWatch } from '../market/listing-watch.ts';
import type { PrintHistory } from '../market/print-store.ts';
import type { AuditLog } from '../records/audit/audit-log.ts';
import type { AuditReader } from '../records/audit/audit-table.ts';
import type { Base } from './base.ts';
import type { Chain } from './chain.ts';
import type { NetworkPart } from './network.ts';
import type { Trading } from './trading.ts';

/** What the node's store remembers of the market, and of what was asked. */
export interface Stored {
  readonly archive: FrameArchive;
  readonly listings: ListingWatch;
  readonly prints: PrintHistory;
  readonly audit: AuditLog;
  readonly auditReader: AuditReader;
}

export function serveApi(
  base: Base,
  { directory }: Chain,
  {
    observer,
    framesPublished,
    archive,
    listings,
    prints,
    audit,
    auditReader,
  }: NetworkPart & Stored,
  trading: Trading,
): Promise<HttpServer> {
  const { config, logger, metrics, startedAtMs, nowMs } = base;
  const { orders, negotiation, positions, settlement, preTrade, reading, operator } = trading;
  const { adapter } = trading.venue;
  const tracer = base.tracing?.tracer;
  const tokens = tokenOptions(config);
  const { version } = packageJson;
  return createApiServer(
    {
      venue: config.STOA_VENUE,
      ...httpOptions(config),
      guards: guardOptions(config),
      tokens,
    },
    {
      ...{
        directory,
        orders,
        negotiation,
        positions,
        settlements: settlement,
        mandates: settlement.mandates,
        accounts: config.STOA_ACCOUNTS_FILE,
        settlement: config.STOA_SETTLEMENT,
        market: observer.market,
        metrics,
        logger,
        tracer,
        operator,
      },
      ...{ archive, listings, prints, audit, auditReader, preTrade, nowMs, ...reading },
      node: {
        ...{ version, startedAtMs, framesPublished },
        peers: () => observer.peers(),
        venueLink: () => adapter.connection(),
        venueListings: () => adapter.listings(),
      },
      readiness: () => {
        const { ready, reason } = settlement.readiness();
        const settling = ready ? [] : [`settlement: ${reason ?? 'not ready'}`];
        const failure = audit.failure();
        const recording = failure === undefined ? [] : [`audit log: ${failure}`];
        return [...settling, ...recording, ...adapter.readiness()];
      },
    },
  );
}
