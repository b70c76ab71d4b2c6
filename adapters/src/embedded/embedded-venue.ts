import {
  CodedError,
  type Instrument,
  type InstrumentId,
  type OrderOwner,
  type VenueId,
} from '@stoa/schema';
import type { FlowTarget } from '../flow/flow-replay.ts';
import type {
  LinkState,
  OpenOrder,
  Receipt,
  VenueAdapter,
  VenueCapabilities,
  VenueEvent,
  VenueOrder,
  VenueRequest,
  VenueStart,
} from '../venue-adapter.ts';
import { EventOutbox } from './event-outbox.ts';
import { flowParticipant } from './flow-participant.ts';
import { MemberOrders } from './member-orders.ts';
import { rejectionOf } from './rejections.ts';
import { DEPTH_LEVELS, VenueBook } from './venue-book.ts';

/** Recorded flow waits while this many events are not yet durable. */
const FLOW_PENDING_EVENTS = 2_000;
/** Members' requests are refused from here on; above the flow's limit, so that it never shuts them out. */
const MAX_PENDING_EVENTS = 10_000;
const MAX_DONE_ORDERS = 100_000;
/** A sink that no longer answers must not keep the process. */
const STOP_WITHIN_MS = 1_000;

export interface EmbeddedVenueOptions {
  readonly venue: VenueId;
  readonly instruments: readonly Instrument[];
  /** Whose the recorded flow's orders are. Its wallet settles what members trade with the flow. */
  readonly flowOwner: OrderOwner;
  /** Unix time, milliseconds: the time of executions. Each start must find it later than the last. */
  readonly nowMs: () => number;
  /** Told when the sink fails; the delivery is repeated. */
  readonly onSinkError?: (cause: unknown) => void;
}

/**
 * A venue inside its node: one matching engine an instrument, price then time, behind the same port
 * as a venue across a wire.
 *
 * A restart brings back members' open orders, in their order of acceptance, ahead of all others; the
 * recorded flow's orders and halts are not kept. Order ids that were done before the restart are not
 * known any more: the node's own store recognises them.
 */
export class EmbeddedVenue implements VenueAdapter {
  readonly venue: VenueId;
  readonly capabilities: VenueCapabilities = {
    timesInForce: ['day', 'gtc', 'ioc', 'fok'],
    replace: true,
    massCancel: false,
    depthLevels: DEPTH_LEVELS,
  };
  readonly #options: EmbeddedVenueOptions;
  readonly #members = new MemberOrders(MAX_DONE_ORDERS);
  readonly #books = new Map<InstrumentId, VenueBook>();
  readonly #changedBooks = new Set<VenueBook>();
  #outbox: EventOutbox | undefined;
  #link: LinkState = 'stopped';
  #session = '';
  #executions = 0;
  #nextTradeNumber = 1;

  constructor(options: EmbeddedVenueOptions) {
    this.venue = options.venue;
    this.#options = options;
  }

  get link(): LinkState {
    return this.#link;
  }

