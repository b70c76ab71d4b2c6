import { invariant, type OrderStatus, type Quantity, TERMINAL_STATUSES } from '@stoa/schema';
import type { VenueEvent, VenueOrder } from '../venue-adapter.ts';

/** A member's order at this venue. */
export interface MemberOrder {
  /** As it was first asked for: what a repeated request is compared with. */
  readonly request: VenueOrder;
  status: OrderStatus;
  filled: Quantity;
}

/**
 * Members' orders by client order id. Open ones are all kept; of those that are done, the latest,
 * so that repeats and status questions are answered without memory growing for ever.
 */
export class MemberOrders {
  readonly #open = new Map<string, MemberOrder>();
  readonly #done = new Map<string, MemberOrder>();
  readonly #maxDone: number;

  constructor(maxDone: number) {
    this.#maxDone = maxDone;
  }

  get(orderId: string): MemberOrder | undefined {
    return this.#open.get(orderId) ?? this.#done.get(orderId);
  }

  add(request: VenueOrder, filled: Quantity): MemberOrder {
    invariant(this.get(request.orderId) === undefined, 'an order was entered twice');
    const status = filled > 0 ? 'partially-filled' : 'new';
    const order: MemberOrder = { request, status, filled };
    this.#open.set(request.orderId, order);
    return order;
  }

  /** The order takes no more fills. */
  finish(order: MemberOrder, status: OrderStatus): void {
    invariant(TERMINAL_STATUSES.has(status), 'an order ended in a status that is no end');
    order.status = status;
    this.#open.delete(order.request.orderId);
    this.#done.set(order.request.orderId, order);
    const [oldest] = this.#done.keys();
    if (this.#done.size > this.#maxDone && oldest !== undefined) this.#done.delete(oldest);
  }

  open(): IterableIterator<MemberOrder> {
    return this.#open.values();
  }

  /** The day is over: what is said of those that stay open. */
  pause(): VenueEvent[] {
    return [...this.#open.values()].map((order) => {
      order.status = 'done-for-day';
      return { kind: 'done-for-day', orderId: order.request.orderId, filled: order.filled };
    });
  }

  /** Orders are taken again: what is said of those that stayed open. */
  standAgain(): VenueEvent[] {
    return [...this.#open.values()].map((order) => {
      order.status = order.filled > 0 ? 'partially-filled' : 'new';
      return this.statusOf(order.request.orderId);
    });
  }

  statusOf(orderId: string): VenueEvent {
    const order = this.get(orderId);
    return order === undefined
      ? { kind: 'order-status', orderId, status: 'unknown-order', filled: 0 }
      : { kind: 'order-status', orderId, status: order.status, filled: order.filled };
  }

  clear(): void {
    this.#open.clear();
    this.#done.clear();
  }
}
