import { setTimeout as sleep } from 'node:timers/promises';
import type { VenueAdapter, VenueEvent, VenueMarketEvent, VenueRequest } from '@stoa/adapters';
import type { DirectorySource, MemberId, OrderMessageBody, VenueId } from '@stoa/schema';
import { Counter, type Registry } from 'prom-client';
import type { MarketView } from '../market/market-view.ts';
import type { Database, Transaction } from '../store/database.ts';
import type { Logger } from '../telemetry/logger.ts';
import { type AfterCommit, afterCommit, type LegWatch } from './after-commit.ts';
import { HomeOrders, type LegReport, type OrderSettlement } from './home-orders.ts';
import type { OrderSessions } from './order-session.ts';
import { isComplete, isRouting } from './order-state.ts';
import {
  holdOrders,
  markGroupClosed,
  orderIdsOfLegs,
  readOpenGroups,
  readOpenOrders,
  readOrder,
} from './order-store.ts';
import type { ReceivedMessage } from './peer-inbox.ts';
import { nextTradeNumber } from './trade-book.ts';
import { VenueDesk, type VenueOrderEvent } from './venue-desk.ts';

/** Messages of order sessions that are settlement's. */
export type SettlementMessage = Extract<OrderMessageBody, { kind: `settlement-${string}` }>;

/** Settlement, as orders need it. */
export interface OrderWorkSettlement extends OrderSettlement {
  closeGroup(orderId: string): Promise<void>;
  onMessage(tx: Transaction, from: MemberId, body: SettlementMessage): Promise<void>;
}

export interface OrderWorkOptions {
  readonly venue: VenueId;
  /** How long a venue may leave a leg unanswered before it counts as unknown. */
  readonly legDeadlineMs: number;
  /** How often deadlines are looked at. */
  readonly tickMs: number;
}

export interface OrderWorkNeeds {
  readonly database: Database;
  readonly adapter: VenueAdapter;
  readonly sessions: OrderSessions;
  readonly market: MarketView;
  readonly directory: DirectorySource;
  readonly settlement: OrderWorkSettlement;
  /** Gets what the venue says of its market, in order, after what it said of orders is durable. */
  readonly onMarketEvents: (events: readonly VenueMarketEvent[]) => void;
  readonly logger: Logger;
  readonly metrics: Registry;
  readonly nowMs: () => number;
}

const GROUP_RETRY_MS = 5_000;
const STOP_WITHIN_MS = 1_500;

/**
 * Joins the two sides of orders at a node, as home and as venue, to the store, the book, the sessions
 * and the clock. Every change is one transaction; what it makes necessary is done after its commit.
 */
export class OrderWork {
  readonly home: HomeOrders;
  readonly #options: OrderWorkOptions;
  readonly #needs: OrderWorkNeeds;
  readonly #desk: VenueDesk;
  readonly #watched = new Map<string, LegWatch & { readonly dueMs: number }>();
  readonly #running = new Set<Promise<void>>();
  readonly #ended = new AbortController();
  readonly #contradictions: Counter<'code'>;
  readonly #unknown: Counter;
  #deliveries: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #groupsAtMs = Number.POSITIVE_INFINITY;