  /**
   * Opens the books, restores the open orders and becomes ready; resolves when the sink has it all.
   *
   * @throws CodedError `VENUE_STARTED` when it is not stopped; `INVARIANT_BROKEN` when an open order
   * cannot be restored.
   */
  async start({ sink, openOrders, nextTradeNumber, signal }: VenueStart): Promise<void> {
    if (this.#link !== 'stopped') {
      throw new CodedError('VENUE_STARTED', `venue ${this.venue} is started already`);
    }
    this.#members.clear();
    this.#changedBooks.clear();
    // Execution ids must not repeat after a restart, and say nothing of who traded.
    this.#session = this.#options.nowMs().toString(36);
    this.#executions = 0;
    this.#nextTradeNumber = nextTradeNumber;
    const outbox = new EventOutbox({
      sink,
      changedBooks: () => this.#takeChangedBooks(),
      onHealth: (healthy, cause) => this.#onSinkHealth(healthy, cause),
    });
    this.#outbox = outbox;
    signal.addEventListener('abort', () => this.#end(outbox), { once: true });
    this.#setLink('recovering');
    this.#openBooks();
    try {
      for (const open of openOrders) this.#restore(open, outbox);
    } catch (error) {
      this.#end(outbox);
      throw error;
    }
    this.#setLink('ready');
    if (signal.aborted) this.#end(outbox);
    await outbox.drained();
  }

  async submit(request: VenueRequest): Promise<Receipt> {
    const outbox = this.#outbox;
    if (outbox === undefined || this.#link !== 'ready') return refused('not-ready');
    if (outbox.pending >= MAX_PENDING_EVENTS) return refused('busy');
    if (request.kind === 'new') return this.#enter(request.order, outbox);

    const { orderId } = request;
    const book = this.#books.get(
      this.#members.get(orderId)?.request.instrument ?? request.instrument,
    );
    if (book === undefined) return refused('unknown-instrument');
    if (request.kind === 'status') outbox.push(this.#statusOf(orderId));
    else if (request.kind === 'cancel') book.cancel(orderId);
    else book.replace(orderId, { price: request.limitPrice, quantity: request.quantity });
    return { outcome: 'taken' };
  }

  /** Nothing is ever in doubt inside one process: it only says where each open order stands. */
  async reconcile(): Promise<void> {
    for (const { request } of this.#members.open()) {
      this.#outbox?.push(this.#statusOf(request.orderId));
    }
    await this.#outbox?.drained();
  }

  /** Takes no more, delivers what is left (for at most a second) and forgets its books. */
  async stop(): Promise<void> {
    const outbox = this.#outbox;
    if (outbox === undefined) return;
    this.#setLink('draining');
    const timeout = new Promise((resolve) => setTimeout(resolve, STOP_WITHIN_MS).unref());
    await Promise.race([outbox.drained(), timeout]);
    this.#end(outbox);
  }

  /**
   * Recorded order flow as a participant of this instrument's book. At most one replay at a time;
   * only while the venue is started.
   *
   * @throws CodedError `UNKNOWN_INSTRUMENT`
   */
  flowTarget(instrument: InstrumentId): FlowTarget {
    return flowParticipant(this.#book(instrument), () => this.#outbox?.room(FLOW_PENDING_EVENTS));
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
    this.#book(instrument).resume('venue', reason);
  }

  #enter(order: VenueOrder, outbox: EventOutbox): Receipt {
    const known = this.#members.get(order.orderId);
    if (known !== undefined) {
      return sameOrder(known.request, order) ? { outcome: 'taken' } : refused('duplicate-order');
    }
    const book = this.#books.get(order.instrument);
    if (book !== undefined) {
      book.enter(this.#members.add(order, 0));
    } else {
      const rejection = rejectionOf('unknown-instrument');
      outbox.push({ kind: 'rejected', orderId: order.orderId, rejection });
    }
    return { outcome: 'taken' };
  }

  #restore({ order, filled }: OpenOrder, outbox: EventOutbox): void {
    const book = this.#books.get(order.instrument);
    if (book !== undefined) return book.restore(this.#members.add(order, filled));
    // Delisted while the node was down.
    const { orderId } = order;
    outbox.push({ kind: 'done', orderId, state: 'canceled', filled, reason: 'unknown-instrument' });
  }

  #openBooks(): void {
    this.#books.clear();
    for (const instrument of this.#options.instruments) {
      const { venue, flowOwner, nowMs } = this.#options;
      const book = new VenueBook(
        { venue, instrument, flowOwner },
        {
          members: this.#members,
          emit: (event) => this.#outbox?.push(event),
          bookChanged: (changed) => this.#bookChanged(changed),
          nextExecutionId: () => `${this.#session}-${(this.#executions += 1)}`,
          nextTradeNumber: () => this.#nextTradeNumber++,
          nowMs,
        },
      );
      this.#books.set(instrument.id, book);
      this.#outbox?.push(book.statusEvent('opened'));
      this.#bookChanged(book);
    }
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

  #statusOf(orderId: string): VenueEvent {
    const order = this.#members.get(orderId);
    return order === undefined
      ? { kind: 'order-status', orderId, status: 'unknown-order', filled: 0 }
      : { kind: 'order-status', orderId, status: order.status, filled: order.filled };
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
    this.#outbox = undefined;
    this.#link = 'stopped';
  }
}

function refused(reason: Parameters<typeof rejectionOf>[0]): Receipt {
  return { outcome: 'refused', rejection: rejectionOf(reason) };
}

function sameOrder(a: VenueOrder, b: VenueOrder): boolean {
  return (
    a.instrument === b.instrument &&
    a.side === b.side &&
    a.timeInForce === b.timeInForce &&
    a.quantity === b.quantity &&
    a.limitPrice === b.limitPrice &&
    a.owner.member === b.owner.member &&
    a.owner.account === b.owner.account &&
    a.homeVenue === b.homeVenue
  );
}
