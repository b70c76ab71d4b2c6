import { invariant, type Price, type Quantity, type Side } from '@stoa/schema';
import { auctionPrice } from './auction-price.ts';
import { bookDigest } from './book-digest.ts';
import { type BookOrder, BookOrders } from './book-order.ts';
import { BookSide } from './book-side.ts';
import type {
  Depth,
  EngineCancelReason,
  EngineListener,
  EngineOrder,
  EnginePhase,
  EngineRejectReason,
  OrderRef,
  RestingOrder,
  SelfTradeAction,
} from './engine-types.ts';
import { executableQuantity, type OtherSide } from './executable-quantity.ts';
import { OrderIndex } from './order-index.ts';
import { isPositive, orderRefusal, rests } from './order-refusal.ts';
import { WaitingOrders } from './waiting-orders.ts';

export type { EngineListener, EngineOrder } from './engine-types.ts';

export interface MatchingEngineOptions {
  /** Default `cancel-newest`. */
  readonly onSelfTrade?: SelfTradeAction;
  /** Open orders to make room for at the start, 200 bytes each; it grows beyond them. Default 0. */
  readonly expectedOrders?: number;
}

/** An engine's state beside its orders. */
export interface EngineState {
  readonly phase: EnginePhase;
  readonly halted: boolean;
  /** How many orders came to rest so far. */
  readonly arrivals: number;
}

/**
 * The book of one instrument, matched by price, then time.
 *
 * Deterministic: the same operations tell the listener the same. It knows neither clock nor I/O nor
 * members; it forgets an order the moment that order is done, so its memory is that of the open
 * book. An operation answers whether it was taken; a refusal is told and changes nothing.
 */
export class MatchingEngine {
  readonly #orders: BookOrders;
  readonly #index: OrderIndex;
  readonly #bids: OtherSide;
  readonly #offers: OtherSide;
  readonly #listener: EngineListener;
  readonly #onSelfTrade: SelfTradeAction;
  #phase: EnginePhase = 'continuous';
  #halted = false;
  #arrivals = 0;

  constructor(listener: EngineListener, options: MatchingEngineOptions = {}) {
    this.#listener = listener;
    const { expectedOrders = 0 } = options;
    this.#orders = new BookOrders(expectedOrders);
    this.#index = new OrderIndex(this.#orders, expectedOrders);
    this.#bids = bothKinds('buy', this.#orders);
    this.#offers = bothKinds('sell', this.#orders);
    this.#onSelfTrade = options.onSelfTrade ?? 'cancel-newest';
  }

