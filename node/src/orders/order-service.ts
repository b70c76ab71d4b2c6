import {
  CodedError,
  type Instrument,
  isRefusal,
  type OrderRequest,
  type Price,
  type Quantity,
  type Refusal,
  refuse,
  type Side,
  TERMINAL_STATUSES,
} from '@stoa/schema';
import { Counter, Gauge } from 'prom-client';
import {
  countOpenOrders,
  isSameRequest,
  nextOrderNumber,
  readExecutions,
  readLegs,
  readOrder,
  readOrders,
  type StoredOrder,
  viewOf,
} from './order-store.ts';
import { CLIENT_ORDER_ID, checkCaller, checkRequest } from './order-validation.ts';
import type { Caller, ExecutionView, LegView, OrderView } from './order-view.ts';
import { OrderWork, type OrderWorkNeeds, type OrderWorkOptions } from './order-work.ts';

export interface OrderServiceOptions extends Pick<OrderWorkOptions, 'venue'> {
  /** How long a venue may leave a leg unanswered before it counts as unknown; default 2 s. */
  readonly legDeadlineMs?: number;
  /** How often deadlines are looked at; default 100 ms. */
  readonly tickMs?: number;
}

/** What is checked of an order before it is routed. */
export interface PreTradeOrder {
  readonly instrument: Instrument;
  readonly side: Side;
  readonly account: `0x${string}`;
  readonly quantity: Quantity;
  /** The order's limit. */
  readonly limitPrice?: Price;
  /** Where there is none: the worst price its route would take. */
  readonly worstPrice?: Price;
}

export interface OrderServiceNeeds extends OrderWorkNeeds {
  readonly checkOrder: (order: PreTradeOrder) => Promise<Refusal | undefined>;
  /** Wallets of each member, in lower case. */
  readonly accounts: ReadonlyMap<string, ReadonlySet<string>>;
}

/** A page of orders; `endCursor` continues after it. */
export interface OrderPage {
  readonly orders: OrderView[];
  readonly endCursor: string | undefined;
  readonly hasNextPage: boolean;
}

/** Orders at their home node. */
export interface OrderService {
  /**
   * Places an order once: the same client order id with the same content answers the same order.
   * Resolves when the order is durable; legs and fills follow.
   */
  place(
    caller: Caller,
    request: OrderRequest,
  ): Promise<{ readonly order: OrderView; readonly existed: boolean } | Refusal>;
  /** Asks to cancel what is open of one of the caller's orders. */
  cancel(caller: Caller, orderId: string): Promise<OrderView | Refusal>;
  /** One of the caller's orders, by its id or the caller's own. */
  order(
    caller: Caller,
    by: { readonly id?: string; readonly clientOrderId?: string },
  ): Promise<OrderView | undefined>;
  /**
   * The caller's orders, newest first, at most 100.
   *
   * @throws CodedError `CURSOR_INVALID`
   */
  orders(
    caller: Caller,
    page: { readonly first: number; readonly after?: string },
  ): Promise<OrderPage>;
  /** The legs of an order, in the order they were sent. The order must be the caller's. */
  legs(orderId: string): Promise<LegView[]>;
  /** The executions of an order, in the order they were recorded. The order must be the caller's. */
  executions(orderId: string): Promise<ExecutionView[]>;
  openOrderCount(): Promise<number>;
  /** Restores what was open, opens the venue's book, then the sessions with other nodes. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const MAX_PAGE = 100;

/** Puts the orders of a node together. Nothing is sent or taken before `start`. */
export function createOrderService(
  options: OrderServiceOptions,
  needs: OrderServiceNeeds,
): OrderService {
  return new Orders(options, needs);
}

class Orders implements OrderService {
  readonly #venue: string;
  readonly #needs: OrderServiceNeeds;
  readonly #work: OrderWork;
  readonly #placed: Counter;
  readonly #refused: Counter<'code'>;
  #open = false;

