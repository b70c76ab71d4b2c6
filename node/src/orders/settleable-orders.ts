import type { Quantity } from '@stoa/schema';
import type { Settleable } from '../compliance/pre-trade.ts';
import type { Database } from '../store/database.ts';
import { isComplete, leavesOf, mayWait } from './life/order-state.ts';
import type { StoredOrder } from './order-rows.ts';
import { readOrder } from './order-store.ts';

/** The most that an order may fill in all, and why no more: a code and a sentence. */
export interface SettleableTotal {
  readonly quantity: Quantity;
  readonly code: string;
  readonly message: string;
}

export interface SettleableOrderNeeds {
  readonly database: Database;
  /** How much of what is left of an order could settle now. */
  readonly settleableNow: (order: StoredOrder) => Promise<Settleable>;
}

/** Orders of which the chain is asked together. */
const ASKED_AT_ONCE = 16;

/**
 * What is known of how much of each order could still settle: nothing, where all of it could when it was
 * last asked. An order is asked about as a whole when it is entered, and once more by quantity when it
 * goes on after it has waited: its wallet may have changed meanwhile. Nothing of this is kept: a restart asks
 * again, which is truer by then.
 */
export class SettleableOrders {
  readonly #needs: SettleableOrderNeeds;
  readonly #totals = new Map<string, SettleableTotal>();

  constructor(needs: SettleableOrderNeeds) {
    this.#needs = needs;
  }

  /** Undefined: all of it. */
  of(orderId: string): SettleableTotal | undefined {
    return this.#totals.get(orderId);
  }

  /**
   * After a restart, before anything is heard of open orders: those that may have been bounded, and whose
   * answers would have them go on for all that is left. What waits is asked about when it goes on.
   */
  async restore(open: readonly StoredOrder[]): Promise<void> {
    const inFlight = open.filter(
      ({ state }) =>
        mayWait(state) && state.legs.some((leg) => leg.purpose === 'route' && !isComplete(leg)),
    );
    await this.ask(inFlight.map(({ state }) => state.id));
  }

  /** Asks the chain about what is left of orders. */
  async ask(orderIds: readonly string[]): Promise<void> {
    for (let first = 0; first < orderIds.length; first += ASKED_AT_ONCE) {
      await Promise.all(
        orderIds.slice(first, first + ASKED_AT_ONCE).map((id) => this.#askAbout(id)),
      );
    }
  }

  async #askAbout(id: string): Promise<void> {
    const order = await readOrder(this.#needs.database, { id });
    if (!order) return;
    const { quantity, refusal } = await this.#needs.settleableNow(order);
    if (!refusal) return this.passed(id);
    const { code, message } = refusal;
    this.#totals.set(id, { quantity: order.state.filled + quantity, code, message });
  }

  /** Takes note of orders as they stand now: what is done is bounded no more. */
  note(orders: readonly StoredOrder[]): void {
    for (const { state } of orders) {
      if (leavesOf(state) === 0 && state.legs.every(isComplete)) this.#totals.delete(state.id);
    }
  }

  /** The whole order could settle, as it now is. */
  passed(orderId: string): void {
    this.#totals.delete(orderId);
  }
}
