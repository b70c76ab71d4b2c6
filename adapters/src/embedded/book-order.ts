import type { Price, Quantity, Side, TimeInForce } from '@stoa/schema';
import type { EngineOrder, OrderRef, RestingOrder } from './engine-types.ts';

/** A market order's limit: every price a book can hold is at least as good. */
const WORST_PRICE = { buy: Number.MAX_SAFE_INTEGER, sell: 1 } as const;
/** Released orders that are kept for the next ones: as many as a busy book turns over. */
const MAX_SPARE = 65_536;
const FEWEST_NUMBERS = 1_024;

/** An order of the engine. */
export class BookOrder implements RestingOrder {
  // What every operation reads comes first, where the memory of one read serves the next.
  /** Names it in {@link BookOrders}. */
  readonly number: number;
  /** Number of the price level where it rests; 0 for none. */
  level = 0;
  ref: OrderRef = 0;
  leaves: Quantity = 0;
  shown: Quantity = 0;
  side: Side = 'buy';
  allOrNone = false;
  price: Price = 0;
  quantity: Quantity = 0;
  cumulative: Quantity = 0;
  /** Counts the orders that came to rest: the smaller one stood there first. */
  arrival = 0;
  owner: string | undefined = undefined;
  displayQuantity: Quantity = 0;
  timeInForce: TimeInForce = 'day';
  expireAtMs = 0;

  constructor(number: number) {
    this.number = number;
  }
}

/**
 * The orders of a book by their numbers, and what leads from one to the next. Were that references in
 * the orders, then an order that leaves its queue would have those before and behind it read from memory,
 * and every new reference would be noted for the collector of garbage, which alone is a seventh of an
 * operation where an engine runs for long. Number 0 is no order. The arrays are others once they have
 * grown.
 *
 * Orders that are done wait to be used again. An engine at full speed would otherwise leave more garbage
 * than the book is large.
 */
export class BookOrders {
  /** By an order's number: who stands before it in the queue of its price, and who behind it. */
  earlier: Int32Array;
  later: Int32Array;
  /** By an order's number: the hash of its name, and who else is in the bucket of that. */
  hash: Int32Array;
  sameBucket: Int32Array;
  readonly #orders: (BookOrder | undefined)[] = [undefined];
  readonly #spare: number[] = [];

  /** Makes room for so many orders at once, rather than one by one while orders come. */
  constructor(expected: number) {
    const room = Math.max(expected + 1, FEWEST_NUMBERS);
    this.earlier = new Int32Array(room);
    this.later = new Int32Array(room);
    this.hash = new Int32Array(room);
    this.sameBucket = new Int32Array(room);
    const count = Math.min(expected, MAX_SPARE);
    for (let number = 1; number <= count; number += 1) this.#orders.push(new BookOrder(number));
    for (let number = count; number > 0; number -= 1) this.#spare.push(number);
  }

  at(number: number): BookOrder | undefined {
    return this.#orders[number];
  }

  take(from: EngineOrder): BookOrder {
    const order = this.#unused();
    const { side, quantity, cumulative = 0 } = from;
    order.ref = from.ref;
    order.side = side;
    order.price = from.price ?? WORST_PRICE[side];
    order.quantity = quantity;
    order.cumulative = cumulative;
    order.leaves = quantity - cumulative;
    order.shown = 0;
    order.owner = from.owner;
    order.displayQuantity = from.displayQuantity ?? 0;
    order.timeInForce = from.timeInForce;
    order.expireAtMs = from.expireAtMs ?? 0;
    order.allOrNone = from.allOrNone ?? false;
    return order;
  }

  /** The order is done: nothing may hold it from here on. */
  release(order: BookOrder): void {
    order.ref = 0;
    order.owner = undefined;
    // Its number is given again, which keeps the numbers, and what they lead to, together.
    if (this.#spare.length >= MAX_SPARE) this.#orders[order.number] = undefined;
    this.#spare.push(order.number);
  }

  #unused(): BookOrder {
    const number = this.#spare.pop() ?? this.#orders.length;
    const spare = this.#orders[number];
    if (spare !== undefined) return spare;
    const order = new BookOrder(number);
    this.#orders[number] = order;
    if (number < this.later.length) return order;
    this.earlier = twice(this.earlier);
    this.later = twice(this.later);
    this.hash = twice(this.hash);
    this.sameBucket = twice(this.sameBucket);
    return order;
  }
}

function twice(numbers: Int32Array): Int32Array {
  const grown = new Int32Array(numbers.length * 2);
  grown.set(numbers);
  return grown;
}
