import type { Instrument, InstrumentId, LegRejection } from '@stoa/schema';
import { CodedError, TERMINAL_STATUSES } from '@stoa/schema';
import { rejectionOf } from '../../rejections.ts';
import { isSameOrder } from '../../same-order.ts';
import type { Receipt, VenueEvent, VenueOrder, VenueRequest } from '../../venue-adapter.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { SessionRunner } from '../session/session-runner.ts';
import type { MessageWriter } from '../wire/message-writer.ts';
import { TAG } from '../wire/tags.ts';
import { AwaitedAnswers } from './awaited-answers.ts';
import { clientOrderId } from './client-order-id.ts';
import type { FixNote, FixOrder, FixRequest } from './fix-order.ts';
import {
  type OrderMessageTerms,
  writeCancel,
  writeMassCancel,
  writeNewOrder,
  writeReplace,
  writeStatusRequest,
} from './order-messages.ts';
import { RequestPace } from './request-pace.ts';
import type { Outcome, VenueOrders } from './venue-orders.ts';

/** From so many open orders on they are asked about together, where the venue can. */
const MASS_STATUS_FROM = 20;
const MAX_WAITING_REQUESTS = 1_000;

export interface OrderDeskOptions {
  readonly dialect: Dialect;
  readonly instruments: ReadonlyMap<InstrumentId, Instrument>;
  readonly symbolOf: (instrument: InstrumentId) => string;
  readonly maxRequestsPerSecond: number;
  /** A request without an answer is in doubt after this, and asked about. */
  readonly answerTimeoutMs: number;
  /** How long to wait when the venue says that it is too busy. */
  readonly throttleRestMs: number;
}

export interface OrderDeskNeeds {
  readonly orders: VenueOrders;
  readonly runner: SessionRunner;
  readonly nowMs: () => number;
  readonly isReady: () => boolean;
  readonly push: (events: readonly VenueEvent[]) => void;
}

/** Brings requests about orders to the venue, once each, and knows which are not answered. */
export class OrderDesk {
  readonly #options: OrderDeskOptions;
  readonly #needs: OrderDeskNeeds;
  readonly #answers = new AwaitedAnswers();
  readonly #pace: RequestPace;
  readonly #throttled = new Set<string>();
  /** Requests that wait for their turn: the same id again is the same order. */
  readonly #entering = new Map<string, VenueOrder>();
  #massCancels = 0;
  readonly #statusAnswered = new Map<string, Promise<void>>();
  /** While a mass status request runs: which orders it is about, and which it told of. */
  #massAsked: Set<string> | undefined;
  readonly #massTold = new Set<string>();

  constructor(options: OrderDeskOptions, needs: OrderDeskNeeds) {
    this.#options = options;
    this.#needs = needs;
    this.#pace = new RequestPace(options.maxRequestsPerSecond, MAX_WAITING_REQUESTS, needs.nowMs);
  }

  async submit(request: VenueRequest): Promise<Receipt> {
    if (request.kind === 'new') return this.#enter(request.order);
    if (request.kind === 'mass-cancel') return this.#cancelAll(request.instrument);
    // FIX has messages for it (R, S, AJ); no dialect of ours speaks them.
    if (request.kind.startsWith('quote-')) return refused(rejectionOf('rfq-not-offered'));
    if (!('orderId' in request)) return refused(unsupported('it'));
    const { orderId, kind } = request;
    const order = this.#needs.orders.get(orderId);
    if (order === undefined) {
      // Everything that went out is in the log: what is not there the venue never saw.
      this.#answers.inTurn(() => this.#needs.push([unknownOrder(kind, orderId)]));
      return { outcome: 'taken' };
    }
    if (kind === 'status') return this.#askStatus(order);
    const capable = kind === 'cancel' || this.#options.dialect.orders.replace;
    if (!capable) return refused(unsupported('replacements'));
    // A replacement changes the id that the next request must name: one at a time.
    const deadlineMs = this.#needs.nowMs() + this.#options.answerTimeoutMs;
    while (this.#answers.has('replace', orderId) || this.#answers.has('cancel', orderId)) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      if (this.#needs.nowMs() > deadlineMs) return refused(rejectionOf('busy'));
    }
    return this.#change(order, request);
  }

