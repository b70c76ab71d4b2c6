import { invariant, type Price, type Quantity, type Side } from '@stoa/schema';
import type { DepthLevel, OrderRef, RestingOrder } from './engine-types.ts';

/** A resting order, linked into the queue of its price. */
export interface BookOrder extends RestingOrder {
  ref: OrderRef;
  price: Price;
  quantity: Quantity;
  cumulative: Quantity;
  leaves: Quantity;
  level: PriceLevel | undefined;
  earlier: BookOrder | undefined;
  later: BookOrder | undefined;
}

/** Everything at one price, first come first served. */
export interface PriceLevel {
  readonly price: Price;
  total: Quantity;
  orders: number;
  first: BookOrder | undefined;
  last: BookOrder | undefined;
}

/**
 * One side of a book: prices in a sorted array whose best price stands last, each with a linked
 * queue of orders.
 *
 * Nearly all traffic is near the best price, so nearly all inserts and removals of a price move
 * only the array's tail; an order leaves its queue without a search.
 */
export class BookSide {
  readonly side: Side;
  readonly #levels: PriceLevel[] = [];
  /** Makes a better price a greater number on either side. */
  readonly #sign: 1 | -1;

  constructor(side: Side) {
    this.side = side;
    this.#sign = side === 'buy' ? 1 : -1;
  }

  best(): PriceLevel | undefined {
    return this.#levels[this.#levels.length - 1];
  }

  /** Whether an order that would trade at `limit` or better can trade with this price. */
  reaches(price: number, limit: number): boolean {
    return this.#sign * price >= this.#sign * limit;
  }

  /** Adds the order at the end of its price's queue; false where the total would be unsafe. */
  append(order: BookOrder): boolean {
    const level = this.#levelAt(order.price);
    if (!Number.isSafeInteger(level.total + order.leaves)) return false;
    order.level = level;
    order.earlier = level.last;
    order.later = undefined;
    if (level.last === undefined) level.first = order;
    else level.last.later = order;
    level.last = order;
    level.total += order.leaves;
    level.orders += 1;
    return true;
  }

  /** Takes `quantity` of an order's open quantity out of its price's total. */
  lessen(order: BookOrder, quantity: number): void {
    const level = order.level;
    invariant(level !== undefined, 'an order outside the book was lessened');
    invariant(
      quantity <= order.leaves && quantity <= level.total,
      'a price level holds less than its orders',
    );
    order.leaves -= quantity;
    level.total -= quantity;
  }

  /** Unlinks the order, and its price once nothing is left there. */
  remove(order: BookOrder): void {
    const level = order.level;
    invariant(level !== undefined, 'an order outside the book was removed');
    if (order.earlier === undefined) level.first = order.later;
    else order.earlier.later = order.later;
    if (order.later === undefined) level.last = order.earlier;
    else order.later.earlier = order.earlier;
    order.level = undefined;
    order.earlier = undefined;
    order.later = undefined;
    level.total -= order.leaves;
    level.orders -= 1;
    if (level.orders > 0) return;
    invariant(level.total === 0, 'an empty price level holds quantity');
    if (this.best() === level) this.#levels.pop();
    else this.#levels.splice(this.#firstNotWorse(level.price), 1);
  }

  /** Whether at least `quantity` can trade at `limit` or better. */
  offersAtLeast(quantity: number, limit: number): boolean {
    let found = 0;
    for (let index = this.#levels.length - 1; index >= 0; index -= 1) {
      const level = this.#levels[index];
      if (level === undefined || !this.reaches(level.price, limit)) return false;
      found += level.total;
      if (found >= quantity) return true;
    }
    return false;
  }

  depth(levels: number): DepthLevel[] {
    const depth: DepthLevel[] = [];
    for (let index = this.#levels.length - 1; index >= 0 && depth.length < levels; index -= 1) {
      const level = this.#levels[index];
      if (level !== undefined) depth.push([level.price, level.total, level.orders]);
    }
    return depth;
  }

  /** Every resting order, best price first, in queue order. */
  *orders(): Generator<BookOrder> {
    for (let index = this.#levels.length - 1; index >= 0; index -= 1) {
      for (let order = this.#levels[index]?.first; order !== undefined; order = order.later) {
        yield order;
      }
    }
  }

  #levelAt(price: number): PriceLevel {
    const index = this.#firstNotWorse(price);
    const found = this.#levels[index];
    if (found?.price === price) return found;
    const level: PriceLevel = { price, total: 0, orders: 0, first: undefined, last: undefined };
    if (index === this.#levels.length) this.#levels.push(level);
    else this.#levels.splice(index, 0, level);
    return level;
  }

  /** Index of the first level whose price is `price` or better. */
  #firstNotWorse(price: number): number {
    const rank = this.#sign * price;
    let low = 0;
    let high = this.#levels.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const level = this.#levels[middle];
      if (level !== undefined && this.#sign * level.price < rank) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
