import { invariant, type Price, type Quantity } from '@stoa/schema';
import { bookDigest } from './book-digest.ts';
import { type BookOrder, BookSide } from './book-side.ts';
import {
  type Depth,
  type EngineCancelReason,
  type EngineEvent,
  type EngineOrder,
  type EngineRejectReason,
  type OrderRef,
  type RestingOrder,
} from './engine-types.ts';

/** A market order's limit: every price a book can hold is at least as good. */
const WORST_PRICE = { buy: Number.MAX_SAFE_INTEGER, sell: 1 } as const;

/**
 * The book of one instrument, matched by price, then time.
 *
 * Deterministic: the same operations give the same events. It knows neither clock nor I/O nor
 * members; it forgets an order the moment that order is done, so its memory is that of the open
 * book. Every operation returns what happened; a refusal is an event and changes nothing.
 */
export class MatchingEngine {
  readonly #bids = new BookSide('buy');
  readonly #offers = new BookSide('sell');
  readonly #resting = new Map<OrderRef, BookOrder>();
  #halted = false;

  /** Takes an order: trades what can trade, then rests or cancels the remainder. */
  submit(order: EngineOrder): EngineEvent[] {
    const refusal = this.#refusal(order);
    if (refusal !== undefined) return [rejected(order.ref, refusal)];
    const taker: BookOrder = {
      ref: order.ref,
      side: order.side,
      price: order.price ?? WORST_PRICE[order.side],
      quantity: order.quantity,
      cumulative: order.cumulative ?? 0,
      leaves: order.quantity - (order.cumulative ?? 0),
      level: undefined,
      earlier: undefined,
      later: undefined,
    };
    const events: EngineEvent[] = [{ kind: 'accepted', ref: order.ref, quantity: order.quantity }];
    if (
      order.timeInForce === 'fok' &&
      !this.#against(taker).offersAtLeast(taker.leaves, taker.price)
    ) {
      events.push(canceled(taker, 'unfillable'));
      return events;
    }
    this.#match(taker, events);
    const stays =
      order.price !== undefined && (order.timeInForce === 'day' || order.timeInForce === 'gtc');
    if (taker.leaves > 0) {
      if (stays) this.#rest(taker, events);
      else events.push(canceled(taker, 'remainder'));
    }
    this.#check(taker);
    return events;
  }

  /** Takes the whole rest of an order out of the book; works while halted too. */
  cancel(ref: OrderRef): EngineEvent[] {
    const order = this.#resting.get(ref);
    if (order === undefined) return [rejected(ref, 'unknown-order')];
    this.#remove(order);
    return [canceled(order, 'requested')];
  }

  /**
   * Lowers an order's quantity by `by`; it keeps its place. Lowering by all that is open, or more,
   * cancels it.
   */
  reduce(ref: OrderRef, by: Quantity): EngineEvent[] {
    const order = this.#resting.get(ref);
    if (order === undefined) return [rejected(ref, 'unknown-order')];
    if (!isPositive(by)) return [rejected(ref, 'invalid-quantity')];
    if (by >= order.leaves) return this.cancel(ref);
    this.#sideOf(order).lessen(order, by);
    order.quantity -= by;
    this.#check(order);
    return [{ kind: 'reduced', ref, quantity: order.quantity, leaves: order.leaves }];
  }

