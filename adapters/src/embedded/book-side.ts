import { invariant, type Price, type Quantity, type Side } from '@stoa/schema';
import type { BookOrder, BookOrders } from './book-order.ts';
import type { DepthLevel } from './engine-types.ts';

const FEWEST_LEVELS = 64;
/** Prices that lie together by so many ticks, as those of a book do, are found without a search. */
const NEAR_PRICES = 1_024;

/** Everything at one price, first come first served. */
export interface PriceLevel {
  /** Names it within its side. */
  readonly number: number;
  price: Price;
  /** Open quantity of its orders, hidden parts included. */
  total: Quantity;
  shown: Quantity;
  orders: number;
  /** Numbers of orders. */
  first: number;
  last: number;
}

/**
 * One side of a book: prices in a sorted array whose best price stands last, each with a linked
 * queue of orders.
 *
 * Nearly all traffic is near the best price, so nearly all inserts and removals of a price move
 * only the arrays' tails; an order leaves its queue without a search. What leads to orders and prices
 * are numbers, see {@link BookOrders}.
 */
export class BookSide {
  readonly side: Side;
  readonly #orders: BookOrders;
  readonly #sign: 1 | -1;
  /** By their numbers, which begin at 1. Empty ones wait to be used again. */
  readonly #levels: (PriceLevel | undefined)[] = [undefined];
  readonly #spare: PriceLevel[] = [];
  /** Numbers of the levels, best last, and their prices, signed so that a better one is greater. */
  #sorted = new Int32Array(FEWEST_LEVELS);
  #ranks = new Float64Array(FEWEST_LEVELS);
  #count = 0;
  /** By a price's last bits: the level that was last found or made for such a price. */
  readonly #near = new Int32Array(NEAR_PRICES);
  #best: PriceLevel | undefined;
  #total = 0;

  constructor(side: Side, orders: BookOrders) {
    this.side = side;
    this.#orders = orders;
    this.#sign = side === 'buy' ? 1 : -1;
  }

  /** Open quantity of all its orders. */
  get total(): Quantity {
    return this.#total;
  }

  best(): PriceLevel | undefined {
    return this.#best;
  }

  /** The order that trades next. */
  first(): BookOrder | undefined {
    return this.#best && this.#orders.at(this.#best.first);
  }

  /** The level that so many better ones stand before. */
  level(behind: number): PriceLevel | undefined {
    return this.#levels[this.#sorted[this.#count - 1 - behind] ?? 0];
  }

  /** Best first. */
  *levels(): Generator<PriceLevel> {
    for (let behind = 0; behind < this.#count; behind += 1) {
      const level = this.level(behind);
      if (level !== undefined) yield level;
    }
  }

  /** Its orders, in their order. */
  *queue({ first }: PriceLevel): Generator<BookOrder> {
    const { later } = this.#orders;
    for (let number = first; number !== 0; number = later[number] ?? 0) {
      const order = this.#orders.at(number);
      if (order !== undefined) yield order;
    }
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
    order.level = level.number;
    this.#link(level, order.number);
    level.total += leaves;
    level.shown += order.shown;
    level.orders += 1;
    this.#total += leaves;
  }

  /** Takes `quantity` off an order's open quantity, from what is hidden first. */
  lessen(order: BookOrder, quantity: Quantity): void {
    const level = this.#levelOf(order);
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
    const level = this.#levelOf(order);
    invariant(quantity <= order.shown, 'an order trades more than it shows');
    order.leaves -= quantity;
    order.cumulative += quantity;
    order.shown -= quantity;
    level.total -= quantity;
    level.shown -= quantity;
    this.#total -= quantity;
    if (order.shown > 0 || order.leaves === 0) return;
    this.#show(order, level);
    if (level.last === order.number) return;
    this.#unlink(level, order.number);
    this.#link(level, order.number);
  }

  /** Trades `quantity` of an order in an auction, where what is hidden trades too, in its place. */
  fillHidden(order: BookOrder, quantity: Quantity): void {
    const level = this.#levelOf(order);
    order.leaves -= quantity;
    order.cumulative += quantity;
    level.total -= quantity;
    level.shown -= order.shown;
    this.#total -= quantity;
    this.#show(order, level);
  }