  /** Why an order would not be taken now; undefined where it would. */
  refusal(from: EngineOrder): EngineRejectReason | undefined {
    const known = this.#index.get(from.ref) !== undefined;
    return orderRefusal(from, known, this.#phase, this.#halted);
  }

  /** Takes an order: trades what can trade, then rests or cancels the remainder. */
  submit(from: EngineOrder): boolean {
    const refusal = this.refusal(from);
    if (refusal !== undefined) return this.#reject(from.ref, refusal);
    const order = this.#orders.take(from);
    this.#listener.accepted(order);
    this.#enter(order, rests(from), from.minQuantity ?? 0);
    return true;
  }

  /** Takes the whole rest of an order out of the book; works in every state. */
  cancel(ref: OrderRef): boolean {
    const order = this.#index.get(ref);
    if (order === undefined) return this.#reject(ref, 'unknown-order');
    this.#cancel(order, 'requested');
    return true;
  }

  /**
   * Lowers an order's quantity by `by`; it keeps its place. Lowering by all that is open, or more,
   * cancels it.
   */
  reduce(ref: OrderRef, by: Quantity): boolean {
    const order = this.#index.get(ref);
    if (order === undefined) return this.#reject(ref, 'unknown-order');
    if (!isPositive(by)) return this.#reject(ref, 'invalid-quantity');
    if (by >= order.leaves) return this.cancel(ref);
    this.#lessen(order, by);
    order.quantity -= by;
    this.#listener.reduced(order);
    this.#check(order);
    if (order.allOrNone) this.#try(order);
    return true;
  }

  /**
   * Gives a resting order a new name, price and total quantity (what it has already executed
   * counts). Same price and no more quantity: it keeps its place, in every state. Otherwise it
   * joins the end of its queue, and trades first if it now can.
   */
  replace(
    ref: OrderRef,
    by: { readonly ref: OrderRef; readonly price: Price; readonly quantity: Quantity },
  ): boolean {
    const order = this.#index.get(ref);
    if (order === undefined) return this.#reject(by.ref, 'unknown-order');
    if (by.ref !== ref && this.#index.get(by.ref) !== undefined) {
      return this.#reject(by.ref, 'duplicate-order');
    }
    if (!isPositive(by.price)) return this.#reject(by.ref, 'invalid-price');
    if (!isPositive(by.quantity)) return this.#reject(by.ref, 'invalid-quantity');
    if (by.quantity <= order.cumulative) return this.#reject(by.ref, 'below-executed');
    const keptPriority = by.price === order.price && by.quantity <= order.quantity;
    if (!keptPriority && this.#phase === 'closed') return this.#reject(by.ref, 'closed');
    if (!keptPriority && this.#halted) return this.#reject(by.ref, 'halted');

    if (keptPriority) {
      this.#lessen(order, order.quantity - by.quantity);
      this.#index.remove(order);
    } else {
      this.#remove(order);
      order.price = by.price;
      order.leaves = by.quantity - order.cumulative;
    }
    order.ref = by.ref;
    order.quantity = by.quantity;
    this.#listener.replaced(order, ref, keptPriority);
    this.#check(order);
    if (!keptPriority) this.#enter(order, true, 0);
    else {
      this.#index.add(order);
      if (order.allOrNone) this.#try(order);
    }
    return true;
  }

  /**
   * Gives an open order back what a trade had executed that was undone. It joins the end of its
   * queue.
   */
  reopen(ref: OrderRef, by: Quantity): boolean {
    const order = this.#index.get(ref);
    if (order === undefined) return this.#reject(ref, 'unknown-order');
    if (!isPositive(by) || by > order.cumulative) return this.#reject(ref, 'invalid-quantity');
    this.#remove(order);
    order.cumulative -= by;
    order.leaves += by;
    this.#listener.reopened(order);
    this.#check(order);
    this.#rest(order);
    return true;
  }

  /**
   * Ends the orders whose time is over: `gtd` ones that were good until before this moment, and at
   * the end of a day those for the day.
   */
  expire(atMs: number, endOfDay: boolean): void {
    const over = [...this.#all()].filter(({ timeInForce, expireAtMs }) =>
      timeInForce === 'gtd' ? expireAtMs < atMs : endOfDay && timeInForce === 'day',
    );
    for (const order of over) this.#cancel(order, 'expired');
  }

  /** Refuses new orders, and replacements that could trade, until {@link resume}. */
  halt(): void {
    this.#halted = true;
  }

  resume(): void {
    this.#halted = false;
    this.#tryAll();
  }

  /** Takes no orders until an auction begins; those in the book stay. */
  close(): void {
    this.#phase = 'closed';
  }

  /** Collects orders without trading, until {@link uncross}. */
  startAuction(): void {
    this.#phase = 'auction';
  }

  /**
   * Ends the auction: trades at one price what can (see `auctionPrice`), hidden parts included, and
   * goes on continuously. Where preventing a self-trade left the book crossed, once more at the price
   * that is then right. False, and nothing done, where there is no auction or trading is halted.
   */
  uncross(reference?: Price): boolean {
    if (this.#phase !== 'auction' || this.#halted) return false;
    for (;;) {
      const found = auctionPrice(this.#bids.shown, this.#offers.shown, reference);
      if (found === undefined) break;
      this.#listener.uncrossed(found.price, found.quantity);
      this.#tradeAt(found.price);
    }
    this.#phase = 'continuous';
    this.#tryAll();
    return true;
  }

  /** How many orders rest in the book. */
  get openOrders(): number {
    return this.#index.size;
  }

  /** An open order as it stands now. */
  order(ref: OrderRef): RestingOrder | undefined {
    const order = this.#index.get(ref);
    return order && { ...order };
  }

  /** At most `levels` prices a side, best first, as they are shown. */
  depth(levels: number): Depth {
    return { bids: this.#bids.shown.depth(levels), offers: this.#offers.shown.depth(levels) };
  }

  get state(): EngineState {
    return { phase: this.#phase, halted: this.#halted, arrivals: this.#arrivals };
  }

  /** SHA-256 of the book: equal for equal orders in equal priority. Walks the whole book. */
  digest(): string {
    return bookDigest(this.orders(), this.state);
  }

  /**
   * Every resting order in priority order, bids before offers, shown ones before those that wait.
   * They are the engine's own; the book must not change meanwhile.
   */
  orders(): Generator<RestingOrder> {
    return this.#all();
  }

  /** Makes an empty engine what another was: its state and its orders, as it told them. */
  load(state: EngineState, orders: Iterable<RestingOrder>): void {
    invariant(this.#index.size === 0, 'only an empty engine is loaded');
    this.#phase = state.phase;
    this.#halted = state.halted;
    this.#arrivals = state.arrivals;
    for (const { shown, arrival, ...from } of orders) {
      const order = this.#orders.take(from);
      order.arrival = arrival;
      const side = this.#sideOf(order);
      if (order.allOrNone) side.waiting.add(order);
      else side.shown.append(order, shown);
      this.#index.add(order);
      this.#check(order);
    }
  }

  *#all(): Generator<BookOrder> {
    yield* this.#bids.shown.orders();
    yield* this.#offers.shown.orders();
    yield* this.#bids.waiting.orders();
    yield* this.#offers.waiting.orders();
  }

  #enter(order: BookOrder, stays: boolean, minimum: Quantity): void {
    if (this.#phase !== 'continuous') return this.#rest(order);
    const whole = order.allOrNone || order.timeInForce === 'fok';
    const required = whole ? order.leaves : minimum;
    if (required > 0 && this.#executable(order, required) < required) {
      if (order.allOrNone && stays) this.#rest(order);
      else this.#finish(order, whole ? 'unfillable' : 'below-minimum');
      return;
    }
    const selfTrade = this.#match(order);
    this.#check(order);
    if (order.leaves === 0) this.#orders.release(order);
    else if (selfTrade) this.#finish(order, 'self-trade');
    else if (stays) this.#rest(order);
    else this.#finish(order, 'remainder');
  }

  #executable(order: BookOrder, enough: Quantity): Quantity {
    return executableQuantity(order, this.#against(order), this.#onSelfTrade, enough);
  }

  /** Trades what can trade now. True: it met an order of its owner and must go. */
  #match(taker: BookOrder): boolean {
    const { shown, waiting } = this.#against(taker);
    let place = 0;
    while (taker.leaves > 0) {
      const level = shown.best();
      const next = waiting.at(place);
      // What is shown at a price trades before what waits at it.
      const isShown =
        level !== undefined && (next === undefined || shown.reaches(level.price, next.price));
      const maker = isShown ? shown.first() : next;
      if (maker === undefined || !shown.reaches(maker.price, taker.price)) return false;
      if (!isShown && maker.leaves > taker.leaves) {
        place += 1;
        continue;
      }
      if (maker.owner !== undefined && maker.owner === taker.owner) {
        if (this.#onSelfTrade !== 'cancel-newest') this.#cancel(maker, 'self-trade');
        if (this.#onSelfTrade !== 'cancel-oldest') return true;
        continue;
      }
      const quantity = Math.min(isShown ? maker.shown : maker.leaves, taker.leaves);
      (isShown ? shown : waiting).fill(maker, quantity);
      taker.leaves -= quantity;
      taker.cumulative += quantity;
      this.#traded(maker, taker, maker.price, quantity);
    }
    return false;
  }

  /** Trades the two sides with each other at one price until one has nothing left for it. */
  #tradeAt(price: Price): void {
    const bids = this.#bids.shown;
    const offers = this.#offers.shown;
    for (;;) {
      const bid = bids.first();
      const offer = offers.first();
      if (bid === undefined || offer === undefined) return;
      if (bid.price < price || offer.price > price) return;
      const [older, newer] = bid.arrival < offer.arrival ? [bid, offer] : [offer, bid];
      if (older.owner !== undefined && older.owner === newer.owner) {
        if (this.#onSelfTrade !== 'cancel-newest') this.#cancel(older, 'self-trade');
        if (this.#onSelfTrade !== 'cancel-oldest') this.#cancel(newer, 'self-trade');
        continue;
      }
      const quantity = Math.min(bid.leaves, offer.leaves);
      bids.fillHidden(bid, quantity);
      offers.fillHidden(offer, quantity);
      this.#traded(older, newer, price, quantity);
      this.#check(newer);
      if (newer.leaves > 0) continue;
      this.#remove(newer);
      this.#orders.release(newer);
    }
  }

  #traded(maker: BookOrder, taker: BookOrder, price: Price, quantity: Quantity): void {
    this.#listener.traded(maker, taker, price, quantity);
    this.#check(maker);
    if (maker.leaves > 0) return;
    this.#remove(maker);
    this.#orders.release(maker);
  }

  #rest(order: BookOrder): void {
    const side = this.#sideOf(order);
    if (!Number.isSafeInteger(side.shown.total + side.waiting.total + order.leaves)) {
      return this.#finish(order, 'book-full');
    }
    this.#arrivals += 1;
    order.arrival = this.#arrivals;
    this.#index.add(order);
    if (order.allOrNone) side.waiting.add(order);
    else side.shown.append(order);
    const { waiting } = this.#against(order);
    if (waiting.size === 0) return;
    // Those that wait on the other side may be filled whole now that this order is there.
    const { price } = order;
    for (const one of [...waiting.orders()]) {
      if (side.shown.reaches(price, one.price)) this.#try(one);
    }
  }

  /** Fills a waiting order if it can be filled whole. */
  #try(order: BookOrder): void {
    if (this.#phase !== 'continuous' || this.#halted) return;
    if (this.#executable(order, order.leaves) < order.leaves) return;
    this.#remove(order);
    this.#match(order);
    this.#check(order);
    invariant(order.leaves === 0, 'an all-or-none order was filled in part');
    this.#orders.release(order);
  }

  #tryAll(): void {
    for (const { waiting } of [this.#bids, this.#offers]) {
      for (const order of [...waiting.orders()]) {
        // A trade of one before it can have been with this one.
        if (this.#index.get(order.ref) === order) this.#try(order);
      }
    }
  }

  #lessen(order: BookOrder, by: Quantity): void {
    const side = this.#sideOf(order);
    (order.allOrNone ? side.waiting : side.shown).lessen(order, by);
  }

  #cancel(order: BookOrder, reason: EngineCancelReason): void {
    this.#remove(order);
    this.#finish(order, reason);
  }

  /** The order is in no queue and takes no more. */
  #finish(order: BookOrder, reason: EngineCancelReason): void {
    this.#listener.canceled(order, order.leaves, reason);
    this.#orders.release(order);
  }

  #remove(order: BookOrder): void {
    const side = this.#sideOf(order);
    (order.allOrNone ? side.waiting : side.shown).remove(order);
    this.#index.remove(order);
  }

  #reject(ref: OrderRef, reason: EngineRejectReason): false {
    this.#listener.rejected(ref, reason);
    return false;
  }

  #sideOf(order: RestingOrder): OtherSide {
    return order.side === 'buy' ? this.#bids : this.#offers;
  }

  #against(order: RestingOrder): OtherSide {
    return order.side === 'buy' ? this.#offers : this.#bids;
  }

  /** What must hold after every operation; a breach stops the venue rather than misstate a fill. */
  #check(touched: RestingOrder): void {
    const { quantity, cumulative, leaves } = touched;
    invariant(leaves >= 0 && cumulative >= 0, 'an order has a negative quantity');
    invariant(cumulative + leaves === quantity, 'cumulative and leaves are not the quantity');
    if (this.#phase !== 'continuous') return;
    const bid = this.#bids.shown.best();
    const offer = this.#offers.shown.best();
    invariant(
      bid === undefined || offer === undefined || bid.price < offer.price,
      'the book is crossed',
    );
  }
}

function bothKinds(side: Side, orders: BookOrders): OtherSide {
  return { shown: new BookSide(side, orders), waiting: new WaitingOrders(side) };
}
