import { createHash } from 'node:crypto';
import type { VenueOrder } from '../venue-adapter.ts';

/** Orders that were done a while ago are forgotten from here on. */
const MAX_KNOWN = 50_000;

/** What this network and the venue call the same orders. A name too long for the venue is a digest. */
export class ClientOrderIds {
  readonly #maxLength: number;
  readonly #orders = new Map<string, VenueOrder>();

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  /** The venue's client order id of an order, which is known from now on. */
  of(order: VenueOrder): string {
    const id = this.#idOf(order.orderId);
    this.#orders.set(id, order);
    const [oldest] = this.#orders.keys();
    if (this.#orders.size > MAX_KNOWN && oldest !== undefined) this.#orders.delete(oldest);
    return id;
  }

  order(clientOrderId: string): VenueOrder | undefined {
    return this.#orders.get(clientOrderId);
  }

  #idOf(orderId: string): string {
    if (orderId.length <= this.#maxLength) return orderId;
    const digest = createHash('sha256').update(orderId).digest('hex');
    return `s${digest.slice(0, this.#maxLength - 1)}`;
  }
}
