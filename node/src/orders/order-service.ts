import {
  CodedError,
  type Instrument,
  type InstrumentId,
  isRefusal,
  type MemberId,
  type OrderRequest,
  type Refusal,
  refuse,
  type Side,
} from '@stoa/schema';
import { Counter, Gauge } from 'prom-client';
import type { PreTradeChecks, Settleable } from '../compliance/pre-trade.ts';
import type { LegMandates } from '../settlement/mandates/held-mandates.ts';
import type { MandateChecks } from '../settlement/mandates/mandate-gate.ts';
import type { UnsettledClaims } from '../settlement/unsettled-fills.ts';
import type { AnswerOn } from './answer-on.ts';
import type { Caller, OrderView } from './blotter/order-view.ts';
import { Disconnects } from './disconnects.ts';
import type { QuotedOrders } from './executing/quote-desk.ts';
import { gatedState } from './gated-state.ts';
import type { ReplacementRequest } from './home-orders.ts';
import type { NewCode } from './id-codes.ts';
import { leavesOf } from './life/order-state.ts';
import { notReplaced } from './not-replaced.ts';
import { OrderAnswers } from './order-answers.ts';
import { OrderEntry, type OrderPreview, type PreviewRequest } from './order-entry.ts';
import { type RefusedAction, recordRefusal } from './order-refusals.ts';
import { type StoredOrder, viewOf } from './order-rows.ts';
import { orderStages } from './order-stages.ts';
import {
  countOpenOrders,
  readDisconnectMembers,
  readOpenOrderIds,
  readOrder,
  wasRequested,
} from './order-store.ts';
import { OrderWork, type OrderWorkNeeds, type OrderWorkOptions } from './order-work.ts';
import { OrderGate } from './terms/order-gate.ts';
import type { MemberLimits } from './terms/order-limits.ts';
import { CLIENT_ORDER_ID, checkCancel, checkReplace } from './terms/order-validation.ts';
import { type Rate, RateLimits } from './terms/rate-limit.ts';

export interface OrderServiceOptions extends Pick<OrderWorkOptions, 'venue'> {
  /** How long a venue may leave a leg unanswered before it counts as unknown; default 2 s. */
  readonly legDeadlineMs?: number;
  /** How often deadlines are looked at; default 100 ms. */
  readonly tickMs?: number;
  /** How long a member may be without a stream before its orders that end with it do; default 5 s. */
  readonly disconnectGraceMs?: number;
}

export interface OrderServiceNeeds extends Omit<OrderWorkNeeds, 'settleableNow'> {
  readonly checkOrder: PreTradeChecks['checkOrder'];
  readonly settleable: PreTradeChecks['settleable'];
  /** What wallets gave away in fills that have not settled; absent: nothing. */
  readonly unsettled?: UnsettledClaims;
  /** What investors signed; absent: nobody needs a mandate. */
  readonly mandates?: MandateChecks & Partial<LegMandates>;
  readonly limits: MemberLimits;
  /** Names orders: their ids are `<venue>-<code>`. */
  readonly newCode: NewCode;
  /** Wallets of each member, in lower case. */
  readonly accounts: ReadonlyMap<string, ReadonlySet<string>>;
  /** Told of the members whose order events were committed. */
  readonly onCommitted?: (members: ReadonlySet<MemberId>) => void;
}

/** A side of an instrument on which a wallet has promised something. */
interface PromisedBy {
  readonly account: `0x${string}`;
  readonly instrument: Instrument;
  readonly side: Side;
}

/** What whoever places an order waits for. */
interface PlaceOptions {
  readonly answerWithinMs?: number;
  readonly answerOn?: AnswerOn;
  /** Told of the order's id when it is durable, before any venue is waited for. */
  readonly onRecorded?: (orderId: string) => void;
}

/** An order that was placed, now or before. */
interface PlacedOrder {
  readonly order: OrderView;
  readonly existed: boolean;
}