  constructor(options: OrderServiceOptions, needs: OrderServiceNeeds) {
    this.#venue = options.venue;
    this.#needs = needs;
    const { venue, legDeadlineMs = 2_000, tickMs = 100 } = options;
    this.#work = new OrderWork({ venue, legDeadlineMs, tickMs }, needs);
    const registers = [needs.metrics];
    this.#placed = new Counter({
      name: 'stoa_orders_placed_total',
      help: 'Orders accepted.',
      registers,
    });
    this.#refused = new Counter({
      name: 'stoa_orders_refused_total',
      help: 'Orders refused before they were recorded.',
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

  async place(
    caller: Caller,
    request: OrderRequest,
  ): Promise<{ order: OrderView; existed: boolean } | Refusal> {
    const answer = this.#open ? await this.#place(caller, request) : notOpen();
    if (isRefusal(answer)) {
      const { code } = answer;
      this.#refused.inc({ code });
      this.#needs.logger.info({ code, member: caller.member }, 'order refused');
    } else if (!answer.existed) {
      this.#placed.inc();
    }
    return answer;
  }

  async #place(
    caller: Caller,
    request: OrderRequest,
  ): Promise<{ order: OrderView; existed: boolean } | Refusal> {
    const notAllowed = checkCaller(caller, request, this.#venue);
    if (notAllowed) return notAllowed;
    // Before all other checks: a repeat is answered as the first was, whatever has changed since.
    const before = await this.#placedBefore(caller, request);
    if (before) return before;

    const { accounts, directory, market } = this.#needs;
    const instrument = checkRequest(caller, request, {
      venue: this.#venue,
      accounts,
      directory: directory.current(),
      book: market.book(request.instrument),
    });
    if (isRefusal(instrument)) return instrument;
    const draft = newOrder(caller, request, this.#needs.nowMs());
    const ineligible = await this.#checkEligibility(draft, instrument);
    if (ineligible) return ineligible;

    const placed = await this.#work.commit(async (tx, after) => {
      const number = await nextOrderNumber(tx);
      const state = { ...draft.state, id: `${this.#venue}-${number}` };
      return this.#work.home.place(tx, { ...draft, number, state }, after);
    });
    if (placed) return { order: viewOf(placed), existed: false };
    const meanwhile = await this.#placedBefore(caller, request);
    if (meanwhile) return meanwhile;
    throw new CodedError('ORDER_LOST', 'An order was neither recorded nor found.');
  }

  async #placedBefore(
    { member }: Caller,
    request: OrderRequest,
  ): Promise<{ order: OrderView; existed: true } | Refusal | undefined> {
    const { clientOrderId } = request;
    const known = await readOrder(this.#needs.database, { member, clientOrderId });
    if (!known) return undefined;
    if (isSameRequest(known, request)) return { order: viewOf(known), existed: true };
    const message = `The client order id "${clientOrderId}" was used for another order.`;
    return refuse('CLIENT_ORDER_ID_REUSED', message, 'Choose another client order id.');
  }

  async #checkEligibility(
    draft: StoredOrder,
    instrument: Instrument,
  ): Promise<Refusal | undefined> {
    const { side, quantity, limitPrice } = draft.state;
    const asked = { instrument, side, account: draft.account, quantity };
    if (limitPrice !== undefined) return this.#needs.checkOrder({ ...asked, limitPrice });
    const prices = this.#work.home.preview(draft)?.legs.map((leg) => leg.limitPrice) ?? [];
    // A market order that finds nothing costs nothing: the least price still asks who may hold it.
    if (prices.length === 0) prices.push(instrument.tickSize);
    const worstPrice = side === 'buy' ? Math.max(...prices) : Math.min(...prices);
    return this.#needs.checkOrder({ ...asked, worstPrice });
  }

  async cancel(caller: Caller, orderId: string): Promise<OrderView | Refusal> {
    if (!this.#open) return notOpen();
    const known = await this.#named({ id: orderId });
    // Another member's order answers exactly as one that does not exist.
    if (!known || known.member !== caller.member) {
      const message = 'You have no order of this id.';
      return refuse('ORDER_UNKNOWN', message, 'Take the id from the list of your orders.');
    }
    const wasOpen = !TERMINAL_STATUSES.has(known.state.status);
    const order = wasOpen
      ? await this.#work.commit((tx, after) => this.#work.home.cancel(tx, orderId, after))
      : known;
    if (order?.state.cancelRequested) return viewOf(order);
    const message = `The order is ${order?.state.status ?? 'gone'}: nothing is left to cancel.`;
    return refuse('ORDER_NOT_OPEN', message, 'Look at the order for what became of it.');
  }

  async order(
    { member }: Caller,
    { id, clientOrderId }: { readonly id?: string; readonly clientOrderId?: string },
  ): Promise<OrderView | undefined> {
    let found: StoredOrder | undefined;
    if (id !== undefined) found = await this.#named({ id });
    else if (clientOrderId !== undefined) found = await this.#named({ member, clientOrderId });
    return found?.member === member ? viewOf(found) : undefined;
  }

  /** What could not be the name of an order is not looked up: the store does not even take some of it. */
  async #named(by: Parameters<typeof readOrder>[1]): Promise<StoredOrder | undefined> {
    const name = 'id' in by ? by.id : by.clientOrderId;
    return CLIENT_ORDER_ID.test(name) ? readOrder(this.#needs.database, by) : undefined;
  }

  async orders(
    { member }: Caller,
    { first, after }: { readonly first: number; readonly after?: string },
  ): Promise<OrderPage> {
    const below = after === undefined ? Number.MAX_SAFE_INTEGER : this.#numberOf(after);
    const wanted = Math.min(Math.max(Math.trunc(first), 1), MAX_PAGE);
    const rows = await readOrders(this.#needs.database, member, below, wanted + 1);
    const orders = rows.slice(0, wanted);
    return { orders, endCursor: orders.at(-1)?.id, hasNextPage: rows.length > wanted };
  }

  /** The cursor behind an order is its id: newer orders have higher numbers. */
  #numberOf(cursor: string): number {
    const number = Number(cursor.slice(cursor.lastIndexOf('-') + 1));
    if (Number.isSafeInteger(number) && cursor === `${this.#venue}-${number}`) return number;
    throw new CodedError('CURSOR_INVALID', 'The cursor is none of a list of orders.');
  }

  legs(orderId: string): Promise<LegView[]> {
    return readLegs(this.#needs.database, orderId);
  }

  executions(orderId: string): Promise<ExecutionView[]> {
    return readExecutions(this.#needs.database, orderId);
  }

  openOrderCount(): Promise<number> {
    return countOpenOrders(this.#needs.database);
  }

  async start(): Promise<void> {
    await this.#work.start();
    this.#open = true;
  }

  async stop(): Promise<void> {
    this.#open = false;
    await this.#work.stop();
  }
}

function notOpen(): Refusal {
  return refuse('NODE_NOT_OPEN', 'The node is starting or stopping.', 'Send it again in a moment.');
}

/** The order as asked for; it gets its number, and its id, when it is recorded. */
function newOrder(caller: Caller, request: OrderRequest, nowMs: number): StoredOrder {
  const { clientOrderId, instrument, side, type, timeInForce, quantity, limitPrice } = request;
  return {
    number: 0,
    clientOrderId,
    member: caller.member,
    instrument,
    account: request.account.toLowerCase() as `0x${string}`,
    placedAtMs: nowMs,
    lastEvent: 0,
    groupOpen: false,
    state: {
      id: '',
      side,
      type,
      timeInForce,
      quantity,
      limitPrice,
      status: 'pending-new',
      filled: 0,
      notional: 0n,
      cancelRequested: false,
      reason: undefined,
      legs: [],
    },
  };
}