  /** Unlinks the order, and its price once nothing is left there. */
  remove(order: BookOrder): void {
    const level = this.#levelOf(order);
    this.#unlink(level, order.number);
    order.level = 0;
    level.total -= order.leaves;
    level.shown -= order.shown;
    level.orders -= 1;
    this.#total -= order.leaves;
    if (level.orders > 0) return;
    invariant(level.total === 0 && level.shown === 0, 'an empty price level holds quantity');
    this.#removeLevel(level);
  }

  depth(levels: number): DepthLevel[] {
    const depth: DepthLevel[] = [];
    for (const level of this.levels()) {
      if (depth.length >= levels) break;
      depth.push([level.price, level.shown, level.orders]);
    }
    return depth;
  }

  /** Every resting order, best price first, in queue order. */
  *orders(): Generator<BookOrder> {
    for (const level of this.levels()) yield* this.queue(level);
  }

  #show(order: BookOrder, level: PriceLevel): void {
    order.shown = sliceOf(order);
    level.shown += order.shown;
  }

  #levelAt(price: Price): PriceLevel {
    const near = price & (NEAR_PRICES - 1);
    const last = this.#levels[this.#near[near] ?? 0];
    if (last !== undefined && last.price === price && last.orders > 0) return last;
    const level = this.#sortedLevelAt(price);
    this.#near[near] = level.number;
    return level;
  }

  #sortedLevelAt(price: Price): PriceLevel {
    const rank = this.#sign * price;
    const at = this.#firstNotWorse(rank);
    if (at < this.#count && this.#ranks[at] === rank) {
      const found = this.#levels[this.#sorted[at] ?? 0];
      if (found !== undefined) return found;
    }
    const level = this.#spare.pop() ?? this.#newLevel();
    level.price = price;
    if (this.#count === this.#ranks.length) this.#grow();
    this.#sorted.copyWithin(at + 1, at, this.#count);
    this.#ranks.copyWithin(at + 1, at, this.#count);
    this.#sorted[at] = level.number;
    this.#ranks[at] = rank;
    this.#count += 1;
    this.#best = this.level(0);
    return level;
  }

  #newLevel(): PriceLevel {
    const number = this.#levels.length;
    const level = { number, price: 0, total: 0, shown: 0, orders: 0, first: 0, last: 0 };
    this.#levels.push(level);
    return level;
  }

  #removeLevel(level: PriceLevel): void {
    const at = this.#firstNotWorse(this.#sign * level.price);
    this.#sorted.copyWithin(at, at + 1, this.#count);
    this.#ranks.copyWithin(at, at + 1, this.#count);
    this.#count -= 1;
    this.#best = this.level(0);
    this.#spare.push(level);
  }

  #grow(): void {
    const [sorted, ranks] = [this.#sorted, this.#ranks];
    this.#sorted = new Int32Array(sorted.length * 2);
    this.#sorted.set(sorted);
    this.#ranks = new Float64Array(ranks.length * 2);
    this.#ranks.set(ranks);
  }

  /** Index of the first level whose price is as good or better. */
  #firstNotWorse(rank: number): number {
    const ranks = this.#ranks;
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((ranks[middle] ?? rank) < rank) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #levelOf({ level }: BookOrder): PriceLevel {
    const found = this.#levels[level];
    invariant(found !== undefined, 'an order outside the book was changed in it');
    return found;
  }

  #link(level: PriceLevel, number: number): void {
    const { earlier, later } = this.#orders;
    const { last } = level;
    earlier[number] = last;
    later[number] = 0;
    if (last === 0) level.first = number;
    else later[last] = number;
    level.last = number;
  }

  #unlink(level: PriceLevel, number: number): void {
    const { earlier, later } = this.#orders;
    const before = earlier[number] ?? 0;
    const behind = later[number] ?? 0;
    if (before === 0) level.first = behind;
    else later[before] = behind;
    if (behind === 0) level.last = before;
    else earlier[behind] = before;
  }
}

/** What an order shows at first, and after each slice. */
function sliceOf({ displayQuantity, leaves }: BookOrder): Quantity {
  return displayQuantity > 0 && displayQuantity < leaves ? displayQuantity : leaves;
}