/** Orders at their home node. What is refused is kept. */
export interface OrderService {
  /**
   * Places an order once: the same client order id with the same content answers the same order.
   * Resolves when the order is durable; legs and fills follow. With `answerWithinMs` it waits, for
   * so long at most, until every venue has acknowledged its leg, or until what is immediate is done.
   * An acknowledgement is told when it has come, which may be before it is recorded here.
   */
  place(
    caller: Caller,
    request: OrderRequest,
    options?: PlaceOptions,
  ): Promise<PlacedOrder | Refusal>;
  /**
   * Asks for another total quantity and, where given, another limit of one of the caller's orders. A
   * request with a `clientOrderId` of its own is asked once: its repeat answers the order as it stands.
   */
  replace(caller: Caller, orderId: string, to: ReplacementRequest): Promise<OrderView | Refusal>;
  /**
   * Asks to cancel what is open of one of the caller's orders. Without a `clientOrderId` of its own a
   * request that finds another one under way is as good as that; with one it is refused.
   */
  cancel(
    caller: Caller,
    orderId: string,
    by?: { readonly clientOrderId?: string },
  ): Promise<OrderView | Refusal>;
  /** The same for all of the caller's open orders; how many are being canceled. */
  cancelAll(
    caller: Caller,
    which: { readonly instrument?: InstrumentId; readonly side?: Side },
  ): Promise<{ readonly count: number } | Refusal>;
  /** Where an order would go now, and at which cost. Nothing is sent, and nothing recorded. */
  preview(caller: Caller, request: PreviewRequest): Promise<OrderPreview | Refusal>;
  /**
   * What one of the caller's own wallets has promised already, in the smallest unit of the cash token for
   * buys, of the token for sells; 0 for a wallet that is not the caller's, of which nothing is told.
   */
  promised(caller: Caller, wallet: PromisedBy): bigint;
  /** Takes every open order off this venue's own book, or those of one instrument, whosever they are. */
  massCancel(instrument?: InstrumentId): Promise<void>;
  /** Keeps what was refused before it could be asked. */
  refused(caller: Caller, asked: RefusedAction, refusal: Refusal): Promise<void>;
  /** A stream of the member's order events begins. */
  streamOpened(member: MemberId): void;
  /** It has ended: with the last one, its orders with `cancelOnDisconnect` do. */
  streamClosed(member: MemberId): void;
  openOrderCount(): Promise<number>;
  /** For what is negotiated. */
  readonly quoted: QuotedOrders;
  /** Restores what was open, opens the venue's book, then the sessions with other nodes. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Refusals that are kept of one member; more are counted and logged. */
const RECORDED_REFUSALS: Rate = { perSecond: 20, burst: 500 };
/** Orders that are canceled in one transaction, at most. */
const CANCELED_AT_ONCE = 100;

/** Puts the orders of a node together. Nothing is sent or taken before `start`. */
export function createOrderService(
  options: OrderServiceOptions,
  needs: OrderServiceNeeds,
): OrderService {
  return new Orders(options, needs);
}

class Orders implements OrderService {
  readonly #needs: OrderServiceNeeds;
  readonly #work: OrderWork;
  readonly #gate: OrderGate;
  readonly #entry: OrderEntry;
  readonly #disconnects: Disconnects;
  readonly #answers: OrderAnswers;
  readonly #refusals = new RateLimits();
  readonly #placed: Counter;
  readonly #refused: Counter<'code'>;
  #open = false;

