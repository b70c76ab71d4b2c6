import type { MemberId } from '@stoa/schema';
import type { Transaction } from '../store/database.ts';
import { issue } from '../store/transactions.ts';
import type { OrderState } from './life/order-state.ts';
import { legChange, legRow, orderChange, orderRow, type StoredOrder } from './order-rows.ts';
import { holdOrders, orderIdsOf } from './order-store.ts';
import { orderWrites } from './order-writes.ts';

/** An event as it is kept, with the order as it stood after it. */
export interface RecordedEvent {
  readonly kind: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly after: OrderState;
}

interface Held {
  /** As the store has it. */
  stored: StoredOrder;
  /** The store does not have it yet. */
  isNew: boolean;
  /** As it will be written. */
  now: StoredOrder;
  journal: RecordedEvent[];
}

/**
 * Orders that one transaction holds: each is read once and written once, however much happens to it
 * in between. Whoever holds them ends with {@link write}.
 */
export class HeldOrders {
  readonly #tx: Transaction;
  readonly #orders = new Map<string, Held>();
  readonly #legs = new Map<string, string>();

  private constructor(tx: Transaction, held: readonly StoredOrder[], isNew: boolean) {
    this.#tx = tx;
    for (const stored of held) {
      this.#orders.set(stored.state.id, {
        stored,
        isNew,
        now: stored,
        journal: [],
      });
      for (const leg of stored.state.legs) this.#legs.set(leg.id, stored.state.id);
    }
  }

  /** Holds orders by their ids. */
  static async byId(tx: Transaction, ids: readonly string[]): Promise<HeldOrders> {
    return new HeldOrders(tx, await holdOrders(tx, ids), false);
  }

  /** Holds the orders that have these legs. */
  static async ofLegs(tx: Transaction, legIds: readonly string[]): Promise<HeldOrders> {
    return HeldOrders.byId(tx, orderIdsOf(legIds));
  }

  /** Orders that nobody can know, because writing them is what records them. */
  static ofNew(tx: Transaction, added: readonly StoredOrder[]): HeldOrders {
    return new HeldOrders(tx, added, true);
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
  ): void {
    const held = this.#orders.get(id);
    if (!held) return;
    held.journal.push(...events);
    held.now = { ...held.now, ...to, lastEvent: held.now.lastEvent + events.length };
  }

  /** Writes all that changed, within this transaction: nobody waits for it but the commit. */
  write(nowMs: number): void {
    const changed = [...this.#orders.values()].filter(({ stored, now }) => stored !== now);
    if (changed.length === 0) return;
    const legs = legRows(changed, nowMs);
    const { events, raised } = journalRows(changed);
    issue(
      this.#tx,
      orderWrites({
        addedOrders: changed.filter(({ isNew }) => isNew).map(({ now }) => orderRow(now)),
        changedOrders: changed.filter(({ isNew }) => !isNew).map(({ now }) => orderChange(now)),
        ...{ addedLegs: legs.added, changedLegs: legs.changed, raised, events, nowMs },
      }),
    );
    for (const held of changed) {
      held.stored = held.now;
      held.isNew = false;
      held.journal = [];
    }
  }
}

function legRows(changed: readonly Held[], nowMs: number) {
  const added: object[] = [];
  const rows: object[] = [];
  for (const { stored, now } of changed) {
    const before = new Map(stored.state.legs.map((leg) => [leg.id, leg]));
    for (const leg of now.state.legs) {
      const known = before.get(leg.id);
      if (known === undefined) added.push(legRow(leg, now.state.id, nowMs));
      else if (known !== leg) rows.push(legChange(leg));
    }
  }
  return { added, changed: rows };
}

/** What happened, and by how much it raises its members' numbers. */
function journalRows(changed: readonly Held[]) {
  const counts = new Map<MemberId, number>();
  const events = changed.flatMap(({ stored, journal }) =>
    journal.map(({ kind, data, after }, index) => {
      const place = (counts.get(stored.member) ?? 0) + 1;
      counts.set(stored.member, place);
      return {
        order_id: stored.state.id,
        sequence: stored.lastEvent + index + 1,
        member: stored.member,
        place,
        kind,
        data,
        status: after.status,
        quantity: after.quantity,
        filled: after.filled,
      };
    }),
  );
  return { events, raised: [...counts].map(([member, more]) => ({ member, more })) };
}
