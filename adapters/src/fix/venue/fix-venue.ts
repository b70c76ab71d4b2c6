import {
  CodedError,
  type Instrument,
  type InstrumentId,
  TIMES_IN_FORCE,
  type VenueId,
} from '@stoa/schema';
import { EventOutbox } from '../../event-outbox.ts';
import { rejectionOf } from '../../rejections.ts';
import type {
  LinkState,
  Receipt,
  VenueAdapter,
  VenueCapabilities,
  VenueEvent,
  VenueListings,
  VenueRequest,
  VenueStart,
} from '../../venue-adapter.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { Durability } from '../session/append-log.ts';
import type { Delivery, SessionNotice } from '../session/session-settings.ts';
import { FixFields } from '../wire/fix-fields.ts';
import type { FixNote } from './fix-order.ts';
import { MarketDesk } from './market-desk.ts';
import { OrderDesk } from './order-desk.ts';
import { SecurityList } from './security-list.ts';
import { type Outcome, VenueOrders } from './venue-orders.ts';
import { VenueSession, type VenueSessionOptions } from './venue-session.ts';

/** More than this not yet durable, and the venue is not read from until half of it is. */
const MAX_PENDING_EVENTS = 4_000;
const TICK_MS = 250;
const STOP_WITHIN_MS = 3_000;
/** First byte of a note that is a message of the venue, by the session it came on. */
const FROM_ORDERS = 0x4f;
const FROM_DROP_COPY = 0x44;

/** A notice for the operator: of a session, or of what a venue says that does not fit. */
export interface FixVenueNotice {
  readonly session: string;
  readonly code: string;
  readonly text: string;
}

export interface FixVenueOptions {
  readonly venue: VenueId;
  readonly dialect: Dialect;
  readonly instruments: readonly Instrument[];
  /** The venue's symbols, where they are not the instruments' own. */
  readonly symbols: ReadonlyMap<InstrumentId, string>;
  readonly walletOf: (contra: string | undefined) => `0x${string}`;
  readonly orders: VenueSessionOptions;
  /** Absent: market data comes on the order session. */
  readonly marketData?: VenueSessionOptions;
  readonly dropCopy?: VenueSessionOptions;
  /** The adapter's own: numbers, messages and what is known of orders stand there. */
  readonly folder: string;
  readonly durability: Durability;
  readonly nowMs: () => number;
  readonly maxRequestsPerSecond: number;
  readonly answerTimeoutMs: number;
  readonly throttleRestMs: number;
  /** A start waits so long for the venue, and then goes on without it. */
  readonly startTimeoutMs: number;
  readonly onNotice: (notice: FixVenueNotice) => void;
}

/**
 * A venue that speaks FIX, as an initiator towards it: an order session, and where the venue has them
 * a market data and a drop copy session.
 *
 * What goes out stands in the order session's log, with what the request was, before it is on the
 * wire. What comes in is acknowledged when the sink has its effects: then the message itself is added
 * to the log, and a start reads all of it again. An order's ids, a trade's number and which executions
 * were told thus survive any crash with the session's numbers, or are told again by the venue.
 */
export class FixVenue implements VenueAdapter {
  readonly venue: VenueId;
  readonly capabilities: VenueCapabilities;
  readonly #options: FixVenueOptions;
  readonly #instruments: ReadonlyMap<InstrumentId, Instrument>;
  readonly #symbols: ReadonlyMap<string, Instrument>;
  #link: LinkState = 'stopped';
  #running: Running | undefined;

  constructor(options: FixVenueOptions) {
    const { dialect, instruments, symbols } = options;
    this.#options = options;
    this.venue = options.venue;
    this.#instruments = new Map(instruments.map((one) => [one.id, one]));
    this.#symbols = new Map(instruments.map((one) => [symbols.get(one.id) ?? one.symbol, one]));
    if (this.#symbols.size !== instruments.length) {
      throw new CodedError('FIX_SYMBOLS_TWICE', 'Two instruments have the same symbol.');
    }
    const { orders, marketData, timesInForce, securityList } = dialect;
    this.capabilities = {
      timesInForce: TIMES_IN_FORCE.filter((one) => timesInForce[one] !== undefined),
      ...{ replace: orders.replace, massCancel: true, allOrNone: orders.allOrNone },
      ...{ minQuantity: orders.minQuantity, displayQuantity: orders.displayQuantity },
      depthLevels: marketData === undefined ? 0 : marketData.topOfBook ? 1 : 10,
      ...{ statusRequest: orders.status, external: true, joinsTrades: false },
      listsInstruments: securityList !== undefined,
    };
  }