  constructor(options: OrderWorkOptions, needs: OrderWorkNeeds) {
    this.#options = options;
    this.#needs = needs;
    const { venue } = options;
    const registers = [needs.metrics];
    this.#contradictions = new Counter({
      name: 'stoa_leg_reports_refused_total',
      help: 'Reports of executing venues that contradict what is known; they change nothing.',
      labelNames: ['code'],
      registers,
    });
    this.#unknown = new Counter({
      name: 'stoa_legs_unknown_total',
      help: 'Legs whose venue did not answer in time.',
      registers,
    });
    this.home = new HomeOrders(venue, {
      ...needs,
      isVenueReady: () => needs.adapter.link === 'ready',
      openOwn: (tx, legs, after) => this.#desk.openOwn(tx, legs, after),
      onContradiction: (code) => this.#contradictions.inc({ code }),
    });
    this.#desk = new VenueDesk(venue, {
      ...needs,
      tellOwnHome: (tx, told, after) => this.home.reports(tx, venue, told, after),
      cancelRejectedAtOwnHome: (tx, legId, rejection, after) =>
        this.home.cancelRejected(tx, legId, rejection, after),
    });
  }

  /** Runs a change as one transaction, and then what it makes necessary. */
  async commit<T>(change: (tx: Transaction, after: AfterCommit) => Promise<T>): Promise<T> {
    const { result, run } = await this.#transaction(change);
    run();
    return result;
  }

  /** Puts the desk in order, opens the book, then the sessions; asks about everything in doubt. */
  async start(): Promise<void> {
    const { adapter, database, sessions } = this.#needs;
    const { venue } = this.#options;
    const recovered = await this.#transaction((tx, after) => this.#desk.recover(tx, after));
    await adapter.start({
      sink: { deliver: (events) => this.#deliver(events) },
      openOrders: recovered.result,
      nextTradeNumber: await nextTradeNumber(database, venue),
      signal: this.#ended.signal,
    });
    recovered.run();
    sessions.onLink((member, up) => {
      if (!up) this.#linkDown(member);
    });
    await sessions.start(async (tx, from, messages) => {
      const after = afterCommit();
      await this.#messages(tx, from, messages, after);
      return () => this.#run(tx, after);
    });
    await this.#askAboutOpenLegs();
    this.#closeOpenGroups();
    this.#timer = setInterval(() => this.#tick(), this.#options.tickMs);
  }

  /** Takes no more and lets what runs come to its end, though not for long. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.race([this.#windUp(), sleep(STOP_WITHIN_MS, undefined, { ref: false })]);
    this.#ended.abort();
  }

  async #windUp(): Promise<void> {
    await this.#needs.adapter.stop();
    await this.#needs.sessions.stop();
    await Promise.allSettled([...this.#running, this.#deliveries]);
  }

  async #transaction<T>(
    change: (tx: Transaction, after: AfterCommit) => Promise<T>,
  ): Promise<{ result: T; run: () => void }> {
    const after = afterCommit();
    return this.#needs.database
      .transaction(async (tx) => ({ tx, result: await change(tx, after) }))
      .then(({ tx, result }) => ({ result, run: () => this.#run(tx, after) }));
  }

  #run(tx: Transaction, after: AfterCommit): void {
    const dueMs = this.#needs.nowMs() + this.#options.legDeadlineMs;
    for (const [legId, watch] of after.watches) {
      if (watch) this.#watched.set(legId, { ...watch, dueMs });
      else this.#watched.delete(legId);
    }
    for (const request of after.requests) this.#inBackground(this.#submit(request));
    this.#inBackground(this.#needs.sessions.flushAfter(tx));
    for (const orderId of after.groups) this.#inBackground(this.#closeGroup(orderId));
  }

  #inBackground(work: Promise<void>): void {
    const settled = work
      .catch((error: unknown) => {
        this.#needs.logger.error({ err: error }, 'order work failed');
      })
      .finally(() => this.#running.delete(settled));
    this.#running.add(settled);
  }

  async #submit(request: VenueRequest): Promise<void> {
    const receipt = await this.#needs.adapter.submit(request);
    if (receipt.outcome === 'taken') return;
    const legId = request.kind === 'new' ? request.order.orderId : request.orderId;
    if (receipt.outcome === 'outcome-unknown') {
      this.#needs.logger.warn({ legId, kind: request.kind }, 'the venue may or may not have it');
      return this.#needs.adapter.reconcile();
    }
    const { kind } = request;
    if (kind !== 'new' && kind !== 'cancel') return;
    await this.commit((tx, after) =>
      this.#desk.refused(tx, { kind, legId }, receipt.rejection, after),
    );
  }

  /** One delivery at a time, in order; resolves when it is durable. */
  #deliver(events: readonly VenueEvent[]): Promise<void> {
    const delivery = this.#deliveries.then(async () => {
      const ofOrders = events.filter((event): event is VenueOrderEvent => !isMarketEvent(event));
      if (ofOrders.length > 0) {
        await this.commit((tx, after) => this.#desk.events(tx, ofOrders, after));
      }
      const ofMarket = events.filter(isMarketEvent);
      if (ofMarket.length > 0) this.#needs.onMarketEvents(ofMarket);
    });
    this.#deliveries = delivery.catch(() => undefined);
    return delivery;
  }

  /** Messages of one peer, in order; what they report of orders is applied together. */
  async #messages(
    tx: Transaction,
    from: MemberId,
    messages: readonly ReceivedMessage[],
    after: AfterCommit,
  ): Promise<void> {
    const sound = messages.filter(({ body }) => this.#isSound(from, body));
    const reported = sound.flatMap(({ body }) => (isReport(body) ? [body.legId] : []));
    // All at once and in one order: no two transactions wait for each other's orders.
    await holdOrders(tx, await orderIdsOfLegs(tx, reported));
    let run: { report: LegReport; settles: true }[] = [];
    for (const { body, sentAtMs } of sound) {
      if (isReport(body)) {
        run.push({ report: body, settles: true });
        continue;
      }
      await this.home.reports(tx, from, run, after);
      run = [];
      await this.#message(tx, from, { body, sentAtMs }, after);
    }
    await this.home.reports(tx, from, run, after);
  }

  /** A leg id that no home gives names nothing, and would be no good even to be looked up. */
  #isSound(from: MemberId, body: OrderMessageBody): boolean {
    const legId = body.kind === 'leg-new' ? body.leg.legId : 'legId' in body ? body.legId : '';
    if (/^[\x21-\x7e]*$/.test(legId)) return true;
    this.#contradictions.inc({ code: 'LEG_ID_MALFORMED' });
    this.#needs.logger.error({ from, kind: body.kind }, 'order message with a malformed leg id');
    return false;
  }

  async #message(
    tx: Transaction,
    from: MemberId,
    {
      body,
      sentAtMs,
    }: Pick<ReceivedMessage, 'sentAtMs'> & { readonly body: Exclude<OrderMessageBody, LegReport> },
    after: AfterCommit,
  ): Promise<void> {
    switch (body.kind) {
      case 'leg-new':
      case 'leg-cancel':
      case 'leg-status-request':
        return this.#desk.request(tx, from, { body, sentAtMs }, after);
      case 'settlement-request':
      case 'settlement-affirmed':
      case 'settlement-refused':
        return this.#needs.settlement.onMessage(tx, from, body);
      case 'hello':
      case 'acknowledge':
        return;
    }
  }

  #linkDown(member: MemberId): void {
    for (const [legId, watch] of this.#watched) {
      if (watch.venue !== member) continue;
      this.#inBackground(this.#silence(legId, watch, 'The link to the venue went down.'));
    }
  }

  async #silence(legId: string, watch: LegWatch, reason: string): Promise<void> {
    this.#watched.delete(legId);
    this.#unknown.inc();
    this.#needs.logger.warn({ legId, reason }, 'leg unknown');
    const { orderId } = watch;
    try {
      await this.commit((tx, after) => this.home.silence(tx, { orderId, legId, reason }, after));
    } catch (error) {
      const dueMs = this.#needs.nowMs() + this.#options.legDeadlineMs;
      this.#watched.set(legId, { ...watch, dueMs });
      throw error;
    }
  }

  #tick(): void {
    const now = this.#needs.nowMs();
    for (const [legId, watch] of this.#watched) {
      if (watch.dueMs > now) continue;
      this.#inBackground(this.#silence(legId, watch, 'The venue did not answer in time.'));
    }
    if (now >= this.#groupsAtMs) this.#closeOpenGroups();
  }

  /** After a restart nobody waits for these answers any more, so they are asked for. */
  async #askAboutOpenLegs(): Promise<void> {
    for (const { state, instrument } of await readOpenOrders(this.#needs.database)) {
      for (const leg of state.legs) {
        const orderId = state.id;
        if (isComplete(leg)) continue;
        if (leg.venue !== this.#options.venue) {
          const reason = 'The home node restarted.';
          await this.commit((tx, after) =>
            this.home.silence(tx, { orderId, legId: leg.id, reason }, after),
          );
        } else if (state.cancelRequested) {
          this.#inBackground(this.#submit({ kind: 'cancel', orderId: leg.id, instrument }));
        }
      }
    }
  }

  #closeOpenGroups(): void {
    this.#groupsAtMs = Number.POSITIVE_INFINITY;
    const all = async (): Promise<void> => {
      const orderIds = await readOpenGroups(this.#needs.database);
      await Promise.all(orderIds.map((orderId) => this.#closeGroup(orderId)));
    };
    this.#inBackground(all());
  }

  async #closeGroup(orderId: string): Promise<void> {
    const { database, settlement, sessions } = this.#needs;
    try {
      const order = await readOrder(database, { id: orderId });
      if (!order?.groupOpen || isRouting(order.state)) return;
      await settlement.closeGroup(orderId);
      await markGroupClosed(database, orderId, order.lastEvent);
      const venues = new Set(order.state.legs.map(({ venue }) => venue));
      venues.delete(this.#options.venue);
      await Promise.all([...venues].map((venue) => sessions.flush(venue)));
    } catch (error) {
      this.#groupsAtMs = Math.min(this.#groupsAtMs, this.#needs.nowMs() + GROUP_RETRY_MS);
      throw error;
    }
  }
}

function isReport(body: OrderMessageBody): body is LegReport {
  switch (body.kind) {
    case 'leg-accepted':
    case 'leg-rejected':
    case 'leg-executed':
    case 'leg-done':
    case 'leg-status':
      return true;
    default:
      return false;
  }
}

function isMarketEvent(event: VenueEvent): event is VenueMarketEvent {
  const { kind } = event;
  return kind === 'book' || kind === 'print' || kind === 'trading-status' || kind === 'link';
}
