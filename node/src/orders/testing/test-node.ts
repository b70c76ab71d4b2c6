import type { VenueAdapter } from '@stoa/adapters';
import type { DirectorySource, OrderRequest, VenueId } from '@stoa/schema';
import { Registry } from 'prom-client';
import { type OpenDatabase, openDatabase } from '../../store/database.ts';
import { createOrderService, type OrderService, type OrderServiceNeeds } from '../order-service.ts';
import { createOrderSessions, type OrderSessions } from '../order-session.ts';
import type { Caller, OrderView } from '../order-view.ts';
import type { LinkNetwork } from './link-network.ts';
import type { TestMarket } from './test-market.ts';
import { BROKER_WALLET, INSTRUMENT, keyOf, OTHER_WALLET, SILENT } from './test-network.ts';

export interface TestNodeOptions {
  readonly venue: VenueId;
  readonly network: LinkNetwork;
  readonly market: TestMarket;
  readonly directory: DirectorySource;
  readonly checkOrder?: OrderServiceNeeds['checkOrder'];
}

/** What settlement was told, in the order it was. */
export interface Instruction {
  readonly venue: string;
  readonly trade_number: number;
  readonly order_id: string;
}

/** The order part of a node, over a real store; it can be killed and started again. */
export class TestNode {
  readonly venue: VenueId;
  readonly store: OpenDatabase;
  readonly closed: string[] = [];
  /** Throws within the next transaction in which settlement is instructed, as a crash there would. */
  crashAtInstruct = false;
  /** Counts from the next start. */
  legDeadlineMs = 400;
  /** By how much this node's clock is ahead. */
  aheadMs = 0;
  orders!: OrderService;
  metrics!: Registry;
  sessions!: OrderSessions;
  readonly #options: TestNodeOptions;

  private constructor(options: TestNodeOptions, store: OpenDatabase) {
    this.venue = options.venue;
    this.store = store;
    this.#options = options;
  }

  static async open(
    url: string,
    options: TestNodeOptions,
    adapter: VenueAdapter,
  ): Promise<TestNode> {
    const store = await openDatabase(url);
    // Settlement, as far as orders see it: an instruction a trade, twice is an error.
    await store.sql`create table if not exists instructions (venue text, trade_number int, order_id text,
      primary key (venue, trade_number))`;
    const node = new TestNode(options, store);
    await node.start(adapter);
    return node;
  }

  /** Starts with nothing but the store, as after a crash. */
  async start(adapter: VenueAdapter): Promise<void> {
    const { venue, network, market, directory } = this.#options;
    this.metrics = new Registry();
    const common = {
      database: this.store.db,
      directory,
      logger: SILENT,
      metrics: this.metrics,
      nowMs: () => Date.now() + this.aheadMs,
    };
    this.sessions = createOrderSessions(
      { self: venue, tickMs: 10, resendAfterMs: 150 },
      { ...common, links: network.links(venue), nodeKey: keyOf(venue) },
    );
    this.orders = createOrderService(
      { venue, legDeadlineMs: this.legDeadlineMs, tickMs: 20 },
      {
        ...common,
        adapter,
        sessions: this.sessions,
        market,
        settlement: {
          instruct: async (tx, trades) => {
            for (const { orderId, execution } of trades) {
              await tx.execute(
                `insert into instructions values
                  ('${execution.venue}', ${execution.tradeNumber}, '${orderId}')`,
              );
            }
            if (!this.crashAtInstruct) return;
            this.crashAtInstruct = false;
            throw new Error('crashed before the commit');
          },
          closeGroup: async (orderId) => {
            this.closed.push(orderId);
          },
          onMessage: async () => undefined,
        },
        checkOrder: this.#options.checkOrder ?? (async () => undefined),
        accounts: new Map([
          ['broker', new Set([BROKER_WALLET])],
          ['other', new Set([OTHER_WALLET])],
        ]),
        onMarketEvents: (events) => market.hear(venue, events),
      },
    );
    await this.orders.start();
  }

  get caller(): Caller {
    return { member: 'broker', home: this.venue, scopes: new Set() };
  }

  async place(other: Partial<OrderRequest>): Promise<OrderView> {
    const placed = await this.orders.place(this.caller, orderRequest(other));
    if ('refused' in placed) throw new Error(`refused: ${placed.code}`);
    return placed.order;
  }

  async order(id: string): Promise<OrderView> {
    const found = await this.orders.order(this.caller, { id });
    if (!found) throw new Error(`no order ${id}`);
    return found;
  }

  async instructions(): Promise<Instruction[]> {
    return this.store.sql<Instruction[]>`select * from instructions order by venue, trade_number`;
  }

  async count(metric: string): Promise<number> {
    const values = (await this.metrics.getSingleMetric(metric)?.get())?.values ?? [];
    return values.reduce((sum, { value }) => sum + value, 0);
  }

  async close(): Promise<void> {
    await this.orders.stop();
    await this.store.close();
  }
}

let requests = 0;

/** A day order to buy 100 at 1,000, and what the test wants otherwise. */
export function orderRequest(other: Partial<OrderRequest> = {}): OrderRequest {
  requests += 1;
  return {
    clientOrderId: `order-${requests}`,
    instrument: INSTRUMENT.id,
    account: BROKER_WALLET,
    side: 'buy',
    type: 'limit',
    timeInForce: 'day',
    quantity: 100,
    limitPrice: 1_000,
    ...other,
  };
}
