import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { VenueAdapter, VenueEvent, VenueRequest } from '@stoa/adapters';
import type { MemberId, OrderMessageBody, VenueId } from '@stoa/schema';
import { Counter, type Registry } from 'prom-client';
import type { PublishedEvent } from '../market/publisher.ts';
import type { Database, Transaction } from '../store/database.ts';
import { type AfterCommit, afterCommit } from './after-commit.ts';
import { isQuoteMessage, type QuoteDesk } from './executing/quote-desk.ts';
import { refusedOf, VenueDesk } from './executing/venue-desk.ts';
import { isOrderEvent, isPublished, isQuoteEvent } from './executing/venue-event-kinds.ts';
import { holdVenueOrders } from './executing/venue-order-store.ts';
import { type HomeOrderNeeds, HomeOrders } from './home-orders.ts';
import { isReport, isTradeReport, type LegReport, type ToldReport } from './leg-reports.ts';
import { LegWatches, type WatchedLeg } from './leg-watches.ts';
import { isComplete } from './life/order-state.ts';
import { replayOrders } from './order-replay.ts';
import type { StoredOrder } from './order-rows.ts';
import { BookTimes, type NoteStage, orderStages } from './order-stages.ts';
import { holdOrders, orderIdsOf, readOpenOrders } from './order-store.ts';
import { RestingOrders } from './resting-orders.ts';
import type { CrashPoint } from './sessions/crash-points.ts';
import type { OrderSessions } from './sessions/order-session.ts';
import type { ReceivedMessage } from './sessions/peer-inbox.ts';
import { type SettleableOrderNeeds, SettleableOrders } from './settleable-orders.ts';
import { type GroupSettlement, SettlementGroups } from './settlement-groups.ts';
import { CounterpartyGate } from './terms/counterparty-gate.ts';
import { MonthlyNotional } from './terms/monthly-notional.ts';
import type { RoutingAgreements } from './terms/routing-agreements.ts';
import { defaultVenueTerms } from './terms/venue-terms-book.ts';
import { nextTradeNumber } from './trade-book.ts';
import type { OrderSettlement } from './trade-reports.ts';
import { WaitingOrders } from './waiting-orders.ts';

/** Messages of order sessions that are settlement's. */
type SettlementMessage = Extract<OrderMessageBody, { kind: `settlement-${string}` }>;

/** Settlement, as orders need it. */
interface OrderWorkSettlement extends OrderSettlement, GroupSettlement {
  onMessage(tx: Transaction, from: MemberId, body: SettlementMessage): Promise<void>;
}

export interface OrderWorkOptions {
  readonly venue: VenueId;
  /** How long a venue may leave a leg unanswered before it counts as unknown. */
  readonly legDeadlineMs: number;
  /** How often deadlines are looked at. */
  readonly tickMs: number;
}

export interface OrderWorkNeeds
  extends Omit<
    HomeOrderNeeds,
    | 'isVenueReady'
    | 'settleable'
    | 'capabilities'
    | 'resting'
    | 'monthlyNotional'
    | 'ownLegs'
    | 'onContradiction'
    | 'sessions'
  > {
  readonly database: Database;
  readonly settleableNow: SettleableOrderNeeds['settleableNow'];
  readonly adapter: VenueAdapter;
  readonly sessions: OrderSessions;
  readonly settlement: OrderWorkSettlement;
  readonly agreements: RoutingAgreements;
  /** Gets what the venue says of its market, in order, after what it said of orders is durable. */
  readonly onMarketEvents: (events: readonly PublishedEvent[]) => void;
  readonly metrics: Registry;
  /** Undefined: nothing is negotiated here. */
  readonly quotes?: QuoteDesk | undefined;
  /** Undefined: nothing crashes on purpose. */
  readonly crashPoint?: CrashPoint | undefined;
}

const STOP_WITHIN_MS = 1_500;
/** Orders whose events are read together. */
const CHECKED_AT_ONCE = 500;

/**
 * Joins the two sides of orders at a node, as home and as venue, to the store, the book, the sessions
 * and the clock. Every change is one transaction; what it makes necessary is done after its commit.
 */
