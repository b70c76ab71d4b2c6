import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type {
  Instrument,
  LegRejection,
  Level,
  Price,
  Quantity,
  TradingCalendar,
} from '@stoa/schema';
import { EmbeddedVenue } from '../embedded/embedded-venue.ts';
import { TestClock } from '../embedded/testing/test-clock.ts';
import type { VenueEvent, VenueOrder, VenueRequest } from '../venue-adapter.ts';

/** A fill of one order at the stand-in. */
export interface StandInFill {
  readonly id: string;
  readonly tradeId: string;
  price: Price;
  quantity: Quantity;
  readonly atMs: number;
}

/** An order as the stand-in keeps it. */
export interface StandInOrder {
  readonly order: VenueOrder;
  readonly venueOrderId: string;
  quantity: Quantity;
  limitPrice: Price;
  state: 'pending' | 'live' | 'filled' | 'canceled' | 'expired' | 'rejected' | 'done-for-day';
  readonly fills: StandInFill[];
  rejection?: LegRejection;
}

/** A trade as the public sees it. */
export interface StandInTrade {
  readonly id: string;
  readonly price: Price;
  readonly quantity: Quantity;
  readonly atMs: number;
}

/** What happens at the stand-in, for servers that push. */
export type StandInNews =
  | { readonly kind: 'order'; readonly order: StandInOrder }
  | { readonly kind: 'fill'; readonly order: StandInOrder; readonly fill: StandInFill }
  | { readonly kind: 'bust' | 'correct'; readonly fill: StandInFill; readonly order: StandInOrder }
  | { readonly kind: 'book' }
  | { readonly kind: 'trade'; readonly trade: StandInTrade }
  | { readonly kind: 'trading' };

export interface StandInOptions {
  readonly instrument: Instrument;
  /** Where every request that was taken is noted, so that the venue is the same after a kill. */
  readonly file: string;
  /** Absent: always open, by the process's clock. */
  readonly sessions?: boolean;
}

const CALENDAR: TradingCalendar = {
  ...{ timeZone: 'UTC', weekdays: [1, 2, 3, 4, 5, 6, 7] },
  ...{ entryOpen: '08:00', open: '09:00', close: '17:00', holidays: [], earlyCloses: [] },
};
const NOON = Date.parse('2027-03-01T12:00:00Z');
const HOUR_MS = 3_600_000;

type Noted =
  | { readonly order: VenueOrder; readonly venueOrderId: string }
  | { readonly event: VenueEvent };

/**
 * A venue for tests of wires: a real matching engine, with orders and trades as a venue would keep and
 * show them. Everything is noted before it is answered, so that it is the same again after a kill.
 */
export class StandInVenue {
  readonly instrument: Instrument;
  readonly orders = new Map<string, StandInOrder>();
  readonly trades: StandInTrade[] = [];
  bids: readonly Level[] = [];
  offers: readonly Level[] = [];
  halted = true;
  haltReason = '';
  readonly #file: string;
  readonly #clock: TestClock | undefined;
  readonly #engine: EmbeddedVenue;
  readonly #byVenueId = new Map<string, StandInOrder>();
  readonly #listeners = new Set<(news: StandInNews) => void>();
  readonly #ended = new AbortController();
  readonly #waiting = new Map<string, () => void>();
  #lastId = 1_000;

