import {
  CodedError,
  closeOfDayMs,
  type Instrument,
  type InstrumentId,
  type LegRejection,
  type Price,
  type Quantity,
  TIMES_IN_FORCE,
  type TradingPhase,
  type VenueId,
} from '@stoa/schema';
import { EventOutbox } from '../event-outbox.ts';
import type { FlowTarget } from '../flow/flow-replay.ts';
import { rejectionOf } from '../rejections.ts';
import { isSameOrder } from '../same-order.ts';
import type {
  LinkState,
  OpenOrder,
  Receipt,
  VenueAdapter,
  VenueCapabilities,
  VenueEvent,
  VenueListings,
  VenueOrder,
  VenueRequest,
  VenueStart,
} from '../venue-adapter.ts';
import { ListingCollector, listingOf } from '../venue-listing.ts';
import type { EmbeddedVenueOptions, VenueJournalOptions } from './embedded-venue-options.ts';
import { flowParticipant } from './flow-participant.ts';
import { reconcileBooks } from './journal/book-recovery.ts';
import { OperationJournal } from './journal/operation-journal.ts';
import { MemberOrders } from './member-orders.ts';
import { type RecentTrade, RecentTrades } from './recent-trades.ts';
import { SessionClock } from './session-clock.ts';
import { DEPTH_LEVELS, VenueBook } from './venue-book.ts';
import { type HouseQuote, isQuoteRequest, VenueNegotiation } from './venue-negotiation.ts';

/** Recorded flow waits while this many events are not yet durable. */
const FLOW_PENDING_EVENTS = 2_000;
/** Members' requests are refused from here on; above the flow's limit, so that it never shuts them out. */
const MAX_PENDING_EVENTS = 10_000;
const MAX_DONE_ORDERS = 100_000;
const MAX_KEPT_TRADES = 100_000;
/** A sink that no longer answers must not keep the process. */
const STOP_WITHIN_MS = 1_000;

/**
 * A venue inside its node: one matching engine an instrument, price then time, behind the same port
 * as a venue across a wire.
 *
 * A restart brings back members' open orders. Without a journal they come in their order of
 * acceptance, ahead of all others; with one they keep their places. The recorded flow's halts are not
 * kept. Order ids that were done before the restart are not known any more: the node's own store
 * recognises them.
 */
export class EmbeddedVenue implements VenueAdapter {
  readonly venue: VenueId;
  readonly capabilities: VenueCapabilities = {
    timesInForce: TIMES_IN_FORCE,
    replace: true,
    listsInstruments: true,
    massCancel: true,
    allOrNone: true,
    minQuantity: true,
    displayQuantity: true,
    depthLevels: DEPTH_LEVELS,
    rfq: { venueQuotes: true, memberQuotes: true },
  };
  readonly #options: EmbeddedVenueOptions;
  readonly #members = new MemberOrders(MAX_DONE_ORDERS);
  readonly #trades = new RecentTrades(MAX_KEPT_TRADES);
  readonly #books = new Map<InstrumentId, VenueBook>();
  readonly #changedBooks = new Set<VenueBook>();
  readonly #negotiation: VenueNegotiation;
  #outbox: EventOutbox | undefined;
  #journal: OperationJournal | undefined;
  #clock: SessionClock | undefined;
  #link: LinkState = 'stopped';
  #session = '';
  #executions = 0;
  #nextTradeNumber = 1;

