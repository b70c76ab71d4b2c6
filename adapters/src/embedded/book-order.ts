import type { Price, Quantity, Side, TimeInForce } from '@stoa/schema';
import type { EngineOrder, OrderRef, RestingOrder } from './engine-types.ts';

/** A market order's limit: every price a book can hold is at least as good. */
const WORST_PRICE = { buy: Number.MAX_SAFE_INTEGER, sell: 1 } as const;
/** Released orders that are kept for the next ones: as many as a busy book turns over. */
const MAX_SPARE = 65_536;

/** Everything at one price, first come first served. */
export interface PriceLevel {
  price: Price;
  /** Open quantity of its orders, hidden parts included. */
  total: Quantity;
  shown: Quantity;
  orders: number;
  first: BookOrder | undefined;
  last: BookOrder | undefined;
}

/** An order of the engine, linked into the queue of its price and into the index of names. */
export class BookOrder implements RestingOrder {
  // What every operation reads comes first, where the memory of one read serves the next.
  hash = 0;
  ref: OrderRef = 0;
  sameBucket: BookOrder | undefined = undefined;
  level: PriceLevel | undefined = undefined;
  earlier: BookOrder | undefined = undefined;
  later: BookOrder | undefined = undefined;
  leaves: Quantity = 0;
  shown: Quantity = 0;
  side: Side = 'buy';
  allOrNone = false;
  price: Price = 0;
  quantity: Quantity = 0;
  cumulative: Quantity = 0;
  owner: string | undefined = undefined;
  displayQuantity: Quantity = 0;
  /** Counts the orders that came to rest: the smaller one stood there first. */
  arrival = 0;
  timeInForce: TimeInForce = 'day';
  expireAtMs = 0;
}

/**
 * Orders that are done and wait to be used again. An engine at full speed would otherwise leave more
 * garbage than the book is large.
 */
export class OrderPool {
  readonly #spare: BookOrder[] = [];

  /** Makes room for so many orders at once, rather than one by one while orders come. */
  constructor(expected: number) {
    while (this.#spare.length < Math.min(expected, MAX_SPARE)) this.#spare.push(new BookOrder());
  }

  take(from: EngineOrder): BookOrder {
    const order = this.#spare.pop() ?? new BookOrder();
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
    if (this.#spare.length < MAX_SPARE) this.#spare.push(order);
  }
}
