import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, type Instrument, type InstrumentId, type Level } from '@stoa/schema';
import { EventOutbox } from '../event-outbox.ts';
import { rejectionOf } from '../rejections.ts';
import type {
  LinkState,
  Receipt,
  VenueAdapter,
  VenueCapabilities,
  VenueEvent,
  VenueListings,
  VenueRequest,
  VenueStart,
} from '../venue-adapter.ts';
import type { VenueAdapterNeeds } from '../venue-adapter-kind.ts';
import { ListingCollector } from '../venue-listing.ts';
import { AdapterJournal } from './adapter-journal.ts';
import type { LedgerEntry } from './ledger-entry.ts';
import { OrderDesk } from './order-desk.ts';
import { OrderLedger } from './order-ledger.ts';
import { changeEvent, executedEvent, fillKey, printId, ReportReader } from './report-reader.ts';
import type { VenueWire, WireEars } from './venue-wire.ts';

/** Times that a venue of its own is dealt with in; all in milliseconds. */
export interface ExternalVenueTimes {
  /** How long a request may still arrive after its wire gave up on it. Default 5 s. */
  readonly doubtMs?: number;
  /** Between two attempts to connect: the first, and the longest. Default 100 ms and 10 s. */
  readonly reconnectMs?: number;
  readonly reconnectMostMs?: number;
  /** How long `start` waits for the venue before it goes on without. Default 3 s. */
  readonly firstConnectMs?: number;
}

const MAX_PENDING_EVENTS = 10_000;
const STOP_WITHIN_MS = 1_000;

/**
 * A venue that is a system of its own, behind any wire. Orders are journalled before they go out; a
 * fill gets its trade number in the journal before it is told; what was told and is not recorded by
 * the node is told again after a crash; a request without an answer is looked up, not repeated.
 */
export class ExternalVenue implements VenueAdapter {
  readonly venue;
  readonly capabilities: VenueCapabilities;
  readonly #wire: VenueWire;
  readonly #needs: VenueAdapterNeeds;
  readonly #times: Required<ExternalVenueTimes>;
  readonly #instruments: ReadonlyMap<InstrumentId, Instrument>;
  readonly #books = new Map<InstrumentId, VenueEvent>();
  readonly #changed = new Set<InstrumentId>();
  readonly #trading = new Map<InstrumentId, string>();
  #link: LinkState = 'stopped';
  #trouble: string | undefined;
  #sinkTrouble = false;
  #running: Running | undefined;