  /** What the venue said: the requests it answers are no longer waited for. */
  heard(outcome: Outcome): void {
    const { orderId, answers = [], throttled } = outcome;
    if (orderId === undefined) return;
    for (const kind of answers) this.#answers.answered(kind, orderId);
    if (answers.includes('status') && this.#massAsked?.has(orderId)) this.#massTold.add(orderId);
    if (throttled === true) this.#again(orderId);
  }

  /** To be called once what the venue said was passed on. */
  passedOn(): void {
    this.#answers.release();
  }

  /** Asks where every open order stands; resolves when all are answered, or time is up. */
  async reconcile(): Promise<void> {
    const { orders, runner, push } = this.#needs;
    const open = [...orders.open()];
    if (!this.#options.dialect.orders.status) {
      // Numbers without a gap mean that everything the venue said is here.
      await runner.ping();
      push([...orders.open()].map(statusOf));
      return;
    }
    const asked = open.map((order) => order.request.orderId);
    if (this.#options.dialect.orders.massStatus && open.length >= MASS_STATUS_FROM) {
      await this.#massStatus(asked);
    }
    await Promise.all(
      asked
        .filter((orderId) => !this.#massTold.delete(orderId))
        .map(async (orderId) => {
          const order = orders.get(orderId);
          if (order === undefined) return;
          if ((await this.#askStatus(order)).outcome !== 'taken') return;
          await this.#statusAnswered.get(orderId);
        }),
    );
  }
  /** What is asked and not answered for too long is in doubt; it is asked about where that can be. */
  tick(): void {
    const { nowMs, isReady, orders, push } = this.#needs;
    for (const { kind, orderId } of this.#answers.expire(nowMs(), this.#options.answerTimeoutMs)) {
      const order = orders.get(orderId);
      if (order === undefined) continue;
      if (!TERMINAL_STATUSES.has(order.status)) push([{ ...statusOf(order), status: 'unknown' }]);
      if (kind !== 'status' && isReady() && this.#options.dialect.orders.status) {
        void this.#askStatus(order);
      }
    }
    this.#answers.release();
  }

  /**
   * The venue asked for a message again that is too old to be sent: what it was about is in doubt, and
   * asked about behind what stands for it.
   */
  withheld(seq: number): void {
    const { orders, push, runner } = this.#needs;
    const order = orders.bySeq(seq);
    if (order === undefined || TERMINAL_STATUSES.has(order.status)) return;
    push([{ ...statusOf(order), status: 'unknown' }]);
    queueMicrotask(() => runner.isUp && void this.#askStatus(order));
  }

  /** The connection is gone: what was asked and not answered is in doubt now. */
  down(): void {
    const { nowMs, orders, push } = this.#needs;
    const doubted = new Set(this.#answers.expire(nowMs(), 0).map(({ orderId }) => orderId));
    for (const orderId of doubted) {
      const order = orders.get(orderId);
      if (order !== undefined && !TERMINAL_STATUSES.has(order.status)) {
        push([{ ...statusOf(order), status: 'unknown' }]);
      }
    }
    this.#answers.release();
  }

  async #enter(order: VenueOrder): Promise<Receipt> {
    const known =
      this.#needs.orders.get(order.orderId)?.request ?? this.#entering.get(order.orderId);
    if (known !== undefined) {
      const same = isSameOrder(known, order);
      return same ? { outcome: 'taken' } : refused(rejectionOf('duplicate-order'));
    }
    const beyond = this.#beyond(order);
    if (beyond !== undefined) return refused(unsupported(beyond));
    const rejection = this.#rejection(order);
    if (rejection !== undefined) {
      const { orderId } = order;
      this.#answers.inTurn(() => this.#needs.push([{ kind: 'rejected', orderId, rejection }]));
      return { outcome: 'taken' };
    }
    this.#entering.set(order.orderId, order);
    try {
      const refusal = await this.#turn();
      return refusal ?? (await this.#sendNew(order));
    } finally {
      this.#entering.delete(order.orderId);
    }
  }

  async #sendNew(order: VenueOrder): Promise<Receipt> {
    const { orders } = this.#needs;
    const known = orders.get(order.orderId);
    const clientId = known
      ? orders.nextClientId(known)
      : clientOrderId(order.orderId, 0, this.#options.dialect.clientOrderId);
    return this.#send({
      ...{ kind: 'new', orderId: order.orderId, msgType: 'D', clientId },
      body: (writer) => writeNewOrder(writer, order, clientId, this.#terms(order.instrument)),
      ...(known === undefined && { order }),
    });
  }

  async #change(
    order: FixOrder,
    request: Extract<VenueRequest, { kind: 'cancel' | 'replace' }>,
  ): Promise<Receipt> {
    const { orderId } = request;
    // Taken before anything is waited for, so that nobody else changes it meanwhile.
    void this.#answers.ask(request.kind, orderId, this.#needs.nowMs());
    const refusal = await this.#turn();
    if (refusal !== undefined) {
      this.#answers.answered(request.kind, orderId);
      return refusal;
    }
    const clientId = this.#needs.orders.nextClientId(order);
    const terms = this.#terms(order.request.instrument);
    if (request.kind === 'cancel') {
      return this.#send({
        ...{ kind: 'cancel', orderId, msgType: 'F', clientId },
        body: (writer) => writeCancel(writer, order, clientId, terms),
      });
    }
    const { quantity, limitPrice } = request;
    const change = { kind: 'replace', orderId, clientId, seq: 0, quantity, limitPrice } as const;
    return this.#send({
      ...{ ...change, msgType: 'G' },
      body: (writer) => writeReplace(writer, order, change, terms),
    });
  }