  constructor(options: EmbeddedVenueOptions) {
    this.venue = options.venue;
    this.#options = options;
    this.#negotiation = new VenueNegotiation({
      ...{ nowMs: options.nowMs, members: this.#members, books: this.#books },
      nextQuoteId: () => `${this.#session}-q${(this.#executions += 1)}`,
      emit: (event) => this.#outbox?.push(event),
    });
  }

  get link(): LinkState {
    return this.#link;
  }

  /**
   * Opens the books, restores the open orders and becomes ready; resolves when the sink has it all.
   *
   * @throws CodedError `VENUE_STARTED` when it is not stopped; `INVARIANT_BROKEN` when an open order
   * cannot be restored; `JOURNAL_CORRUPT` when the journal was changed other than by a crash.
   */
  async start({ sink, openOrders, nextTradeNumber, signal }: VenueStart): Promise<void> {
    if (this.#link !== 'stopped') {
      throw new CodedError('VENUE_STARTED', `venue ${this.venue} is started already`);
    }
    this.#members.clear();
    this.#trades.clear();
    this.#changedBooks.clear();
    this.#negotiation.clear();
    // Execution ids must not repeat after a restart, and say nothing of who traded.
    this.#session = this.#options.nowMs().toString(36);
    this.#executions = 0;
    this.#nextTradeNumber = nextTradeNumber;
    const outbox = new EventOutbox({
      sink,
      durable: () => this.#settled(outbox),
      changedBooks: () => this.#takeChangedBooks(),
      onHealth: (healthy, cause) => this.#onSinkHealth(healthy, cause),
    });
    this.#outbox = outbox;
    signal.addEventListener('abort', () => this.#end(outbox), { once: true });
    this.#setLink('recovering');
    try {
      await this.#openBooks(openOrders);
    } catch (error) {
      this.#end(outbox);
      throw error;
    }
    this.#setLink('ready');
    if (signal.aborted) this.#end(outbox);
    await outbox.drained();
  }

  accepts(order: VenueOrder): boolean {
    const pending = this.#outbox?.pending ?? MAX_PENDING_EVENTS;
    if (this.#link !== 'ready' || pending >= MAX_PENDING_EVENTS) return false;
    this.#clock?.look();
    if (this.#members.get(order.orderId) !== undefined) return false;
    return this.#books.get(order.instrument)?.accepts(order) ?? false;
  }

  async submit(request: VenueRequest): Promise<Receipt> {
    const outbox = this.#outbox;
    if (outbox === undefined || this.#link !== 'ready') return refused('not-ready');
    if (outbox.pending >= MAX_PENDING_EVENTS) return refused('busy');
    this.#clock?.look();
    return this.#durable(this.#do(request, outbox), outbox);
  }

  /** Nothing is ever in doubt inside one process: it only says where each open order stands. */
  async reconcile(): Promise<void> {
    for (const { request } of this.#members.open()) {
      this.#outbox?.push(this.#members.statusOf(request.orderId));
    }
    await this.#outbox?.drained();
  }

  async instruments(): Promise<VenueListings> {
    if (this.#link !== 'ready') return { outcome: 'refused', rejection: rejectionOf('not-ready') };
    const found = new ListingCollector();
    for (const { instrument, engine } of this.#books.values()) {
      found.add(listingOf(instrument, engine.state.halted));
    }
    return found.told();
  }

  /** Takes no more, delivers what is left (for at most a second) and forgets its books. */
  async stop(): Promise<void> {
    const outbox = this.#outbox;
    if (outbox === undefined) return;
    this.#setLink('draining');
    const timeout = new Promise((resolve) => setTimeout(resolve, STOP_WITHIN_MS).unref());
    await Promise.race([outbox.drained(), timeout]);
    const journal = this.#journal;
    this.#end(outbox);
    await journal?.close();
  }

  /**
   * Recorded order flow as a participant of this instrument's book. At most one replay at a time;
   * only while the venue is started.
   *
   * @throws CodedError `UNKNOWN_INSTRUMENT`
   */
  flowTarget(instrument: InstrumentId): FlowTarget {
    return flowParticipant(this.#book(instrument), {
      ready: () => this.#outbox?.room(FLOW_PENDING_EVENTS),
      isOpen: () => this.#isOpen(),
    });
  }

  /**
   * Refuses new orders in an instrument until {@link resume}; cancels go on.
   *
   * @throws CodedError `UNKNOWN_INSTRUMENT`
   */
  halt(instrument: InstrumentId, reason: string): void {
    this.#book(instrument).halt('venue', reason);
  }

  /**
   * Ends the venue's own halt; a halt in the recorded flow goes on until the recording ends it.
   *
   * @throws CodedError `UNKNOWN_INSTRUMENT`
   */
  resume(instrument: InstrumentId, reason: string): void {
    this.#book(instrument).resume('venue', reason, this.#isOpen());
  }

  /** SHA-256 of each instrument's book: equal for equal orders in equal priority. */
  digests(): Record<InstrumentId, string> {
    return Object.fromEntries([...this.#books].map(([id, { engine }]) => [id, engine.digest()]));
  }

  /** The operator takes a member's order out of the book, unasked. */
  async cancel(orderId: string, reason: string): Promise<Receipt> {
    const outbox = this.#outbox;
    if (outbox === undefined || this.#link !== 'ready') return refused('not-ready');
    const book = this.#books.get(this.#members.get(orderId)?.request.instrument ?? '');
    if (book?.engine.order(orderId) === undefined) return refused('unknown-order');
    book.cancel(orderId, reason);
    return this.#durable({ outcome: 'taken' }, outbox);
  }

  /**
   * The house answers a request for quote: the quote's id, or why it cannot be given. Its wallet is the
   * recorded flow's; what comes of it is told as of any other trade with the flow.
   */
  quote(requestId: string, house: HouseQuote): string | LegRejection {
    return this.#negotiation.quote(requestId, house);
  }

  /** The house takes a quote back. */
  withdrawQuote(quoteId: string): void {
    this.#negotiation.withdraw(quoteId);
  }

  /** The operator undoes a trade of this run. Open orders have its quantity again. */
  async bust(executionId: string, reason: string): Promise<Receipt> {
    return this.#change(executionId, (book, trade) => {
      book.bust(executionId, trade, reason);
      return { outcome: 'taken' };
    });
  }

  /** The operator states a trade of this run anew: another price, or less quantity. */
  async correct(
    executionId: string,
    to: { readonly price: Price; readonly quantity: Quantity },
  ): Promise<Receipt> {
    return this.#change(executionId, (book, trade) => {
      const rejection = book.correctionRefusal(trade, to);
      if (rejection !== undefined) return { outcome: 'refused', rejection };
      book.correct(trade, to);
      return { outcome: 'taken' };
    });
  }

  #do(request: VenueRequest, outbox: EventOutbox): Receipt {
    if (request.kind === 'new') return this.#enter(request.order, outbox);
    if (request.kind === 'mass-cancel') return this.#cancelAll(request.instrument);
    if (isQuoteRequest(request)) return this.#negotiation.do(request);
    const { orderId } = request;
    const instrument = this.#members.get(orderId)?.request.instrument ?? request.instrument;
    const book = this.#books.get(instrument);
    if (book === undefined) return refused('unknown-instrument');
    if (request.kind === 'status') outbox.push(this.#members.statusOf(orderId));
    else if (request.kind === 'cancel') book.cancel(orderId);
    else book.replace(orderId, { price: request.limitPrice, quantity: request.quantity });
    return { outcome: 'taken' };
  }

  #enter(order: VenueOrder, outbox: EventOutbox): Receipt {
    const known = this.#members.get(order.orderId);
    if (known !== undefined) {
      return isSameOrder(known.request, order) ? { outcome: 'taken' } : refused('duplicate-order');
    }
    const book = this.#books.get(order.instrument);
    if (book === undefined) {
      const rejection = rejectionOf('unknown-instrument');
      outbox.push({ kind: 'rejected', orderId: order.orderId, rejection });
      return { outcome: 'taken' };
    }
    book.enter(this.#members.add(order, 0));
    if (order.expireAtMs !== undefined) this.#clock?.expires(order.expireAtMs);
    return { outcome: 'taken' };
  }

  #cancelAll(instrument: InstrumentId | undefined): Receipt {
    if (instrument !== undefined && !this.#books.has(instrument)) {
      return refused('unknown-instrument');
    }
    for (const { request } of [...this.#members.open()]) {
      if (instrument !== undefined && request.instrument !== instrument) continue;
      this.#books.get(request.instrument)?.cancel(request.orderId);
    }
    return { outcome: 'taken' };
  }

  async #change(
    executionId: string,
    change: (book: VenueBook, trade: RecentTrade) => Receipt,
  ): Promise<Receipt> {
    const outbox = this.#outbox;
    if (outbox === undefined || this.#link !== 'ready') return refused('not-ready');
    const trade = this.#trades.get(executionId);
    const book = trade && this.#books.get(trade.instrument);
    if (trade === undefined || book === undefined) return refused('unknown-trade');
    if (trade.busted) return refused('trade-undone');
    return this.#durable(change(book, trade), outbox);
  }

  /** A receipt, once what it stands for is in the journal. */
  async #durable(receipt: Receipt, outbox: EventOutbox): Promise<Receipt> {
    const settled = this.#settled(outbox);
    if (settled === undefined || (await settled)) return receipt;
    return { outcome: 'outcome-unknown' };
  }

  /** Whether everything up to now is in the journal; undefined where there is none. */
  #settled(outbox: EventOutbox): Promise<boolean> | undefined {
    return this.#journal?.committed().then(
      () => true,
      (cause: unknown) => {
        // What is not durable may be gone after a restart: nothing more may be said of these books.
        this.#options.onSinkError?.(cause);
        this.#end(outbox);
        return false;
      },
    );
  }

  #restore({ order, filled, acceptedAtMs }: OpenOrder): void {
    const { orderId, timeInForce, expireAtMs } = order;
    const book = this.#books.get(order.instrument);
    const nowMs = this.#options.nowMs();
    const goodUntilMs =
      timeInForce === 'day' && acceptedAtMs !== undefined
        ? (closeOfDayMs(this.#options.calendar, acceptedAtMs) ?? Number.POSITIVE_INFINITY) - 1
        : (expireAtMs ?? Number.POSITIVE_INFINITY);
    // Delisted, or out of time, while the node was down.
    const over = { kind: 'done', orderId, filled } as const;
    if (book === undefined) {
      this.#outbox?.push({ ...over, state: 'canceled', reason: 'unknown-instrument' });
    } else if (goodUntilMs < nowMs) {
      if (book.engine.order(orderId) !== undefined) book.drop(orderId);
      this.#outbox?.push({ ...over, state: 'expired', reason: 'expired' });
    } else {
      const member = this.#members.add(order, filled);
      if (book.engine.order(orderId) === undefined) book.restore(member);
      if (expireAtMs !== undefined) this.#clock?.expires(expireAtMs);
    }
  }

  async #openBooks(openOrders: readonly OpenOrder[]): Promise<void> {
    this.#books.clear();
    for (const instrument of this.#options.instruments) {
      this.#books.set(instrument.id, this.#newBook(instrument));
    }
    const { journal } = this.#options;
    if (journal !== undefined) await this.#recover(journal, openOrders);
    const { nowMs, timer = processTimer, calendar } = this.#options;
    const clock = new SessionClock(calendar, {
      ...{ nowMs, timer },
      onPhase: (phase, before) => this.#onPhase(phase, before),
      onExpiry: (atMs) => this.#expire(atMs),
    });
    this.#clock = clock;
    for (const book of this.#books.values()) book.prepare(clock.phase === 'open');
    for (const open of openOrders) this.#restore(open);
    for (const book of this.#books.values()) {
      if (clock.phase === 'closed') book.close(nowMs());
      if (clock.phase === 'open' && book.phase !== 'continuous') book.open(REASONS.open);
      else book.tellStatus(REASONS[clock.phase]);
    }
    if (clock.phase === 'closed') this.#outbox?.pushAll(this.#members.pause());
  }

  async #recover(options: VenueJournalOptions, openOrders: readonly OpenOrder[]): Promise<void> {
    const engines = new Map([...this.#books].map(([id, { engine }]) => [id, engine]));
    const { journal, found } = await OperationJournal.open(options.folder, engines, options);
    this.#journal = journal;
    for (const book of this.#books.values()) book.forgetSaid();
    const digests = this.digests();
    const differences = reconcileBooks(this.#books, openOrders, options.keepFlow ?? false);
    options.onRecovered?.({ ...found, differences, digests });
  }

  #newBook(instrument: Instrument): VenueBook {
    const { venue, flowOwner, nowMs, selfTrade } = this.#options;
    const within = selfTrade === 'allowed' ? undefined : (selfTrade?.within ?? 'account');
    const onSelfTrade = selfTrade === 'allowed' ? undefined : selfTrade?.action;
    const { id } = instrument;
    return new VenueBook(
      {
        ...{ venue, instrument, flowOwner },
        onSelfTrade: onSelfTrade ?? 'cancel-newest',
        ownerOf: (owner) => within && owner[within].toLowerCase(),
      },
      {
        ...{ members: this.#members, trades: this.#trades, nowMs },
        emit: (events) => this.#outbox?.pushAll(events),
        bookChanged: (changed) => this.#bookChanged(changed),
        journal: (operation) => this.#journal?.append(id, operation),
        nextExecutionId: () => `${this.#session}-${(this.#executions += 1)}`,
        nextTradeNumber: () => this.#nextTradeNumber++,
      },
    );
  }

  #onPhase(phase: TradingPhase, before: TradingPhase): void {
    const nowMs = this.#options.nowMs();
    for (const book of this.#books.values()) {
      if (phase === 'closed') {
        book.close(nowMs);
        book.tellStatus(REASONS.closed);
      } else if (phase === 'entry') book.startAuction(REASONS.entry);
      else book.open(REASONS.open);
    }
    if (phase === 'closed') this.#outbox?.pushAll(this.#members.pause());
    else if (before === 'closed') this.#outbox?.pushAll(this.#members.standAgain());
  }

  #expire(atMs: number): void {
    for (const book of this.#books.values()) book.expire(atMs);
    for (const { request } of this.#members.open()) {
      if (request.expireAtMs !== undefined) this.#clock?.expires(request.expireAtMs);
    }
  }

  #isOpen(): boolean {
    return this.#clock?.phase === 'open';
  }

  #book(instrument: InstrumentId): VenueBook {
    const book = this.#books.get(instrument);
    if (book !== undefined) return book;
    throw new CodedError('UNKNOWN_INSTRUMENT', `venue ${this.venue} has no open book of it`, {
      data: { instrument },
    });
  }

  #bookChanged(book: VenueBook): void {
    this.#changedBooks.add(book);
    this.#outbox?.bookChanged();
  }

  #takeChangedBooks(): VenueEvent[] {
    const books = [...this.#changedBooks].map((book) => book.snapshot());
    this.#changedBooks.clear();
    return books;
  }

  #onSinkHealth(healthy: boolean, cause: unknown): void {
    if (healthy && this.#link === 'degraded') this.#setLink('ready');
    if (healthy) return;
    this.#options.onSinkError?.(cause);
    if (this.#link === 'ready') this.#setLink('degraded');
  }

  #setLink(state: LinkState): void {
    this.#link = state;
    this.#outbox?.push({ kind: 'link', state });
  }

  #end(outbox: EventOutbox): void {
    outbox.close();
    if (this.#outbox !== outbox) return;
    this.#clock?.stop();
    this.#clock = undefined;
    this.#outbox = undefined;
    void this.#journal?.close();
    this.#journal = undefined;
    this.#link = 'stopped';
  }
}

const REASONS = { open: 'opened', entry: 'opening auction', closed: 'closed' } as const;

function refused(reason: Parameters<typeof rejectionOf>[0]): Receipt {
  return { outcome: 'refused', rejection: rejectionOf(reason) };
}

function processTimer(delayMs: number, call: () => void): () => void {
  const timer = setTimeout(call, delayMs).unref();
  return () => clearTimeout(timer);
}
