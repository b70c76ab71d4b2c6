import { invariant, type Price, type Quantity, type Side } from '@stoa/schema';
import type { BookOrder, PriceLevel } from './book-order.ts';
import type { DepthLevel } from './engine-types.ts';

/**
 * One side of a book: prices in a sorted array whose best price stands last, each with a linked
 * queue of orders.
 *
 * Nearly all traffic is near the best price, so nearly all inserts and removals of a price move
 * only the arrays' tails; an order leaves its queue without a search.
 */
export class BookSide {
  readonly side: Side;
  readonly #levels: PriceLevel[] = [];
  /** Of the same levels: the price, signed so that a better one is greater. Searched without a jump. */
  readonly #ranks: number[] = [];
  readonly #sign: 1 | -1;
  #total = 0;

  constructor(side: Side) {
    this.side = side;
    this.#sign = side === 'buy' ? 1 : -1;
  }

  /** Open quantity of all its orders. */
  get total(): Quantity {
    return this.#total;
  }

  best(): PriceLevel | undefined {
    return this.#levels[this.#levels.length - 1];
  }

  /** Its prices, best last. */
  levels(): readonly PriceLevel[] {
    return this.#levels;
  }

  /** Whether an order that would trade at `limit` or better can trade with this price. */
  reaches(price: Price, limit: Price): boolean {
    return this.#sign * price >= this.#sign * limit;
  }

  /** Adds the order at the end of its price's queue. It shows a slice, or what is given. */
  append(order: BookOrder, shown = sliceOf(order)): void {
    const { leaves } = order;
    order.shown = shown;
    const level = this.#levelAt(order.price);
    link(level, order);
    level.total += leaves;
    level.shown += order.shown;
    level.orders += 1;
    this.#total += leaves;
  }

  /** Takes `quantity` off an order's open quantity, from what is hidden first. */
  lessen(order: BookOrder, quantity: Quantity): void {
    const level = levelOf(order);
    invariant(quantity <= order.leaves, 'an order is lessened by more than it has');
    order.leaves -= quantity;
    level.total -= quantity;
    this.#total -= quantity;
    if (order.shown <= order.leaves) return;
    level.shown -= order.shown - order.leaves;
    order.shown = order.leaves;
  }

  /** Trades `quantity` of what an order shows; a slice that is used up is followed by the next. */
  fill(order: BookOrder, quantity: Quantity): void {
    const level = levelOf(order);
    invariant(quantity <= order.shown, 'an order trades more than it shows');
    order.leaves -= quantity;
    order.cumulative += quantity;
    order.shown -= quantity;
    level.total -= quantity;
    level.shown -= quantity;
    this.#total -= quantity;
    if (order.shown > 0 || order.leaves === 0) return;
    this.#show(order, level);
    if (level.last === order) return;
    unlink(level, order);
    link(level, order);
  }

  /** Trades `quantity` of an order in an auction, where what is hidden trades too, in its place. */
  fillHidden(order: BookOrder, quantity: Quantity): void {
    const level = levelOf(order);
    order.leaves -= quantity;
    order.cumulative += quantity;
    level.total -= quantity;
    level.shown -= order.shown;
    this.#total -= quantity;
    this.#show(order, level);
  }

  /** Unlinks the order, and its price once nothing is left there. */
  remove(order: BookOrder): void {
    const level = levelOf(order);
    unlink(level, order);
    order.level = undefined;
    level.total -= order.leaves;
    level.shown -= order.shown;
    level.orders -= 1;
    this.#total -= order.leaves;
    if (level.orders > 0) return;
    invariant(level.total === 0 && level.shown === 0, 'an empty price level holds quantity');
    if (this.best() === level) {
      this.#levels.pop();
      this.#ranks.pop();
    } else {
      const at = this.#firstNotWorse(this.#sign * level.price);
      this.#levels.splice(at, 1);
      this.#ranks.splice(at, 1);
    }
  }

  depth(levels: number): DepthLevel[] {
    const depth: DepthLevel[] = [];
    for (let index = this.#levels.length - 1; index >= 0 && depth.length < levels; index -= 1) {
      const level = this.#levels[index];
      if (level !== undefined) depth.push([level.price, level.shown, level.orders]);
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

  #show(order: BookOrder, level: PriceLevel): void {
    order.shown = sliceOf(order);
    level.shown += order.shown;
  }

  #levelAt(price: Price): PriceLevel {
    const rank = this.#sign * price;
    const index = this.#firstNotWorse(rank);
    if (this.#ranks[index] === rank) {
      const found = this.#levels[index];
      if (found !== undefined) return found;
    }
    const level = { price, total: 0, shown: 0, orders: 0, first: undefined, last: undefined };
    if (index === this.#levels.length) {
      this.#levels.push(level);
      this.#ranks.push(rank);
    } else {
      this.#levels.splice(index, 0, level);
      this.#ranks.splice(index, 0, rank);
    }
    return level;
  }

  /** Index of the first level whose price is as good or better. */
  #firstNotWorse(rank: number): number {
    const ranks = this.#ranks;
    let low = 0;
    let high = ranks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((ranks[middle] ?? rank) < rank) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** What an order shows at first, and after each slice. */
function sliceOf({ displayQuantity, leaves }: BookOrder): Quantity {
  return displayQuantity > 0 && displayQuantity < leaves ? displayQuantity : leaves;
}

function levelOf(order: BookOrder): PriceLevel {
  invariant(order.level !== undefined, 'an order outside the book was changed in it');
  return order.level;
}

function link(level: PriceLevel, order: BookOrder): void {
  const { last } = level;
  order.level = level;
  order.earlier = last;
  order.later = undefined;
  if (last === undefined) level.first = order;
  else last.later = order;
  level.last = order;
}

function unlink(level: PriceLevel, order: BookOrder): void {
  const { earlier, later } = order;
  if (earlier === undefined) level.first = later;
  else earlier.later = later;
  if (later === undefined) level.last = earlier;
  else later.earlier = earlier;
  order.earlier = undefined;
  order.later = undefined;
}
