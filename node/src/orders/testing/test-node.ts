import type { VenueAdapter } from '@stoa/adapters';
import {
  type Directory,
  type DirectorySource,
  type Execution,
  isRefusal,
  type OrderRequest,
  type Price,
  type Quantity,
  type TradingCalendar,
  type VenueId,
} from '@stoa/schema';
import { Registry } from 'prom-client';
import type { ReceiptStore } from '../../routing/receipts/receipt-store.ts';
import { type OpenDatabase, openDatabase } from '../../store/database.ts';
import type { Caller, OrderView } from '../blotter/order-view.ts';
import type { QuoteDesk, QuotedOrders } from '../executing/quote-desk.ts';
import type { NewCode } from '../id-codes.ts';
import type { LegState } from '../life/order-state.ts';
import { viewOf } from '../order-rows.ts';
import { createOrderService, type OrderService, type OrderServiceNeeds } from '../order-service.ts';
import { readOrder } from '../order-store.ts';
import { type OrderSessions, openOrderSessions } from '../sessions/order-session.ts';
import { MemberLimits } from '../terms/order-limits.ts';
import { type RoutingAgreement, RoutingAgreements } from '../terms/routing-agreements.ts';
import { defaultVenueTerms, type VenueTermsBook } from '../terms/venue-terms-book.ts';
import type { LinkNetwork } from './link-network.ts';
import type { TestMarket } from './test-market.ts';
import {
  BROKER_WALLET,
  INSTRUMENT,
  keyOf,
  OTHER_WALLET,
  SECOND_WALLET,
  SILENT,
} from './test-network.ts';

export interface TestNodeOptions {
  readonly venue: VenueId;
  readonly network: Pick<LinkNetwork, 'links'>;
  readonly market: TestMarket;
  readonly directory: DirectorySource;
  readonly checkOrder?: OrderServiceNeeds['checkOrder'];
  /** Default: all of every order could settle. */
  readonly settleable?: OrderServiceNeeds['settleable'];
  /** When each venue trades; default: always. */
  readonly calendars?: Readonly<Record<VenueId, TradingCalendar>>;
  /** What each venue charges whoever rests there, in parts per million; default: nothing. */
  readonly makerPpm?: Readonly<Record<VenueId, number>>;
  readonly disconnectGraceMs?: number;
  readonly onCommitted?: (members: ReadonlySet<string>) => void;
  /** Default: nothing is limited. */
  readonly limits?: MemberLimits;
  /** Default: no proof is kept. */
  readonly receipts?: ReceiptStore;
  /** Default: orders are numbered, so that tests can name them. */
  readonly newCode?: NewCode;
  /** Makes what is negotiated, at each start; default: nothing is. */
  readonly quotes?: (parts: QuoteParts) => QuoteDesk;
}

