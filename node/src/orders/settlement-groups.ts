import type { Database } from '../store/database.ts';
import { isRouting } from './life/order-state.ts';
import { markGroupClosed, readOpenGroups, readOrder } from './order-store.ts';

/** Settlement, as groups need it. */
export interface GroupSettlement {
  /** Makes one all-or-none batch of the order's trades that are in none. */
  closeGroup(orderId: string): Promise<void>;
}

export interface SettlementGroupNeeds {
  readonly database: Database;
  readonly settlement: GroupSettlement;
  readonly nowMs: () => number;
}

const RETRY_MS = 5_000;

/** Has the trades of orders settled together, once nothing of them is in flight. */
export class SettlementGroups {
  readonly #needs: SettlementGroupNeeds;
  #againAtMs = Number.POSITIVE_INFINITY;

  constructor(needs: SettlementGroupNeeds) {
    this.#needs = needs;
  }

  /** Closes an order's group; what fails is tried again later. */
  async close(orderId: string): Promise<void> {
    const { database, settlement } = this.#needs;
    try {
      const order = await readOrder(database, { id: orderId });
      if (!order?.groupOpen || isRouting(order.state)) return;
      await settlement.closeGroup(orderId);
      await markGroupClosed(database, orderId, order.lastEvent);
    } catch (error) {
      this.#againAtMs = Math.min(this.#againAtMs, this.#needs.nowMs() + RETRY_MS);
      throw error;
    }
  }

  /** The same for every order that has one open. */
  async closeAll(): Promise<void> {
    this.#againAtMs = Number.POSITIVE_INFINITY;
    const orderIds = await readOpenGroups(this.#needs.database);
    await Promise.all(orderIds.map((orderId) => this.close(orderId)));
  }

  async tick(nowMs: number): Promise<void> {
    if (nowMs >= this.#againAtMs) await this.closeAll();
  }
}