  constructor({ instrument, file, sessions = false }: StandInOptions) {
    this.instrument = instrument;
    this.#file = file;
    // A venue that restarts is later than it was.
    this.#clock = sessions ? new TestClock(NOON + this.#noted().length) : undefined;
    const nowMs = this.#clock?.nowMs ?? Date.now;
    this.#engine = new EmbeddedVenue({
      ...{ venue: 'stand-in', instruments: [instrument], nowMs, selfTrade: 'allowed' },
      flowOwner: { member: 'stand-in', account: `0x${'00'.repeat(20)}` },
      ...(this.#clock && { calendar: CALENDAR, timer: this.#clock.timer }),
    });
  }

  async start(): Promise<void> {
    const noted = this.#noted();
    this.#lastId += noted.length;
    for (const one of noted) {
      if ('order' in one) this.#keep(one.order, one.venueOrderId);
      else this.#apply(one.event);
    }
    const open = [...this.orders.values()].filter(({ state }) =>
      ['live', 'done-for-day'].includes(state),
    );
    // What was noted and not answered was never entered: its sender finds it pending no more.
    for (const [id, { state }] of this.orders) if (state === 'pending') this.#drop(id);
    await this.#engine.start({
      sink: { deliver: async (events) => this.#deliver(events) },
      openOrders: open.map((one) => ({
        order: { ...one.order, quantity: one.quantity, limitPrice: one.limitPrice },
        filled: cumulativeOf(one),
      })),
      nextTradeNumber: this.trades.length + 1,
      signal: this.#ended.signal,
    });
  }

  async stop(): Promise<void> {
    await this.#engine.stop();
    this.#ended.abort();
  }

  onNews(listener: (news: StandInNews) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  byVenueId(venueOrderId: string): StandInOrder | undefined {
    return this.#byVenueId.get(venueOrderId);
  }

  /** Takes an order; resolves when the engine has said something of it. The same id is taken once. */
  async enter(order: VenueOrder): Promise<StandInOrder> {
    const known = this.orders.get(order.orderId);
    if (known) return known;
    this.#lastId += 1;
    const venueOrderId = `V${this.#lastId}`;
    this.#note({ order, venueOrderId });
    const kept = this.#keep(order, venueOrderId);
    await this.#request({ kind: 'new', order }, order.orderId);
    return kept;
  }

  /** Cancels or replaces; resolves with why not, or undefined when it was done. */
  async change(
    request: Extract<VenueRequest, { kind: 'cancel' | 'replace' }>,
  ): Promise<LegRejection | undefined> {
    const refused = { current: undefined as LegRejection | undefined };
    this.#refusals.set(request.orderId, refused);
    await this.#request(request, request.orderId);
    this.#refusals.delete(request.orderId);
    return refused.current;
  }

  async cancelAll(): Promise<void> {
    for (const { order, state } of this.orders.values()) {
      const { orderId, instrument } = order;
      if (state === 'live') await this.change({ kind: 'cancel', orderId, instrument });
    }
  }

  readonly #refusals = new Map<string, { current: LegRejection | undefined }>();

  async #request(request: VenueRequest, orderId: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.set(orderId, resolve);
    const receipt = await this.#engine.submit(request);
    if (receipt.outcome === 'refused') {
      const refused = this.#refusals.get(orderId);
      if (refused) refused.current = receipt.rejection;
      else this.#deliver([{ kind: 'rejected', orderId, rejection: receipt.rejection }]);
      resolve();
    }
    await promise;
  }

  halt(reason = 'news'): void {
    this.#engine.halt(this.instrument.id, reason);
  }

  resume(reason = 'news is out'): void {
    this.#engine.resume(this.instrument.id, reason);
  }

  /** By hours from noon of the first day; needs `sessions`. */
  passToHour(hours: number): void {
    this.#clock?.passTo(NOON + hours * HOUR_MS);
  }

  nowMs(): number {
    return this.#clock?.nowMs() ?? Date.now();
  }

  passTo(atMs: number): void {
    this.#clock?.passTo(atMs);
  }

  async cancelUnasked(orderId: string): Promise<void> {
    await this.#engine.cancel(orderId, 'surveillance');
  }

  /** Undoes or corrects the trade that this fill is of, on both its sides. */
  async changeTrade(
    tradeId: string,
    to: { readonly price: Price; readonly quantity: Quantity } | undefined,
  ): Promise<void> {
    if (to) await this.#engine.correct(tradeId, to);
    else await this.#engine.bust(tradeId, 'clearly erroneous');
  }

  #keep(order: VenueOrder, venueOrderId: string): StandInOrder {
    const { quantity, limitPrice } = order;
    const kept: StandInOrder = {
      ...{ order, venueOrderId, quantity, limitPrice, state: 'pending', fills: [] },
    };
    this.orders.set(order.orderId, kept);
    this.#byVenueId.set(venueOrderId, kept);
    return kept;
  }

  #drop(orderId: string): void {
    this.#byVenueId.delete(this.orders.get(orderId)?.venueOrderId ?? '');
    this.orders.delete(orderId);
  }

  #deliver(events: readonly VenueEvent[]): void {
    const lasting = events.filter(({ kind }) => !['book', 'link', 'trading-status'].includes(kind));
    for (const event of lasting) this.#note({ event });
    for (const event of events) this.#apply(event);
    for (const event of events) {
      if (!('orderId' in event)) continue;
      this.#waiting.get(event.orderId)?.();
      this.#waiting.delete(event.orderId);
    }
  }

  #apply(event: VenueEvent): void {
    const order = 'orderId' in event ? this.orders.get(event.orderId) : undefined;
    switch (event.kind) {
      case 'accepted':
        if (order) order.state = 'live';
        break;
      case 'rejected':
        if (order) Object.assign(order, { state: 'rejected', rejection: event.rejection });
        break;
      case 'done':
        if (order) order.state = event.state;
        break;
      case 'done-for-day':
        if (order) order.state = 'done-for-day';
        break;
      case 'order-status':
        if (order?.state === 'done-for-day' && event.status === 'new') order.state = 'live';
        break;
      case 'replaced':
        if (order) Object.assign(order, { quantity: event.quantity, limitPrice: event.limitPrice });
        break;
      case 'cancel-rejected':
      case 'replace-rejected': {
        const refused = this.#refusals.get(event.orderId);
        if (refused) refused.current = event.rejection;
        return;
      }
      case 'executed':
        return this.#executed(event);
      case 'busted':
        return this.#changed(event.executionId, { price: 0, quantity: 0 }, 'bust');
      case 'corrected':
        return this.#changed(event.execution.executionId, event.execution, 'correct');
      case 'print': {
        const { executionId: id, price, quantity, executedAtMs: atMs } = event;
        const trade = { id, price, quantity, atMs };
        this.trades.push(trade);
        return this.#say({ kind: 'trade', trade });
      }
      case 'book':
        this.bids = event.bids;
        this.offers = event.offers;
        return this.#say({ kind: 'book' });
      case 'trading-status':
        this.halted = event.state === 'halted';
        this.haltReason = event.reason;
        return this.#say({ kind: 'trading' });
      case 'link':
      case 'quote':
      case 'quote-ended':
        return;
    }
    if (order) this.#say({ kind: 'order', order });
  }

  #executed({ execution, parties }: Extract<VenueEvent, { kind: 'executed' }>): void {
    const { executionId: tradeId, price, quantity, executedAtMs: atMs } = execution;
    for (const [side, orderId] of [
      ['B', parties.buyOrderId],
      ['S', parties.sellOrderId],
    ] as const) {
      const order = this.orders.get(orderId ?? '');
      if (!order) continue;
      const fill = { id: `${tradeId}-${side}`, tradeId, price, quantity, atMs };
      order.fills.push(fill);
      this.#say({ kind: 'fill', order, fill });
    }
  }

  #changed(
    tradeId: string,
    { price, quantity }: { readonly price: Price; readonly quantity: Quantity },
    kind: 'bust' | 'correct',
  ): void {
    for (const order of this.orders.values()) {
      for (const fill of order.fills) {
        if (fill.tradeId !== tradeId) continue;
        Object.assign(fill, { price: quantity === 0 ? fill.price : price, quantity });
        this.#say({ kind, fill, order });
      }
    }
  }

  #say(news: StandInNews): void {
    for (const listener of this.#listeners) listener(news);
  }

  #note(noted: Noted): void {
    appendFileSync(this.#file, `${JSON.stringify(noted)}\n`);
  }

  #noted(): Noted[] {
    if (!existsSync(this.#file)) return [];
    const lines = readFileSync(this.#file, 'utf8').split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Noted);
  }
}

/** Executed of an order in all. */
export function cumulativeOf({ fills }: StandInOrder): Quantity {
  return fills.reduce((sum, { quantity }) => sum + quantity, 0);
}

/** Price × quantity of all of it. */
export function amountOf({ fills }: StandInOrder): bigint {
  return fills.reduce((sum, one) => sum + BigInt(one.price) * BigInt(one.quantity), 0n);
}
