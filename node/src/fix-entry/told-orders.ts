import { TERMINAL_STATUSES } from '@stoa/schema';
import type { OrderFeedEvent } from '../orders/blotter/order-feed.ts';
import { readHistory } from '../orders/order-replay.ts';
import type { Database } from '../store/database.ts';
import { type Reported, type ReportedOrder, reportedAfter } from './reported-order.ts';

/** Orders that are kept at hand; of another one its history is read again. */
const MAX_KEPT = 10_000;

/**
 * The orders of a session as far as their member was told of them. What is not at hand is made from the
 * recorded events, so that it is the same after a restart.
 */
export class ToldOrders {
  readonly #database: Database;
  readonly #isOwn: (clientOrderId: string) => boolean;
  readonly #orders = new Map<string, ReportedOrder>();

  constructor(database: Database, isOwn: (clientOrderId: string) => boolean) {
    this.#database = database;
    this.#isOwn = isOwn;
  }

  /**
   * What an event makes of an order, and what is to be told of it; undefined where the order is none of
   * this session.
   */
  async after(sequence: number, event: OrderFeedEvent): Promise<Reported | undefined> {
    const { orderId, kind } = event;
    const isPlaced = kind === 'placed';
    if (isPlaced && !this.#isOwn(String(event.data.clientOrderId))) return undefined;
    const before = isPlaced ? undefined : await this.at(sequence - 1, orderId);
    if (!isPlaced && before === undefined) return undefined;
    return reportedAfter(orderId, before, event);
  }

  /** The member was told of this: the order's next event follows on it. */
  told(orderId: string, order: ReportedOrder): void {
    this.#orders.delete(orderId);
    if (TERMINAL_STATUSES.has(order.state.status)) return;
    this.#orders.set(orderId, order);
    if (this.#orders.size <= MAX_KEPT) return;
    const oldest = this.#orders.keys().next().value;
    if (oldest !== undefined) this.#orders.delete(oldest);
  }

  /** An order as of the member's event of this number; undefined where it is none of this session. */
  async at(sequence: number, orderId: string): Promise<ReportedOrder | undefined> {
    const kept = this.#orders.get(orderId);
    if (kept) return kept;
    const [placed, ...later] = await readHistory(this.#database, orderId, sequence);
    if (!placed || !this.#isOwn(String(placed.data.clientOrderId))) return undefined;
    const { order } = later.reduce<Reported>(
      (before, event) => reportedAfter(orderId, before.order, event),
      reportedAfter(orderId, undefined, placed),
    );
    return order;
  }
}
