import { EmbeddedVenue } from '@stoa/adapters';
import { Registry } from 'prom-client';
import { createOrderBlotter } from '../../orders/blotter/order-blotter.ts';
import { createOrderFeed } from '../../orders/blotter/order-feed.ts';
import { LinkNetwork } from '../../orders/testing/link-network.ts';
import { TestMarket } from '../../orders/testing/test-market.ts';
import {
  BROKER_WALLET,
  directoryOf,
  FLOW_WALLET,
  INSTRUMENT,
  SECOND_WALLET,
  SILENT,
  until,
} from '../../orders/testing/test-network.ts';
import { TestNode } from '../../orders/testing/test-node.ts';
import { type AuditLog, openAuditLog } from '../../records/audit/audit-log.ts';
import { type AuditReader, createAuditTable } from '../../records/audit/audit-table.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { EntrySessionOptions, FixEntryOptions } from '../entry-options.ts';
import { FixEntry } from '../fix-entry.ts';

const SESSION: EntrySessionOptions = {
  ...{ member: 'broker', compId: 'BROKER', version: 'FIX.4.4', password: 'open sesame' },
  ...{ allowedAddresses: ['127.0.0.0/8'], schedule: undefined, cancelOnDisconnect: false },
  accounts: { HOUSE: BROKER_WALLET, SECOND: SECOND_WALLET },
  ...{ defaultAccount: undefined, maxClockSkewMs: 120_000 },
  ...{ maxRequestsPerSecond: 100_000, maxMessageBytes: 65_536 },
};

export interface EntryWorldOptions {
  readonly url: string;
  readonly folder: string;
  readonly port?: number;
  readonly sessions?: readonly Partial<EntrySessionOptions>[];
  readonly tls?: FixEntryOptions['tls'];
  readonly disconnectGraceMs?: number;
  readonly nowMs?: () => number;
  readonly logger?: Logger;
  /** What the venue's own flow offers before anybody can log on. */
  readonly offered?: number;
}

/** A node's orders with a venue of their own, and the door for FIX before them. */
export class EntryWorld {
  readonly node: TestNode;
  readonly book: EmbeddedVenue;
  readonly market: TestMarket;
  readonly audit: AuditReader;
  readonly auditLog: AuditLog;
  readonly metrics = new Registry();
  entry!: FixEntry;
  port = 0;
  readonly #options: EntryWorldOptions;
  readonly #feed: ReturnType<typeof createOrderFeed>;
  #flowOrders = 0;

  private constructor(
    options: EntryWorldOptions,
    parts: Pick<EntryWorld, 'node' | 'book' | 'market' | 'audit' | 'auditLog'> & {
      readonly feed: ReturnType<typeof createOrderFeed>;
    },
  ) {
    this.#options = options;
    this.node = parts.node;
    this.book = parts.book;
    this.market = parts.market;
    this.#feed = parts.feed;
    this.audit = parts.audit;
    this.auditLog = parts.auditLog;
  }

  static async open(options: EntryWorldOptions): Promise<EntryWorld> {
    const market = new TestMarket(INSTRUMENT.id, ['alpha']);
    const book = new EmbeddedVenue({
      ...{ venue: 'alpha', instruments: [INSTRUMENT], nowMs: Date.now },
      flowOwner: { member: 'alpha', account: FLOW_WALLET },
    });
    let feed: ReturnType<typeof createOrderFeed> | undefined;
    const node = await TestNode.open(
      options.url,
      {
        ...{
          venue: 'alpha',
          network: new LinkNetwork(),
          market,
          directory: directoryOf(['alpha']),
        },
        onCommitted: (members) => feed?.committed(members),
        disconnectGraceMs: options.disconnectGraceMs ?? 5_000,
      },
      book,
    );
    feed = createOrderFeed(node.store.db);
    const audit = createAuditTable(node.store.db);
    const auditLog = await openAuditLog(
      { retentionMs: Number.MAX_SAFE_INTEGER },
      { sink: audit, logger: SILENT, metrics: new Registry(), nowMs: Date.now },
    );
    const world = new EntryWorld(options, { node, book, market, feed, audit, auditLog });
    if (options.offered) await world.offer(1_000, options.offered);
    await world.openEntry();
    return world;
  }

  /** Starts the door, with nothing but what it has written. */
  async openEntry(): Promise<void> {
    const { sessions = [{}], folder, port = 0, tls, nowMs = Date.now, logger } = this.#options;
    this.entry = new FixEntry(
      {
        ...{ host: '127.0.0.1', port: this.port || port, tls, compId: 'ALPHA', symbols: {} },
        ...{ sessions: sessions.map((one) => ({ ...SESSION, ...one })), folder },
        durability: 'page-cache',
      },
      {
        ...{ venue: 'alpha', instruments: [INSTRUMENT], folder, logger: logger ?? SILENT, nowMs },
        ...{ database: this.node.store.db, orders: this.node.orders, feed: this.#feed },
        ...{ blotter: createOrderBlotter('alpha', this.node.store.db), metrics: new Registry() },
        ...{ directory: directoryOf(['alpha']), audit: this.auditLog },
      },
    );
    this.port = await this.entry.start();
  }

  /** The venue's own flow offers so much, resting. */
  async offer(price: number, size: number): Promise<void> {
    this.#flowOrders += 1;
    const before = this.market.book().version;
    this.book
      .flowTarget(INSTRUMENT.id)
      .submit({ orderId: this.#flowOrders, side: 'sell', price: price * 100, size });
    await until(() => this.market.book().version > before);
  }

  async close(): Promise<void> {
    await this.entry.stop();
    await this.auditLog.stop();
    await this.node.close();
  }
}
