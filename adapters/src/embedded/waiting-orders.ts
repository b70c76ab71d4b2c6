import type { Price, Quantity, Side } from '@stoa/schema';
import type { BookOrder } from './book-order.ts';

/**
 * All-or-none orders of one side that wait to be filled whole: unseen, outside the queues, by price
 * and then by time. There are few, so a sorted array does.
 */
export class WaitingOrders {
  readonly #orders: BookOrder[] = [];
  readonly #sign: 1 | -1;
  #total = 0;

  constructor(side: Side) {
    this.#sign = side === 'buy' ? 1 : -1;
  }

  get total(): Quantity {
    return this.#total;
  }

  get size(): number {
    return this.#orders.length;
  }

  /** The order at this place of the priority order. */
  at(place: number): BookOrder | undefined {
    return this.#orders[place];
  }

  /** Whether an order that would trade at `limit` or better can trade with this price. */
  reaches(price: Price, limit: Price): boolean {
    return this.#sign * price >= this.#sign * limit;
  }

  add(order: BookOrder): void {
    let at = this.#orders.length;
    while (at > 0 && this.#isBehind(this.#orders[at - 1], order)) at -= 1;
    order.shown = 0;
    this.#orders.splice(at, 0, order);
    this.#total += order.leaves;
  }

  lessen(order: BookOrder, quantity: Quantity): void {
    order.leaves -= quantity;
    this.#total -= quantity;
  }

  /** Trades all that is open of an order. */
  fill(order: BookOrder, quantity: Quantity): void {
    this.lessen(order, quantity);
    order.cumulative += quantity;
  }

  remove(order: BookOrder): void {
    const at = this.#orders.indexOf(order);
    if (at === -1) throw new RangeError('the order does not wait here');
    this.#orders.splice(at, 1);
    this.#total -= order.leaves;
  }

  /** In priority order. */
  orders(): readonly BookOrder[] {
    return this.#orders;
  }

  #isBehind(one: BookOrder | undefined, other: BookOrder): boolean {
    if (one === undefined) return false;
    if (one.price !== other.price) return this.#sign * one.price < this.#sign * other.price;
    return one.arrival > other.arrival;
  }
}