  get link(): LinkState {
    return this.#link;
  }

  /**
   * Reads the log, connects, finds out where every open order stands and becomes ready. A venue that
   * is not reached within the time for it is no failure: the link says so, and goes on trying.
   *
   * @throws CodedError `VENUE_STARTED`; `FIX_STORE_CORRUPT` when the log was changed from outside.
   */
  async start(start: VenueStart): Promise<void> {
    if (this.#running !== undefined) {
      throw new CodedError('VENUE_STARTED', `venue ${this.venue} is started already`);
    }
    const running = new Running(this.#options, this.#instruments, this.#symbols, start, {
      setLink: (state, reason) => this.#setLink(running, state, reason),
    });
    this.#running = running;
    start.signal.addEventListener('abort', () => this.#abort(running), { once: true });
    if (start.signal.aborted) this.#abort(running);
    running.connect();
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.#options.startTimeoutMs);
    await Promise.race([running.ready, late]);
    clearTimeout(timer);
    await running.outbox.drained();
  }

  async submit(request: VenueRequest): Promise<Receipt> {
    const running = this.#running;
    if (running === undefined || this.#link !== 'ready') {
      return { outcome: 'refused', rejection: rejectionOf('not-ready') };
    }
    if (running.outbox.pending >= MAX_PENDING_EVENTS) {
      return { outcome: 'refused', rejection: rejectionOf('busy') };
    }
    return running.desk.submit(request);
  }

  async reconcile(): Promise<void> {
    await this.#running?.desk.reconcile();
    await this.#running?.outbox.drained();
  }

  async instruments(): Promise<VenueListings> {
    const running = this.#running;
    if (running === undefined || this.#link !== 'ready') {
      return { outcome: 'refused', rejection: rejectionOf('not-ready') };
    }
    return running.securities.ask();
  }

  /** Logs out, delivers what is left (for at most three seconds), and forgets the rest. */
  async stop(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#setLink(running, 'draining');
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, STOP_WITHIN_MS);
    await Promise.race([running.outbox.drained(), late]);
    await Promise.race([running.logout(), late]);
    clearTimeout(timer);
    this.#abort(running);
  }

  #abort(running: Running): void {
    running.abort();
    if (this.#running !== running) return;
    this.#running = undefined;
    this.#link = 'stopped';
  }

  #setLink(running: Running, state: LinkState, reason?: string): void {
    if (running.isEnded || (this.#link === state && reason === undefined)) return;
    this.#link = state;
    running.outbox.push({ kind: 'link', state, ...(reason !== undefined && { reason }) });
  }
}

/** One start of the adapter: its sessions, its orders, its way to the sink. */
class Running {
  readonly outbox: EventOutbox;
  readonly desk: OrderDesk;
  readonly securities: SecurityList;
  readonly ready: Promise<void>;
  readonly #options: FixVenueOptions;
  readonly #orders: VenueOrders;
  readonly #market: MarketDesk;
  readonly #sessions: VenueSession[] = [];
  readonly #orderSession: VenueSession;
  readonly #setLink: (state: LinkState, reason?: string) => void;
  readonly #becameReady: () => void;
  readonly #ticker: NodeJS.Timeout;
  #lastNotice: string | undefined;
  #recovered = false;
  #sinkFails = false;
  #paused = false;
  isEnded = false;

