import { sql } from 'drizzle-orm';
import type { Transaction } from '../store/database.ts';
import { legs } from '../store/tables/legs.ts';
import { orderEvents } from '../store/tables/order-events.ts';
import type { LegState, OrderState } from './order-state.ts';
import { holdOrders, orderIdsOfLegs, type RecordedEvent, type StoredOrder } from './order-store.ts';

interface Held {
  /** As the store has it. */
  readonly stored: StoredOrder;
  /** As it will be written. */
  now: StoredOrder;
  readonly journal: RecordedEvent[];
}

/**
 * Orders that one transaction holds: each is read once and written once, however much happens to it
 * in between. Whoever holds them ends with {@link write}.
 */
export class HeldOrders {
  readonly #tx: Transaction;
  readonly #orders = new Map<string, Held>();
  readonly #legs = new Map<string, string>();

  private constructor(tx: Transaction, orders: readonly StoredOrder[]) {
    this.#tx = tx;
    for (const stored of orders) {
      this.#orders.set(stored.state.id, { stored, now: stored, journal: [] });
      for (const leg of stored.state.legs) this.#legs.set(leg.id, stored.state.id);
    }
  }

  /** Holds orders by their ids. */
  static async byId(tx: Transaction, ids: readonly string[]): Promise<HeldOrders> {
    return new HeldOrders(tx, await holdOrders(tx, ids));
  }

  /** Holds the orders that have these legs. */
  static async ofLegs(tx: Transaction, legIds: readonly string[]): Promise<HeldOrders> {
    return HeldOrders.byId(tx, await orderIdsOfLegs(tx, legIds));
  }

  /** An order that was just inserted: nobody else can know it. */
  static ofNew(tx: Transaction, order: StoredOrder): HeldOrders {
    return new HeldOrders(tx, [order]);
  }

  /** An order as it stands in this transaction. */
  order(id: string): StoredOrder | undefined {
    return this.#orders.get(id)?.now;
  }

  /** The order that has this leg. */
  orderOfLeg(legId: string): StoredOrder | undefined {
    const id = this.#legs.get(legId);
    return id === undefined ? undefined : this.order(id);
  }

  /** Notes an order's new state with the events that led to it. */
  change(
    id: string,
    to: { readonly state: OrderState; readonly groupOpen: boolean },
    events: readonly RecordedEvent[],
  ): StoredOrder | undefined {
    const held = this.#orders.get(id);
    if (!held) return undefined;
    held.journal.push(...events);
    held.now = { ...held.now, ...to, lastEvent: held.now.lastEvent + events.length };
    return held.now;
  }

  /** Writes all that changed. */
  async write(nowMs: number): Promise<void> {
    const changed = [...this.#orders.values()].filter(({ stored, now }) => stored !== now);
    if (changed.length === 0) return;
    await this.#writeJournal(changed, nowMs);
    await this.#writeOrders(changed);
    await this.#writeLegs(changed, nowMs);
  }

  async #writeJournal(changed: readonly Held[], nowMs: number): Promise<void> {
    const rows = changed.flatMap(({ stored, journal }) =>
      journal.map(({ kind, data }, index) => ({
        orderId: stored.state.id,
        sequence: stored.lastEvent + index + 1,
        kind,
        data,
        atMs: nowMs,
      })),
    );
    if (rows.length > 0) await this.#tx.insert(orderEvents).values(rows);
  }

  async #writeOrders(changed: readonly Held[]): Promise<void> {
    const rows = changed.map(({ now: { state, groupOpen, lastEvent } }) => ({
      id: state.id,
      status: state.status,
      filled: state.filled,
      // JSON has no integers that large.
      notional: state.notional.toString(),
      cancel_requested: state.cancelRequested,
      reason: state.reason ?? null,
      group_open: groupOpen,
      last_event: lastEvent,
    }));
    await this.#tx.execute(sql`
      update orders set status = given.status, filled = given.filled, notional = given.notional,
        cancel_requested = given.cancel_requested, reason = given.reason,
        group_open = given.group_open, last_event = given.last_event
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as given(id text, status text,
        filled bigint, notional numeric, cancel_requested boolean, reason text,
        group_open boolean, last_event bigint)
      where orders.id = given.id`);
  }

  async #writeLegs(changed: readonly Held[], nowMs: number): Promise<void> {
    const added: (typeof legs.$inferInsert)[] = [];
    const rows: object[] = [];
    for (const { stored, now } of changed) {
      const before = new Map(stored.state.legs.map((leg) => [leg.id, leg]));
      for (const leg of now.state.legs) {
        const known = before.get(leg.id);
        if (known === undefined) {
          added.push({ ...legRow(leg), orderId: now.state.id, sentAtMs: nowMs });
        } else if (known !== leg) {
          const { id, status, filled, finalFilled, reason } = legRow(leg);
          rows.push({ id, status, filled, final_filled: finalFilled, reason });
        }
      }
    }
    if (added.length > 0) await this.#tx.insert(legs).values(added);
    if (rows.length === 0) return;
    await this.#tx.execute(sql`
      update legs set status = given.status, filled = given.filled,
        final_filled = given.final_filled, reason = given.reason
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as given(id text, status text,
        filled bigint, final_filled bigint, reason text)
      where legs.id = given.id`);
  }
}

function legRow(leg: LegState) {
  return { ...leg, finalFilled: leg.finalFilled ?? null, reason: leg.reason ?? null };
}