  constructor(wire: VenueWire, needs: VenueAdapterNeeds, times: ExternalVenueTimes = {}) {
    this.venue = needs.venue;
    this.capabilities = { ...wire.capabilities, external: true, joinsTrades: false };
    this.#wire = wire;
    this.#needs = needs;
    this.#times = {
      ...{ doubtMs: 5_000, reconnectMs: 100, reconnectMostMs: 10_000, firstConnectMs: 3_000 },
      ...times,
    };
    this.#instruments = new Map(needs.instruments.map((one) => [one.id, one]));
  }

  get link(): LinkState {
    return this.#link;
  }

  /**
   * Opens the journal, tells what the node has not recorded, and connects. It resolves when the venue
   * is ready or did not answer in time; then it goes on trying.
   *
   * @throws CodedError `VENUE_STARTED` when it is not stopped; `JOURNAL_CORRUPT`
   */
  async start({ sink, openOrders, nextTradeNumber, signal }: VenueStart): Promise<void> {
    if (this.#running) {
      throw new CodedError('VENUE_STARTED', `venue ${this.venue} is started already`);
    }
    const { journal, entries } = AdapterJournal.open<LedgerEntry>(this.#needs.folder);
    const ledger = new OrderLedger();
    ledger.replay(entries);
    const untold = ledger.open(openOrders, nextTradeNumber);
    journal.rewrite(ledger.entries());
    const ended = new AbortController();
    const stopped = AbortSignal.any([signal, ended.signal]);
    const outbox = new EventOutbox({
      sink,
      durable: () => journal.synced(),
      changedBooks: () => this.#takeChangedBooks(),
      onHealth: (healthy, cause) => this.#onSinkHealth(healthy, cause),
    });
    const reader = new ReportReader({
      ...{ venue: this.venue, instruments: this.#instruments, ledger },
      ...{ counterparties: this.#needs.counterparties, nowMs: this.#needs.nowMs },
      onContradiction: (message, fields) => this.#contradicted(message, fields),
    });
    const desk = new OrderDesk({
      ...{ wire: this.#wire, ledger, reader, instruments: this.#instruments, stopped },
      ...{ capabilities: this.capabilities, doubtMs: this.#times.doubtMs, log: this.#needs.log },
      isReady: () => this.#link === 'ready' || this.#link === 'recovering',
      journal,
      push: (events, onDurable) => outbox.pushAll(events, onDurable),
    });
    this.#running = { ended, stopped, outbox, journal, desk };
    signal.addEventListener('abort', () => void this.#end(), { once: true });
    for (const fill of untold) {
      const order = ledger.get(fill.orderId);
      if (order && fill.execution.tradeNumber >= nextTradeNumber) {
        outbox.push(executedEvent(fill.execution, order));
      }
      if (!fill.changeTold) desk.tellChange(fill.key, changeEvent(fill));
    }
    desk.tellEnds(openOrders.map(({ order }) => order.orderId));
    const { promise: first, resolve } = Promise.withResolvers<void>();
    void this.#connectAlways(this.#running, resolve);
    const waiting = AbortSignal.any([stopped, AbortSignal.timeout(this.#times.firstConnectMs)]);
    await Promise.race([first, aborted(waiting)]);
    if (this.#link === 'ready') await outbox.drained();
  }

  async submit(request: VenueRequest): Promise<Receipt> {
    const running = this.#running;
    if (!running) return { outcome: 'refused', rejection: rejectionOf('not-ready') };
    if (running.outbox.pending >= MAX_PENDING_EVENTS) {
      return { outcome: 'refused', rejection: rejectionOf('busy') };
    }
    return running.desk.submit(request, this.#link === 'ready');
  }

  async reconcile(): Promise<void> {
    const running = this.#running;
    // While the link is down its return reconciles everything.
    if (!running || this.#link !== 'ready') return;
    await running.desk.reconcile();
    await running.outbox.drained();
  }

  async instruments(): Promise<VenueListings> {
    if (!this.#wire.listings)
      return { outcome: 'refused', rejection: rejectionOf('list-not-offered') };
    if (this.#link !== 'ready') return { outcome: 'refused', rejection: rejectionOf('not-ready') };
    try {
      const found = new ListingCollector();
      for (const one of await this.#wire.listings()) found.add(one);
      return found.told();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#needs.log.warn({ reason }, 'the venue did not say what it lists');
      return { outcome: 'refused', rejection: rejectionOf('list-unread') };
    }
  }

  async stop(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    this.#setLink('draining');
    await Promise.race([
      running.outbox.drained(),
      sleep(STOP_WITHIN_MS, undefined, { ref: false }),
    ]);
    await this.#end();
  }

  async #end(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    this.#running = undefined;
    this.#link = 'stopped';
    running.ended.abort();
    running.outbox.close();
    this.#books.clear();
    this.#changed.clear();
    this.#trading.clear();
    await running.journal.close();
  }

  async #connectAlways(running: Running, onFirst: () => void): Promise<void> {
    const { stopped } = running;
    const { reconnectMs, reconnectMostMs } = this.#times;
    let waitMs = reconnectMs;
    let reason: string | undefined;
    while (!stopped.aborted) {
      this.#setLink('connecting', reason);
      const attempt = new AbortController();
      const signal = AbortSignal.any([stopped, attempt.signal]);
      const { promise: lost, resolve: lose } = Promise.withResolvers<string>();
      try {
        await this.#wire.connect(this.#ears(running, lose), signal);
        this.#setLink('recovering');
        await Promise.race([running.desk.recover(), lost.then(fail)]);
        this.#trouble = undefined;
        this.#setLink('ready');
        waitMs = reconnectMs;
        onFirst();
        reason = await Promise.race([lost, aborted(stopped)]);
      } catch (error) {
        reason = error instanceof Error ? error.message : String(error);
        onFirst();
      }
      attempt.abort();
      if (stopped.aborted) return;
      this.#needs.log.warn({ reason }, 'the connection to the venue is down');
      this.#setLink('connecting', reason);
      await sleep(waitMs, undefined, { signal: stopped }).catch(() => undefined);
      waitMs = Math.min(waitMs * 2, reconnectMostMs);
    }
  }

  #ears({ outbox, desk, stopped }: Running, lose: (reason: string) => void): WireEars {
    let over = false;
    const open = (): boolean => !over && !stopped.aborted;
    return {
      step: (state) => open() && this.#setLink(state),
      orders: (reports) => open() && desk.reports(reports),
      book: (instrument, bids, offers) => open() && this.#book(instrument, bids, offers, outbox),
      print: (instrument, fill) => {
        const { price, quantity, executedAtMs = this.#needs.nowMs() } = fill;
        const print = { instrument, executionId: printId(fill), price, quantity, executedAtMs };
        if (open()) outbox.push({ kind: 'print', ...print });
      },
      trading: (instrument, state, reason) => {
        if (!open() || this.#trading.get(instrument) === state) return;
        this.#trading.set(instrument, state);
        outbox.push({ kind: 'trading-status', instrument, state, reason });
      },
      busted: (fill, reason) =>
        open() && desk.change(fillKey(fill), { price: 0, quantity: 0, reason }),
      corrected: (fill) =>
        open() &&
        desk.change(fillKey(fill), { price: fill.price, quantity: fill.quantity, reason: '' }),
      trouble: (reason) => {
        if (!open()) return;
        this.#trouble = reason;
        this.#health();
      },
      lost(reason) {
        over = true;
        lose(reason);
      },
    };
  }

  #book(
    instrument: InstrumentId,
    bids: readonly Level[],
    offers: readonly Level[],
    outbox: EventOutbox,
  ): void {
    const { depthLevels } = this.capabilities;
    const levels = { bids: bids.slice(0, depthLevels), offers: offers.slice(0, depthLevels) };
    this.#books.set(instrument, { kind: 'book', instrument, ...levels });
    this.#changed.add(instrument);
    outbox.bookChanged();
  }

  #takeChangedBooks(): VenueEvent[] {
    const books = [...this.#changed].flatMap((id) => this.#books.get(id) ?? []);
    this.#changed.clear();
    return books;
  }

  /** What cannot be is told to the operator, who has to find out with the venue. */
  #contradicted(message: string, fields: Readonly<Record<string, unknown>>): void {
    this.#needs.log.error(fields, message);
    this.#trouble = `The venue said ${message}; see the log.`;
    this.#health();
  }

  #onSinkHealth(healthy: boolean, cause: unknown): void {
    if (!healthy) this.#needs.log.error({ err: cause }, 'venue events could not be recorded');
    this.#sinkTrouble = !healthy;
    this.#health();
  }

  #health(): void {
    const reason = this.#sinkTrouble ? 'What it says cannot be recorded.' : this.#trouble;
    if (this.#link === 'ready' && this.#sinkTrouble) this.#setLink('degraded', reason);
    else if (this.#link === 'degraded' && !this.#sinkTrouble) this.#setLink('ready', reason);
    else if (this.#link === 'ready') this.#setLink('ready', reason);
  }

  #told = '';

  #setLink(state: LinkState, reason?: string): void {
    if (this.#link === 'stopped' && state !== 'connecting') return;
    this.#link = state;
    const told = `${state} ${reason ?? ''}`;
    if (told === this.#told) return;
    this.#told = told;
    this.#running?.outbox.push({ kind: 'link', state, ...(reason !== undefined && { reason }) });
  }
}

/** What there is between start and stop. */
interface Running {
  readonly ended: AbortController;
  readonly stopped: AbortSignal;
  readonly outbox: EventOutbox;
  readonly journal: AdapterJournal<LedgerEntry>;
  readonly desk: OrderDesk;
}

function aborted(signal: AbortSignal): Promise<undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}

function fail(reason: string): never {
  throw new Error(reason);
}