  constructor(options: OrderServiceOptions, needs: OrderServiceNeeds) {
    this.#needs = needs;
    const { venue, legDeadlineMs = 2_000, tickMs = 100, disconnectGraceMs = 5_000 } = options;
    this.#gate = new OrderGate(needs);
    this.#work = new OrderWork(
      { venue, legDeadlineMs, tickMs },
      { ...needs, settleableNow: (order) => this.#settleableNow(order) },
      (orders) => this.#changed(orders),
    );
    const stage = orderStages(needs.metrics);
    this.#answers = new OrderAnswers(stage);
    this.#entry = new OrderEntry(venue, { ...needs, gate: this.#gate, work: this.#work, stage });
    this.#disconnects = new Disconnects({
      graceMs: disconnectGraceMs,
      end: (member) => void this.#disconnected(member),
    });
    const registers = [needs.metrics];
    this.#placed = new Counter({
      name: 'stoa_orders_placed_total',
      help: 'Orders accepted.',
      registers,
    });
    this.#refused = new Counter({
      name: 'stoa_orders_refused_total',
      help: 'What members asked of orders and were refused.',
      labelNames: ['code'],
      registers,
    });
    const openOrders = (): Promise<number> => this.openOrderCount();
    new Gauge({
      name: 'stoa_orders_open',
      help: 'Orders that are not finished.',
      registers,
      async collect() {
        this.set(await openOrders());
      },
    });
  }

  get quoted(): QuotedOrders {
    const isOpen = (): boolean => this.#open;
    return {
      get isOpen() {
        return isOpen();
      },
      admit: (member, what) => this.#gate.admit(member, what),
      enter: (order) => this.#gate.enter(order),
      commit: (change) => this.#work.commit(change),
      place: async (tx, order, after) => {
        const { member, clientOrderId } = order;
        if (await readOrder(tx, { member, clientOrderId })) return undefined;
        const [placed] = await this.#work.home.place(tx, [order], after);
        return placed;
      },
      refused: (member, action, refusal) => this.#refusedOf(member, { action }, refusal),
    };
  }

  async place(
    caller: Caller,
    request: OrderRequest,
    { answerWithinMs = 0, answerOn = 'done', onRecorded }: PlaceOptions = {},
  ): Promise<PlacedOrder | Refusal> {
    const { clientOrderId } = request;
    const placed = this.#open ? await this.#entry.place(caller, request) : notOpen();
    if (isRefusal(placed)) {
      await this.refused(caller, { action: 'place', clientOrderId }, placed);
      return placed;
    }
    const { order, existed } = placed;
    if (!existed) this.#placed.inc();
    onRecorded?.(order.state.id);
    const answered =
      answerWithinMs > 0 ? await this.#answers.wait(order, answerOn, answerWithinMs) : order;
    return { order: viewOf(answered), existed };
  }

  async replace(
    caller: Caller,
    orderId: string,
    to: ReplacementRequest,
  ): Promise<OrderView | Refusal> {
    const replaced = await this.#replace(caller, orderId, to);
    if (!isRefusal(replaced)) return viewOf(replaced);
    await this.refused(caller, { action: 'replace', orderId }, replaced);
    return replaced;
  }

  async #replace(
    caller: Caller,
    orderId: string,
    to: ReplacementRequest,
  ): Promise<StoredOrder | Refusal> {
    const known = await this.#changeable(caller, orderId);
    if (isRefusal(known)) return known;
    if (await this.#wasAsked(orderId, to)) return known;
    const instrument = this.#needs.directory.current().instruments.get(known.instrument);
    if (!instrument) throw new CodedError('INSTRUMENT_LOST', 'An order’s instrument is not known.');
    const wrong = checkReplace(known.state, to, instrument);
    if (wrong) return wrong;
    const { quantity, limitPrice = known.state.limitPrice } = to;
    const { member, account } = known;
    const { side, filled, directedTo } = known.state;
    const leaves = quantity - filled;
    const asked = { member, account, instrument, side, leaves, limitPrice, directedTo };
    const place = await this.#gate.enter({ ...asked, worstPrice: undefined }, { id: orderId });
    if (isRefusal(place)) return place;
    this.#work.settleable.passed(orderId);
    try {
      const replaced = await this.#work.commit((tx, after) =>
        this.#work.home.replace(tx, orderId, to, after),
      );
      if (replaced && 'state' in replaced) return replaced;
      return notReplaced(replaced?.ignored ?? 'ORDER_ENDED');
    } finally {
      place.release();
    }
  }

  async cancel(
    caller: Caller,
    orderId: string,
    by: { readonly clientOrderId?: string } = {},
  ): Promise<OrderView | Refusal> {
    const canceled = await this.#cancel(caller, orderId, by);
    if (!isRefusal(canceled)) return viewOf(canceled);
    await this.refused(caller, { action: 'cancel', orderId }, canceled);
    return canceled;
  }

  async #cancel(
    caller: Caller,
    orderId: string,
    by: { readonly clientOrderId?: string },
  ): Promise<StoredOrder | Refusal> {
    const known = await this.#changeable(caller, orderId);
    if (isRefusal(known)) return known;
    const tooLate = checkCancel(known.state);
    if (tooLate) return tooLate;
    if (known.state.cancelRequested) return this.#canceledBy(known, by);
    const [order = known] = await this.#work.commit((tx, after) =>
      this.#work.home.cancel(tx, [orderId], after, by),
    );
    return checkCancel(order.state) ?? this.#canceledBy(order, by);
  }

  /** An order that is being canceled; refused where another request than this one asked for it. */
  async #canceledBy(
    order: StoredOrder,
    by: { readonly clientOrderId?: string },
  ): Promise<StoredOrder | Refusal> {
    if (by.clientOrderId === undefined || (await this.#wasAsked(order.state.id, by))) return order;
    const message = 'The order is being canceled already.';
    return refuse('CANCEL_PENDING', message, 'Wait for the answer to the first request.');
  }

  /** Whether a change was asked for under this id before: a request that is repeated, as after a crash. */
  async #wasAsked(
    orderId: string,
    { clientOrderId }: { readonly clientOrderId?: string },
  ): Promise<boolean> {
    return (
      clientOrderId !== undefined &&
      (await wasRequested(this.#needs.database, orderId, clientOrderId))
    );
  }

  /** One of the caller's orders; another member's answers exactly as one that does not exist. */
  async #changeable(caller: Caller, orderId: string): Promise<StoredOrder | Refusal> {
    const notTaken = this.#open ? this.#gate.admit(caller.member, 'change') : notOpen();
    if (notTaken) return notTaken;
    // What could not be the name of an order is not looked up: the store does not even take some of it.
    const known = CLIENT_ORDER_ID.test(orderId)
      ? // Asked for with its member, so that another's order takes no longer to refuse than none.
        await readOrder(this.#needs.database, { id: orderId, member: caller.member })
      : undefined;
    if (known) return known;
    const message = 'You have no order of this id.';
    return refuse('ORDER_UNKNOWN', message, 'Take the id from the list of your orders.');
  }

  async cancelAll(
    caller: Caller,
    which: { readonly instrument?: InstrumentId; readonly side?: Side },
  ): Promise<{ readonly count: number } | Refusal> {
    const notTaken = this.#open ? this.#gate.admit(caller.member, 'change') : notOpen();
    if (notTaken) {
      await this.refused(caller, { action: 'cancel-all' }, notTaken);
      return notTaken;
    }
    return { count: await this.#cancelOpen({ member: caller.member, ...which }) };
  }

  async #cancelOpen(which: Parameters<typeof readOpenOrderIds>[1]): Promise<number> {
    const ids = await readOpenOrderIds(this.#needs.database, which);
    let count = 0;
    for (let first = 0; first < ids.length; first += CANCELED_AT_ONCE) {
      const some = ids.slice(first, first + CANCELED_AT_ONCE);
      const orders = await this.#work.commit((tx, after) =>
        this.#work.home.cancel(tx, some, after),
      );
      count += orders.filter(({ state }) => state.cancelRequested).length;
    }
    return count;
  }

  async preview(caller: Caller, request: PreviewRequest): Promise<OrderPreview | Refusal> {
    return this.#open ? this.#entry.preview(caller, request) : notOpen();
  }

  promised({ member }: Caller, wallet: PromisedBy): bigint {
    const own = this.#needs.accounts.get(member)?.has(wallet.account.toLowerCase());
    return own ? this.#gate.promised(wallet) : 0n;
  }

  async #settleableNow(order: StoredOrder): Promise<Settleable> {
    const instrument = this.#needs.directory.current().instruments.get(order.instrument);
    if (!instrument) throw new CodedError('INSTRUMENT_LOST', 'An order’s instrument is not known.');
    const { id, limitPrice } = order.state;
    const gated = { ...gatedState(order, instrument), limitPrice, worstPrice: undefined };
    return this.#gate.settleable(gated, id);
  }

  massCancel(instrument?: InstrumentId): Promise<void> {
    return this.#work.massCancel(instrument);
  }

  refused({ member }: Caller, asked: RefusedAction, refusal: Refusal): Promise<void> {
    return this.#refusedOf(member, asked, refusal);
  }

  async #refusedOf(member: MemberId, asked: RefusedAction, refusal: Refusal): Promise<void> {
    const { code } = refusal;
    const { database, logger, nowMs } = this.#needs;
    this.#refused.inc({ code });
    logger.info({ code, member, action: asked.action }, 'order request refused');
    // Whoever asks a thousand wrong things a second does not get to fill this store with them.
    if (this.#refusals.take(member, RECORDED_REFUSALS, nowMs()) > 0) return;
    try {
      await recordRefusal(database, member, asked, refusal, nowMs());
    } catch (error) {
      logger.error({ err: error, code, member }, 'refusal not recorded');
    }
  }

  streamOpened(member: MemberId): void {
    this.#disconnects.opened(member);
  }

  streamClosed(member: MemberId): void {
    this.#disconnects.closed(member);
  }

  async #disconnected(member: MemberId): Promise<void> {
    try {
      const count = await this.#cancelOpen({ member, cancelOnDisconnect: true });
      this.#needs.logger.info({ member, count }, 'orders canceled on disconnect');
    } catch (error) {
      this.#needs.logger.error({ err: error, member }, 'orders not canceled on disconnect');
      if (this.#open) this.#disconnects.expect(member);
    }
  }

  /** After every commit that changed orders. */
  #changed(orders: readonly StoredOrder[]): void {
    const { instruments } = this.#needs.directory.current();
    for (const order of orders) {
      const instrument = instruments.get(order.instrument);
      if (instrument) this.#gate.changed(gatedState(order, instrument));
      const { cancelOnDisconnect } = order.state;
      if (cancelOnDisconnect && leavesOf(order.state) > 0) this.#disconnects.expect(order.member);
      this.#answers.changed(order);
    }
    const quoted = orders.filter(({ state }) => state.quoteId !== undefined);
    if (quoted.length > 0) this.#needs.quotes?.changed(quoted);
    this.#needs.onCommitted?.(new Set(orders.map(({ member }) => member)));
  }

  openOrderCount(): Promise<number> {
    return countOpenOrders(this.#needs.database);
  }

  async start(): Promise<void> {
    this.#needs.sessions.onHeard((from, body) => this.#answers.heard(from, body));
    await this.#work.start();
    const members = await readDisconnectMembers(this.#needs.database);
    for (const member of members) this.#disconnects.expect(member);
    this.#open = true;
  }

  async stop(): Promise<void> {
    this.#open = false;
    this.#disconnects.stop();
    await this.#entry.idle();
    await this.#work.stop();
  }
}

function notOpen(): Refusal {
  return refuse('NODE_NOT_OPEN', 'The node is starting or stopping.', 'Send it again in a moment.');
}