  /** Notes and sends; the receipt comes when both are as durable as was asked for. */
  async #send(
    message: Omit<FixRequest, 'seq'> & {
      readonly msgType: string;
      readonly body: (writer: MessageWriter) => void;
      readonly order?: VenueOrder;
    },
  ): Promise<Receipt> {
    const { runner, orders, nowMs } = this.#needs;
    const { msgType, body, order, kind, orderId, clientId, quantity, limitPrice } = message;
    const request: FixRequest = {
      ...{ kind, orderId, clientId, seq: runner.nextSeq },
      ...(quantity !== undefined && { quantity }),
      ...(limitPrice !== undefined && { limitPrice }),
    };
    const note: FixNote = { note: 'asked', request, ...(order !== undefined && { order }) };
    try {
      runner.send(msgType, body, Buffer.from(JSON.stringify(note)));
    } catch (cause) {
      this.#answers.answered(kind, orderId);
      if (!(cause instanceof CodedError)) throw cause;
      // Whether the log has it is not known when it cannot be written.
      return cause.code === 'FIX_VALUE_INVALID' || cause.code === 'AMOUNT_NOT_EXACT'
        ? refused(rejectionOf('invalid-terms'))
        : { outcome: 'outcome-unknown' };
    }
    orders.asked(request, order);
    void this.#answers.ask(kind, orderId, nowMs());
    return this.#durable();
  }

  async #durable(): Promise<Receipt> {
    try {
      await this.#needs.runner.synced();
      return { outcome: 'taken' };
    } catch {
      return { outcome: 'outcome-unknown' };
    }
  }

  async #askStatus(order: FixOrder): Promise<Receipt> {
    const { orderId, instrument } = order.request;
    const { runner, nowMs } = this.#needs;
    if (!this.#options.dialect.orders.status) {
      // What is known here is where it stands, once the venue has said all it had to say.
      void this.#answers.ask('status', orderId, nowMs());
      void runner.ping().then((reached) => {
        if (!reached || !this.#answers.has('status', orderId)) return;
        this.#answers.answered('status', orderId);
        this.#needs.push([statusOf(order)]);
        this.#answers.release();
      });
      return { outcome: 'taken' };
    }
    const refusal = await this.#turn(true);
    if (refusal !== undefined) return refusal;
    runner.send('H', (writer) => writeStatusRequest(writer, order, this.#terms(instrument)));
    this.#statusAnswered.set(orderId, this.#answers.ask('status', orderId, nowMs()));
    return this.#durable();
  }

  /** OrderMassStatusRequest(AF): answered with a report for each order the venue has open. */
  async #massStatus(asked: readonly string[]): Promise<void> {
    const { runner } = this.#needs;
    this.#massAsked = new Set(asked);
    runner.send('AF', (writer) =>
      writer.text(TAG.MassStatusReqID, `${runner.nextSeq}`).int(TAG.MassStatusReqType, 7),
    );
    // The venue answers in turn: what it has to say comes before the answer to the ping.
    await runner.ping();
    this.#massAsked = undefined;
  }

  async #cancelAll(instrument: InstrumentId | undefined): Promise<Receipt> {
    const { orders, runner, nowMs } = this.#needs;
    const { dialect, instruments, symbolOf } = this.#options;
    if (instrument !== undefined && !instruments.has(instrument)) {
      return refused(rejectionOf('unknown-instrument'));
    }
    const open = [...orders.open()].filter(
      ({ request }) => instrument === undefined || request.instrument === instrument,
    );
    if (open.length === 0) return { outcome: 'taken' };
    if (!dialect.orders.massCancel) {
      const receipts = await Promise.all(
        open.map(({ request }) =>
          this.submit({ kind: 'cancel', orderId: request.orderId, instrument: request.instrument }),
        ),
      );
      return receipts.find(({ outcome }) => outcome !== 'taken') ?? { outcome: 'taken' };
    }
    const refusal = await this.#turn();
    if (refusal !== undefined) return refusal;
    this.#massCancels += 1;
    const clientId = `M${nowMs().toString(36)}${this.#massCancels}`;
    const symbol = instrument === undefined ? undefined : symbolOf(instrument);
    runner.send('q', (writer) =>
      writeMassCancel(writer, clientId, symbol, { dialect, atMs: nowMs() }),
    );
    return this.#durable();
  }

  /** A new order that the venue had no time for goes out again, under another id. */
  #again(orderId: string): void {
    const { throttleRestMs } = this.#options;
    this.#pace.rest(throttleRestMs);
    if (this.#throttled.has(orderId)) return;
    this.#throttled.add(orderId);
    setTimeout(() => void this.#repeat(orderId), throttleRestMs).unref();
  }

  async #repeat(orderId: string): Promise<void> {
    this.#throttled.delete(orderId);
    const order = this.#needs.orders.get(orderId);
    if (order === undefined || order.accepted || TERMINAL_STATUSES.has(order.status)) return;
    if ((await this.#turn()) === undefined) await this.#sendNew(order.request);
    else this.#needs.push([{ ...statusOf(order), status: 'unknown' }]);
  }

  /** Waits until a request may go out; answers why it may not. */
  async #turn(whileRecovering = false): Promise<Receipt | undefined> {
    const { isReady, runner } = this.#needs;
    const turn = this.#pace.take();
    if (turn === false) return refused(rejectionOf('busy'));
    if (turn !== undefined) await turn;
    const may = whileRecovering ? runner.isUp : isReady();
    return may ? undefined : refused(rejectionOf('not-ready'));
  }

  /** What the venue does not take, as its capabilities say. */
  #beyond(order: VenueOrder): string | undefined {
    const { timesInForce, orders } = this.#options.dialect;
    if (timesInForce[order.timeInForce] === undefined) return `${order.timeInForce} orders`;
    if (order.allOrNone === true && !orders.allOrNone) return 'all-or-none orders';
    if (order.minQuantity !== undefined && !orders.minQuantity) return 'minimum quantities';
    const shows = order.displayQuantity === undefined || orders.displayQuantity;
    return shows ? undefined : 'shown quantities';
  }

  #rejection(order: VenueOrder): LegRejection | undefined {
    const instrument = this.#options.instruments.get(order.instrument);
    if (instrument === undefined) return rejectionOf('unknown-instrument');
    const { limitPrice, quantity } = order;
    if (!Number.isSafeInteger(limitPrice) || limitPrice <= 0) return rejectionOf('invalid-price');
    if (!Number.isSafeInteger(quantity) || quantity <= 0) return rejectionOf('invalid-quantity');
    const finest = this.#options.dialect.priceDecimals ?? instrument.priceDecimals;
    const step = 10 ** Math.max(0, instrument.priceDecimals - finest);
    if (limitPrice % instrument.tickSize !== 0 || limitPrice % step !== 0) {
      return rejectionOf('off-tick');
    }
    return quantity % instrument.lotSize === 0 ? undefined : rejectionOf('off-lot');
  }

  #terms(instrument: InstrumentId): OrderMessageTerms {
    const { dialect, instruments, symbolOf } = this.#options;
    const found = instruments.get(instrument);
    if (found === undefined) {
      throw new CodedError('UNKNOWN_INSTRUMENT', 'An order is of no instrument of the venue.');
    }
    const atMs = this.#needs.nowMs();
    return { dialect, instrument: found, symbol: symbolOf(instrument), atMs };
  }
}

function statusOf(order: FixOrder): Extract<VenueEvent, { kind: 'order-status' }> {
  const { request, status, filled } = order;
  return { kind: 'order-status', orderId: request.orderId, status, filled };
}

function unknownOrder(kind: 'cancel' | 'replace' | 'status', orderId: string): VenueEvent {
  if (kind === 'status')
    return { kind: 'order-status', orderId, status: 'unknown-order', filled: 0 };
  const rejection = rejectionOf('unknown-order');
  return { kind: kind === 'cancel' ? 'cancel-rejected' : 'replace-rejected', orderId, rejection };
}

function refused(rejection: LegRejection): Receipt {
  return { outcome: 'refused', rejection };
}

function unsupported(what: string): LegRejection {
  return { code: 'UNSUPPORTED', message: `The venue does not take ${what}.` };
}