  constructor(
    options: FixVenueOptions,
    instruments: ReadonlyMap<InstrumentId, Instrument>,
    symbols: ReadonlyMap<string, Instrument>,
    { sink, openOrders, nextTradeNumber }: VenueStart,
    needs: { readonly setLink: (state: LinkState, reason?: string) => void },
  ) {
    this.#options = options;
    this.#setLink = needs.setLink;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.ready = promise;
    this.#becameReady = resolve;
    this.outbox = new EventOutbox({
      sink,
      durable: () => this.#orderSession.store.synced(),
      changedBooks: () => this.#market.changedBooks(),
      onHealth: (healthy, cause) => this.#onSinkHealth(healthy, cause),
    });
    const { venue, dialect, walletOf, nowMs } = options;
    const onProblem = (code: string, text: string): void =>
      options.onNotice({ session: 'orders', code, text });
    const notes: Buffer[] = [];
    this.#orders = new VenueOrders({
      ...{ venue, dialect, instruments, walletOf, onProblem },
      isHalted: (instrument) => this.#market.isHalted(instrument),
      onNumbered: (executionId, tradeNumber) =>
        this.#note({ note: 'number', executionId, tradeNumber }),
    });
    this.#orderSession = this.#session('orders', options.orders, {
      onNote: (note) => notes.push(Buffer.from(note)),
      snapshot: () => this.#orders.snapshot().map(noteBytes),
    });
    const marketSession =
      options.marketData === undefined
        ? this.#orderSession
        : this.#session('market-data', options.marketData);
    if (options.dropCopy !== undefined) this.#session('drop-copy', options.dropCopy);
    const push = (events: readonly VenueEvent[]): void => this.outbox.pushAll(events);
    this.#market = new MarketDesk({
      ...{ dialect, symbols, push, onProblem, runner: marketSession.runner },
      onBookChanged: () => this.outbox.bookChanged(),
    });
    this.securities = new SecurityList({
      ...{ dialect, symbols, onProblem, runner: marketSession.runner },
      answerTimeoutMs: options.answerTimeoutMs,
    });
    const names = new Map([...symbols].map(([symbol, { id }]) => [id, symbol]));
    this.desk = new OrderDesk(
      { ...options, instruments, symbolOf: (id) => names.get(id) ?? '' },
      {
        ...{ orders: this.#orders, runner: this.#orderSession.runner, nowMs, push },
        isReady: () => this.#recovered && this.#orderSession.runner.isUp,
      },
    );
    this.#readLog(notes);
    this.#orders.beginNumbers(nextTradeNumber);
    for (const { order, filled } of openOrders) {
      if (this.#orders.get(order.orderId) !== undefined || !instruments.has(order.instrument))
        continue;
      this.#orders.add(order, filled);
      this.#note({ note: 'known', order, filled });
    }
    this.#ticker = setInterval(() => this.desk.tick(), TICK_MS);
  }

  connect(): void {
    for (const session of this.#sessions) session.connect();
  }

  async logout(): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.stop()));
  }

  /** As the end of the process would. */
  abort(): void {
    if (this.isEnded) return;
    this.isEnded = true;
    clearInterval(this.#ticker);
    this.securities.lose();
    this.outbox.close();
    for (const session of this.#sessions) session.abort();
    this.#becameReady();
  }

  #session(
    name: 'orders' | 'market-data' | 'drop-copy',
    options: VenueSessionOptions,
    log: { onNote?: (note: Buffer) => void; snapshot?: () => readonly Buffer[] } = {},
  ): VenueSession {
    const { folder, durability, nowMs } = this.#options;
    const orders = name === 'orders';
    const session: VenueSession = new VenueSession(options, {
      ...{ name, folder, durability, nowMs, ...log },
      onMessage: (delivery) => this.#message(name, session, delivery),
      ...(orders && { onWithheld: (seq: number) => this.#withheld(seq) }),
      onConnecting: () => orders && this.#setLink('connecting', this.#takeNotice()),
      onConnected: () => orders && this.#setLink('authenticating'),
      onEstablished: () => {
        if (name === 'market-data') this.#market.subscribe();
        else if (orders) void this.#recover();
      },
      onDown: () => this.#down(name),
      onNotice: (of, notice) => this.#notice(of, notice),
    });
    this.#sessions.push(session);
    return session;
  }

  /** Ready only when everything the venue had to say, and where every order stands, is known. */
  async #recover(): Promise<void> {
    const { runner } = this.#orderSession;
    this.#setLink('recovering');
    if (this.#options.marketData === undefined) this.#market.subscribe();
    if (!(await runner.ping()) || this.isEnded) return;
    await this.desk.reconcile();
    if (this.isEnded || !runner.isUp) return;
    this.#recovered = true;
    this.#lastNotice = undefined;
    this.#setLink(this.#sinkFails ? 'degraded' : 'ready');
    this.#becameReady();
  }

  #withheld(seq: number): void {
    const text = `Message ${seq} is too old to be sent again`;
    this.#options.onNotice({ session: 'orders', code: 'RESEND_TOO_OLD', text });
    this.desk.withheld(seq);
  }

  #down(name: string): void {
    if (this.isEnded) return;
    if (name === 'market-data' || this.#options.marketData === undefined) {
      this.#market.lose();
      this.securities.lose();
    }
    if (name !== 'orders') return;
    this.#recovered = false;
    this.#setLink('connecting', this.#takeNotice());
    this.desk.down();
  }

  #message(name: string, session: VenueSession, delivery: Delivery): void {
    const { runner } = session;
    const place = { seq: delivery.seq, numbering: runner.numbering };
    if (this.#market.take(delivery) || this.securities.take(delivery)) {
      runner.acknowledge(place);
      return;
    }
    const outcome = this.#outcomeOf(name, delivery);
    if (outcome === undefined) {
      runner.acknowledge(place);
      return;
    }
    const dropCopy = name === 'drop-copy';
    const from = Buffer.of(dropCopy ? FROM_DROP_COPY : FROM_ORDERS);
    const note = Buffer.concat([from, delivery.fields.message()]);
    this.desk.heard(outcome);
    this.outbox.pushAll(outcome.events, () => {
      if (this.isEnded) return;
      // The orders' log is the one that is read again; the drop copy only counts its numbers.
      if (dropCopy) this.#orderSession.store.note(note);
      runner.acknowledge(place, dropCopy ? undefined : note);
    });
    this.desk.passedOn();
    this.#pauseWhileFull();
  }

  #outcomeOf(name: string, { fields, msgType }: Delivery): Outcome | undefined {
    const { dialect, nowMs } = this.#options;
    if (name === 'drop-copy') {
      const tag = dialect.dropCopy?.clientOrderIdTag;
      return msgType === '8' ? this.#orders.report(fields, nowMs(), tag) : undefined;
    }
    if (msgType === '8') return this.#orders.report(fields, nowMs());
    if (msgType === '9') return this.#orders.cancelReject(fields);
    if (msgType === 'j') return this.#orders.businessReject(fields);
    if (msgType === '3') return this.#orders.sessionReject(fields);
    if (msgType === 'r' && fields.text(531) === '0') {
      this.#notice(name, { code: 'REJECTED_BY_PEER', text: 'The venue canceled nothing' });
    }
    return undefined;
  }

  /** Brings the orders to where they stood when the log was last written. */
  #readLog(notes: readonly Buffer[]): void {
    const fields = new FixFields();
    const { dialect } = this.#options;
    for (const note of notes) {
      const from = note[0];
      if (from !== FROM_ORDERS && from !== FROM_DROP_COPY) {
        this.#orders.read(JSON.parse(note.toString()) as FixNote);
        continue;
      }
      fields.scan(note, 1, note.length);
      const msgType = fields.text(35);
      const tag = from === FROM_DROP_COPY ? dialect.dropCopy?.clientOrderIdTag : undefined;
      if (msgType === '8') this.#orders.report(fields, 0, tag);
      else if (msgType === '9') this.#orders.cancelReject(fields);
      else if (msgType === 'j') this.#orders.businessReject(fields);
      else if (msgType === '3') this.#orders.sessionReject(fields);
    }
  }

  /** A slow sink slows the venue down, by not reading from it. */
  #pauseWhileFull(): void {
    if (this.#paused || this.outbox.pending < MAX_PENDING_EVENTS) return;
    this.#paused = true;
    for (const { runner } of this.#sessions) runner.pause();
    void this.outbox.room(MAX_PENDING_EVENTS / 2)?.then(() => {
      this.#paused = false;
      for (const { runner } of this.#sessions) runner.resume();
    });
  }

  #onSinkHealth(healthy: boolean, cause: unknown): void {
    if (healthy === !this.#sinkFails) return;
    this.#sinkFails = !healthy;
    if (!healthy) {
      const text = cause instanceof Error ? cause.message : String(cause);
      this.#options.onNotice({ session: 'node', code: 'SINK_FAILED', text });
    }
    if (this.#recovered) this.#setLink(healthy ? 'ready' : 'degraded');
  }

  #notice(session: string, { code, text }: SessionNotice): void {
    if (session === 'orders') this.#lastNotice = text;
    this.#options.onNotice({ session, code, text });
  }

  #takeNotice(): string | undefined {
    return this.#lastNotice;
  }

  #note(note: FixNote): void {
    this.#orderSession.store.note(noteBytes(note));
  }
}

function noteBytes(note: FixNote): Buffer {
  return Buffer.from(JSON.stringify(note));
}