  /**
   * Gives a resting order a new name, price and total quantity (what it has already executed
   * counts). Same price and no more quantity: it keeps its place, also while halted. Otherwise it
   * joins the end of its queue, and trades first if it now can.
   */
  replace(
    ref: OrderRef,
    by: { readonly ref: OrderRef; readonly price: Price; readonly quantity: Quantity },
  ): EngineEvent[] {
    const order = this.#resting.get(ref);
    if (order === undefined) return [rejected(by.ref, 'unknown-order')];
    if (by.ref !== ref && this.#resting.has(by.ref)) return [rejected(by.ref, 'duplicate-order')];
    if (!isPositive(by.price)) return [rejected(by.ref, 'invalid-price')];
    if (!isPositive(by.quantity)) return [rejected(by.ref, 'invalid-quantity')];
    if (by.quantity <= order.cumulative) return [rejected(by.ref, 'below-executed')];
    const keptPriority = by.price === order.price && by.quantity <= order.quantity;
    if (!keptPriority && this.#halted) return [rejected(by.ref, 'halted')];

    if (keptPriority) {
      this.#sideOf(order).lessen(order, order.quantity - by.quantity);
      this.#resting.delete(ref);
      this.#resting.set(by.ref, order);
    } else {
      this.#remove(order);
      order.price = by.price;
      order.leaves = by.quantity - order.cumulative;
    }
    order.ref = by.ref;
    order.quantity = by.quantity;
    const { price, quantity, leaves } = order;
    const events: EngineEvent[] = [
      { kind: 'replaced', ref: by.ref, previous: ref, price, quantity, leaves, keptPriority },
    ];
    if (!keptPriority) {
      this.#match(order, events);
      if (order.leaves > 0) this.#rest(order, events);
    }
    this.#check(order);
    return events;
  }

  /** Refuses new orders, and replacements that could trade, until {@link resume}. */
  halt(): void {
    this.#halted = true;
  }

  resume(): void {
    this.#halted = false;
  }

  get halted(): boolean {
    return this.#halted;
  }

  /** How many orders rest in the book. */
  get openOrders(): number {
    return this.#resting.size;
  }

  order(ref: OrderRef): RestingOrder | undefined {
    return this.#resting.get(ref);
  }

  /** At most `levels` prices a side, best first. */
  depth(levels: number): Depth {
    return { bids: this.#bids.depth(levels), offers: this.#offers.depth(levels) };
  }

  /** SHA-256 of the book: equal for equal orders in equal priority. Walks the whole book. */
  digest(): string {
    return bookDigest(this.orders(), this.#halted);
  }

  /** Every resting order in priority order, bids first. The book must not change meanwhile. */
  *orders(): Generator<RestingOrder> {
    yield* this.#bids.orders();
    yield* this.#offers.orders();
  }

  #refusal(order: EngineOrder): EngineRejectReason | undefined {
    if (order.price !== undefined && !isPositive(order.price)) return 'invalid-price';
    if (!isPositive(order.quantity)) return 'invalid-quantity';
    const { cumulative = 0 } = order;
    if (cumulative !== 0 && !isPositive(cumulative)) return 'invalid-quantity';
    if (cumulative >= order.quantity) return 'below-executed';
    if (this.#resting.has(order.ref)) return 'duplicate-order';
    return this.#halted ? 'halted' : undefined;
  }

  #match(taker: BookOrder, events: EngineEvent[]): void {
    const makers = this.#against(taker);
    while (taker.leaves > 0) {
      const best = makers.best();
      const maker = best?.first;
      if (maker === undefined || !makers.reaches(maker.price, taker.price)) return;
      const quantity = Math.min(maker.leaves, taker.leaves);
      makers.lessen(maker, quantity);
      maker.cumulative += quantity;
      taker.leaves -= quantity;
      taker.cumulative += quantity;
      events.push({
        kind: 'trade',
        maker: maker.ref,
        taker: taker.ref,
        takerSide: taker.side,
        price: maker.price,
        quantity,
        makerLeaves: maker.leaves,
        takerLeaves: taker.leaves,
      });
      if (maker.leaves === 0) this.#remove(maker);
      this.#check(maker);
    }
  }

  #rest(order: BookOrder, events: EngineEvent[]): void {
    if (this.#sideOf(order).append(order)) this.#resting.set(order.ref, order);
    else events.push(canceled(order, 'level-full'));
  }

  #remove(order: BookOrder): void {
    this.#sideOf(order).remove(order);
    this.#resting.delete(order.ref);
  }

  #sideOf(order: RestingOrder): BookSide {
    return order.side === 'buy' ? this.#bids : this.#offers;
  }

  #against(order: RestingOrder): BookSide {
    return order.side === 'buy' ? this.#offers : this.#bids;
  }

  /** What must hold after every operation; a breach stops the venue rather than misstate a fill. */
  #check(touched: RestingOrder): void {
    const { quantity, cumulative, leaves } = touched;
    invariant(leaves >= 0 && cumulative >= 0, 'an order has a negative quantity');
    invariant(cumulative + leaves === quantity, 'cumulative and leaves are not the quantity');
    const bid = this.#bids.best();
    const offer = this.#offers.best();
    invariant(
      bid === undefined || offer === undefined || bid.price < offer.price,
      'the book is crossed',
    );
  }
}

function isPositive(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}

function rejected(ref: OrderRef, reason: EngineRejectReason): EngineEvent {
  return { kind: 'rejected', ref, reason };
}

function canceled(order: RestingOrder, reason: EngineCancelReason): EngineEvent {
  return { kind: 'canceled', ref: order.ref, canceled: order.leaves, reason };
}