/** What negotiation is made of, at a test's node. */
export interface QuoteParts
  extends Pick<
    OrderServiceNeeds,
    | ('database' | 'sessions' | 'directory' | 'market' | 'terms' | 'accounts')
    | ('newCode' | 'logger' | 'nowMs')
  > {
  readonly capabilities: VenueAdapter['capabilities'];
  readonly orders: () => QuotedOrders;
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
  /** What settlement says of trades that are to be taken back. */
  inSettlement = false;
  readonly withdrawn: string[] = [];
  /** What settlement was told of fills. */
  readonly filled: string[] = [];
  /** Told to the market, beside what the books say. */
  readonly tradeChanges: string[] = [];
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
    // First: nothing may come between the opening of the sessions and what takes their messages.
    const newCode = this.#options.newCode ?? (await this.#numbering());
    this.metrics = new Registry();
    const common = {
      database: this.store.db,
      directory,
      logger: SILENT,
      metrics: this.metrics,
      nowMs: () => Date.now() + this.aheadMs,
    };
    this.sessions = await openOrderSessions(
      { self: venue, tickMs: 10, resendAfterMs: 150 },
      { ...common, links: network.links(venue), nodeKey: keyOf(venue) },
    );
    const accounts = new Map([
      ['broker', new Set([BROKER_WALLET, SECOND_WALLET])],
      ['other', new Set([OTHER_WALLET])],
    ]);
    const parts = {
      ...{ ...common, sessions: this.sessions, market, accounts, newCode },
      terms: this.#terms(),
    };
    const quotes = this.#options.quotes?.({
      ...{ ...parts, capabilities: adapter.capabilities, orders: () => this.orders.quoted },
    });
    this.orders = createOrderService(
      {
        ...{ venue, legDeadlineMs: this.legDeadlineMs, tickMs: 20 },
        disconnectGraceMs: this.#options.disconnectGraceMs ?? 5_000,
      },
      {
        ...common,
        adapter,
        sessions: this.sessions,
        market,
        settlement: {
          filled: (_, trade, side) => {
            this.filled.push(`${side} ${trade.quantity} ${trade.executionId}`);
          },
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
          withdraw: async (tx, trade, reason) => {
            this.withdrawn.push(`${trade.venue} ${trade.tradeNumber} ${reason}`);
            if (this.inSettlement) return 'in-settlement';
            await tx.execute(`delete from instructions
              where venue = '${trade.venue}' and trade_number = ${trade.tradeNumber}`);
            return 'withdrawn';
          },
          closeGroup: async (orderId) => {
            this.closed.push(orderId);
          },
          onMessage: async () => undefined,
        },
        checkOrder: this.#options.checkOrder ?? (async () => undefined),
        settleable:
          this.#options.settleable ?? (async ({ quantity }) => ({ quantity, reasons: [] })),
        onCommitted: (members) => this.#options.onCommitted?.(members),
        limits: this.#options.limits ?? new MemberLimits(),
        newCode,
        agreements: everyOrder(directory.current()),
        terms: this.#terms(),
        receipts: this.#options.receipts,
        accounts,
        quotes,
        onMarketEvents: (events) => {
          for (const event of events) {
            if (event.kind === 'busted' || event.kind === 'corrected') {
              this.tradeChanges.push(event.kind);
            } else market.hear(venue, [event]);
          }
        },
      },
    );
    await this.orders.start();
  }

  /** Goes on behind what is in the store. */
  async #numbering(): Promise<NewCode> {
    const [row] = await this.store.sql`select count(*)::int as last from orders`;
    let last = Number(row?.['last']);
    return () => {
      last += 1;
      return String(last);
    };
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
    const found = await readOrder(this.store.db, { id });
    if (!found) throw new Error(`no order ${id}`);
    return viewOf(found);
  }

  /** The legs of an order, in the order they were sent. */
  async legs(id: string): Promise<readonly LegState[]> {
    return (await readOrder(this.store.db, { id }))?.state.legs ?? [];
  }

  /** The executions of an order as they were told first, in the order they were recorded. */
  async executions(id: string): Promise<Pick<Execution, 'venue' | 'price' | 'quantity'>[]> {
    const rows = await this.store.sql<{ venue: string; price: string; quantity: string }[]>`
      select executions.venue, price, executions.quantity from executions
      join legs on legs.id in (buy_leg_id, sell_leg_id) where order_id = ${id}
      order by recorded_at_ms, executions.venue, trade_number`;
    return rows.map(({ venue, price, quantity }) => {
      return { venue, price: Number(price), quantity: Number(quantity) };
    });
  }

  async replace(id: string, to: { quantity: Quantity; limitPrice?: Price }): Promise<OrderView> {
    const replaced = await this.orders.replace(this.caller, id, to);
    if (isRefusal(replaced)) throw new Error(`refused: ${replaced.code}`);
    return replaced;
  }

  #terms(): VenueTermsBook {
    const { calendars = {}, makerPpm = {} } = this.#options;
    const able = defaultVenueTerms({ allOrNone: true, minQuantity: true });
    return {
      of: (venue) => {
        const calendar = calendars[venue];
        const tiers = able.fees.tiers.map((tier) => ({ ...tier, makerPpm: makerPpm[venue] ?? 0 }));
        const terms = { ...able, fees: { ...able.fees, tiers } };
        return { terms: calendar ? { ...terms, calendar } : terms, signed: undefined };
      },
    };
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

/** Every node takes every kind of order from every other. */
function everyOrder({ members }: Directory): RoutingAgreements {
  const venues = [...members.values()].filter(({ kind }) => kind === 'venue');
  const each = venues.map(
    ({ id: venue }): RoutingAgreement => ({
      ...{ venue, members: ['*'], instruments: ['*'] },
      ...{ sides: ['buy', 'sell'], orders: ['immediate', 'resting'] },
    }),
  );
  return new RoutingAgreements({ from: each, to: each });
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