export class OrderWork {
  readonly home: HomeOrders;
  /** How much of orders could still settle. */
  readonly settleable: SettleableOrders;
  readonly #options: OrderWorkOptions;
  readonly #needs: OrderWorkNeeds;
  readonly #onChanged: (orders: readonly StoredOrder[]) => void;
  readonly #desk: VenueDesk;
  readonly #watches = new LegWatches();
  readonly #running = new Set<Promise<void>>();
  readonly #ended = new AbortController();
  readonly #contradictions: Counter<'code'>;
  readonly #unknown: Counter;
  readonly #groups: SettlementGroups;
  readonly #waiting: WaitingOrders;
  readonly #stage: NoteStage;
  readonly #booking: BookTimes;
  #deliveries: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  /** @param onChanged told of orders, as they stand, after each commit that changed them */
  constructor(
    options: OrderWorkOptions,
    needs: OrderWorkNeeds,
    onChanged: (orders: readonly StoredOrder[]) => void,
  ) {
    this.#options = options;
    this.#needs = needs;
    const resting = new RestingOrders();
    this.settleable = new SettleableOrders(needs);
    const monthly = new MonthlyNotional(needs);
    this.#onChanged = (changed) => {
      resting.note(changed);
      this.settleable.note(changed);
      onChanged(changed);
    };
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
    this.#stage = orderStages(needs.metrics);
    this.#booking = new BookTimes(this.#stage);
    const { capabilities } = needs.adapter;
    this.home = new HomeOrders(venue, {
      ...needs,
      isVenueReady: () => needs.adapter.link === 'ready',
      capabilities,
      resting,
      settleable: this.settleable,
      monthlyNotional: (member, of) => monthly.of(member, of),
      ownLegs: (tx, own, after) => this.#desk.ownLegs(tx, own, after),
      onContradiction: (code) => this.#contradictions.inc({ code }),
    });
    const terms = needs.terms.of(venue)?.terms ?? defaultVenueTerms(capabilities);
    this.#desk = new VenueDesk(venue, {
      ...needs,
      capabilities,
      calendar: terms.calendar,
      accepts: (order) => needs.adapter.accepts?.(order) ?? false,
      gate: new CounterpartyGate(venue, { ...needs, terms }),
      tellOwnHome: (tx, told, after) => this.home.reports(tx, venue, told, after),
    });
    this.#groups = new SettlementGroups(needs);
    this.#waiting = new WaitingOrders({
      ...needs,
      release: (ids) => this.#release(ids),
      askStatus: (legs) => this.commit((tx, after) => this.home.askStatus(tx, legs, after)),
    });
  }

  /** Runs a change as one transaction, and then what it makes necessary. */
  async commit<T>(change: (tx: Transaction, after: AfterCommit) => Promise<T>): Promise<T> {
    const { result, run } = await this.#transaction(change);
    run();
    return result;
  }

  /** What waited is held against its wallets before it goes on: they may have changed meanwhile. */
  async #release(orderIds: readonly string[]): Promise<void> {
    await this.settleable.ask(orderIds);
    await this.commit((tx, after) => this.home.release(tx, orderIds, after));
  }

  /** Puts the desk in order, opens the book, then the sessions; asks about everything in doubt. */
  async start(): Promise<void> {
    const { adapter, database, sessions } = this.#needs;
    const { venue } = this.#options;
    const open = await readOpenOrders(database);
    await this.#checkDerived(open);
    this.#onChanged(open);
    await this.settleable.restore(open);
    const recovered = await this.#transaction(async (tx, after) => {
      const restored = await this.#desk.recover(tx, after);
      await this.#needs.quotes?.recover(tx, after);
      return restored;
    });
    await adapter.start({
      sink: { deliver: (events) => this.#deliver(events) },
      openOrders: recovered.result,
      nextTradeNumber: await nextTradeNumber(database, venue),
      signal: this.#ended.signal,
    });
    recovered.run();
    sessions.onLink((member, up) => {
      if (!up) this.#silenceAll(this.#watches.takeAt(member), 'The link to the venue went down.');
    });
    sessions.start(async (tx, from, messages) => {
      const after = afterCommit();
      await this.#messages(tx, from, messages, after);
      return () => this.#run(after);
    });
    await this.#askAboutOpenLegs(open);
    void this.#inBackground(this.#groups.closeAll());
    this.#timer = setInterval(() => this.#tick(), this.#options.tickMs);
  }

  /** Takes no more and lets what runs come to its end, though not for long. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.race([this.#windUp(), sleep(STOP_WITHIN_MS, undefined, { ref: false })]);
    this.#ended.abort();
  }

  /**
   * Takes every open order off this venue's own book, or those of one instrument, whosever they are.
   * Their homes hear of each as of a cancel that nobody asked for.
   */
  async massCancel(instrument?: string): Promise<void> {
    const { adapter } = this.#needs;
    if (adapter.capabilities.massCancel) {
      return this.#submit({
        kind: 'mass-cancel',
        ...(instrument === undefined ? {} : { instrument }),
      });
    }
    const requests = await this.#needs.database.transaction((tx) =>
      this.#desk.cancelRequests(tx, instrument),
    );
    for (const request of requests) await this.#submit(request);
  }

  async #windUp(): Promise<void> {
    await this.#needs.adapter.stop();
    await this.#needs.sessions.stop();
    await Promise.allSettled([...this.#running, this.#deliveries]);
  }

  async #transaction<T>(
    change: (tx: Transaction, after: AfterCommit) => Promise<T>,
  ): Promise<{ result: T; run: () => void }> {
    const { crashPoint, database } = this.#needs;
    const after = afterCommit();
    const result = await database.transaction(async (tx) => {
      const value = await change(tx, after);
      crashPoint?.('before-commit');
      return value;
    });
    crashPoint?.('after-commit');
    return { result, run: () => this.#run(after) };
  }

  #run(after: AfterCommit): void {
    const dueMs = this.#needs.nowMs() + this.#options.legDeadlineMs;
    for (const [legId, watch] of after.watches) this.#watches.set(legId, watch, dueMs);
    for (const request of after.requests) void this.#inBackground(this.#submit(request));
    const { repeated } = after;
    if (repeated.length > 0) {
      const tell = this.commit((tx, next) => this.#desk.repeated(tx, repeated, next));
      void this.#inBackground(tell);
    }
    for (const tell of after.tell) tell();
    const changed = [...after.changed.values()];
    this.#waiting.note(changed);
    if (changed.length > 0) this.#onChanged(changed);
    // Last, because nobody waits for it.
    for (const orderId of after.groups) void this.#inBackground(this.#groups.close(orderId));
  }

  #inBackground(work: Promise<void>): Promise<void> {
    const settled = work
      .catch((error: unknown) => {
        this.#needs.logger.error({ err: error }, 'order work failed');
      })
      .finally(() => this.#running.delete(settled));
    this.#running.add(settled);
    return settled;
  }

  async #submit(request: VenueRequest): Promise<void> {
    this.#booking.given(request);
    const receipt = await this.#needs.adapter.submit(request);
    if (receipt.outcome === 'taken') return;
    this.#booking.refused(request);
    const { kind } = request;
    if (receipt.outcome === 'outcome-unknown') {
      const legIds = refusedOf(request).map(({ legId }) => legId);
      this.#needs.logger.warn({ kind, legIds }, 'the venue may or may not have it');
      return this.#needs.adapter.reconcile();
    }
    const refused = refusedOf(request);
    if (refused.length === 0) {
      this.#needs.logger.warn({ kind, ...receipt.rejection }, 'the venue refused a request');
      return;
    }
    const { rejection } = receipt;
    await this.commit(async (tx, after) => {
      for (const one of refused) await this.#desk.refused(tx, one, rejection, after);
    });
  }

  /** One delivery at a time, in order; resolves when it is durable. */
  #deliver(events: readonly VenueEvent[]): Promise<void> {
    const delivery = this.#deliveries.then(async () => {
      const ofOrders = events.filter(isOrderEvent);
      const ofQuotes = events.filter(isQuoteEvent);
      if (ofOrders.length > 0 || ofQuotes.length > 0) {
        this.#booking.answered(ofOrders);
        const begunMs = performance.now();
        const { run } = await this.#transaction(async (tx, after) => {
          if (ofOrders.length > 0) await this.#desk.events(tx, ofOrders, after);
          if (ofQuotes.length > 0) await this.#needs.quotes?.events(tx, ofQuotes, after);
        });
        // The homes of these orders were told with the commit: they wait, and come before the market.
        run();
        this.#stage('told', begunMs);
      }
      const published = events.filter(isPublished);
      if (published.length > 0) this.#needs.onMarketEvents(published);
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
    // Nothing of quotes waits for an order: they come first, as they do where a member accepts one, so
    // that no two transactions hold what the other one needs.
    for (const { body, ...how } of sound) {
      if (isQuoteMessage(body))
        await this.#needs.quotes?.message(tx, from, { ...how, body }, after);
    }
    const reported = sound.flatMap(({ body }) => (isReport(body) ? [body.legId] : []));
    const asked = sound.flatMap(({ body }) =>
      !isReport(body) && 'legId' in body ? [body.legId] : [],
    );
    // All at once and in one order: no two transactions wait for each other's orders. What is applied
    // in one go holds them so anyway.
    const atOnce = sound.every(({ body }) => isReport(body) && !isTradeReport(body));
    if (!atOnce) await holdOrders(tx, orderIdsOf(reported));
    await holdVenueOrders(tx, asked);
    let run: ToldReport[] = [];
    for (const message of sound) {
      const { body, signed } = message;
      if (isReport(body)) {
        run.push({ report: body, settles: true, signed });
        continue;
      }
      await this.home.reports(tx, from, run, after);
      run = [];
      await this.#message(tx, from, { ...message, body }, after);
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
      case 'leg-replace':
      case 'leg-status-request':
        return this.#desk.request(tx, from, { body, sentAtMs }, after);
      case 'settlement-request':
      case 'settlement-affirmed':
      case 'settlement-mandates':
      case 'settlement-mandates-held':
      case 'settlement-refused':
        return this.#needs.settlement.onMessage(tx, from, body);
      case 'quote-request':
      case 'quote-request-rejected':
      case 'quote-request-cancel':
      case 'quote':
      case 'quote-ended':
      case 'hello':
      case 'acknowledge':
      case 'venue-terms':
        return;
    }
  }

  #silenceAll(legs: readonly WatchedLeg[], reason: string): void {
    for (const leg of legs) void this.#inBackground(this.#silence(leg, reason));
  }

  async #silence({ legId, orderId, venue }: WatchedLeg, reason: string): Promise<void> {
    this.#unknown.inc();
    this.#needs.logger.warn({ legId, reason }, 'leg unknown');
    try {
      await this.commit((tx, after) => this.home.silence(tx, { orderId, legId, reason }, after));
    } catch (error) {
      const dueMs = this.#needs.nowMs() + this.#options.legDeadlineMs;
      this.#watches.set(legId, { orderId, venue }, dueMs);
      throw error;
    }
  }

  #tick(): void {
    const now = this.#needs.nowMs();
    this.#silenceAll(this.#watches.takeOverdue(now), 'The venue did not answer in time.');
    void this.#inBackground(this.#groups.tick(now));
    void this.#inBackground(this.#waiting.tick(now));
  }

  /** What is kept of open orders is what follows from their events: loud where it is not. */
  async #checkDerived(open: readonly StoredOrder[]): Promise<void> {
    for (let first = 0; first < open.length; first += CHECKED_AT_ONCE) {
      const some = open.slice(first, first + CHECKED_AT_ONCE);
      const ids = some.map(({ state }) => state.id);
      try {
        const derived = await replayOrders(this.#needs.database, ids);
        const odd = some.filter(({ state }) => !isDeepStrictEqual(derived.get(state.id), state));
        for (const { state } of odd) {
          this.#needs.logger.error({ orderId: state.id }, 'an order is not what its events say');
        }
      } catch (error) {
        this.#needs.logger.error({ err: error }, 'the events of open orders contradict themselves');
      }
    }
  }

  /** After a restart nobody waits for these answers any more, so they are asked for. */
  async #askAboutOpenLegs(open: readonly StoredOrder[]): Promise<void> {
    const reason = 'The home node restarted.';
    for (const { state } of open) {
      const orderId = state.id;
      for (const { id: legId, ...leg } of state.legs) {
        if (leg.venue === this.#options.venue || isComplete({ id: legId, ...leg })) continue;
        await this.commit((tx, after) => this.home.silence(tx, { orderId, legId, reason }, after));
      }
    }
  }
}
