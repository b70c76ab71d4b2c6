import type { MemberId } from '@stoa/schema';
import { sql } from 'drizzle-orm';
import type { Transaction } from '../store/database.ts';
import { issue } from '../store/transactions.ts';
import type { OrderState } from './life/order-state.ts';
import { legChange, legRow, orderChange, orderRow, type StoredOrder } from './order-rows.ts';
import { holdOrders, orderIdsOf } from './order-store.ts';

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
    const isNew = Map.groupBy(changed, (held) => held.isNew);
    this.#addOrders(isNew.get(true) ?? []);
    this.#changeOrders(isNew.get(false) ?? []);
    this.#writeLegs(changed, nowMs);
    this.#writeJournal(changed, nowMs);
    for (const held of changed) {
      held.stored = held.now;
      held.isNew = false;
      held.journal = [];
    }
  }

  #addOrders(added: readonly Held[]): void {
    if (added.length === 0) return;
    const values = JSON.stringify(added.map(({ now }) => orderRow(now)));
    // One parameter, however many orders: the statement is the same each time, and quickly read.
    issue(
      this.#tx,
      sql`insert into orders
        select * from jsonb_populate_recordset(null::orders, ${values}::jsonb)`,
    );
  }

  /** Members' numbers are raised in one order by everybody, so that no two wait for each other. */
  #writeJournal(changed: readonly Held[], nowMs: number): void {
    const counts = new Map<MemberId, number>();
    const rows = changed.flatMap(({ stored, journal }) =>
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
    if (rows.length === 0) return;
    const raised = [...counts].map(([member, more]) => ({ member, more }));
    issue(
      this.#tx,
      sql`
      with raised as (
        insert into member_sequences as known (member, last)
        select member, more from jsonb_to_recordset(${JSON.stringify(raised)}::jsonb)
          as given(member text, more bigint) order by member
        on conflict (member) do update set last = known.last + excluded.last
        returning member, last
      )
      insert into order_events (order_id, sequence, member, member_sequence, kind, data, status,
        quantity, filled, at_ms)
      select given.order_id, given.sequence, given.member,
        raised.last - counted.more + given.place, given.kind, given.data, given.status,
        given.quantity, given.filled, ${nowMs}
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as given(order_id text,
        sequence bigint, member text, place bigint, kind text, data jsonb, status text,
        quantity bigint, filled bigint)
      join raised using (member)
      join jsonb_to_recordset(${JSON.stringify(raised)}::jsonb)
        as counted(member text, more bigint) using (member)`,
    );
  }

  #changeOrders(changed: readonly Held[]): void {
    if (changed.length === 0) return;
    const rows = changed.map(({ now }) => orderChange(now));
    issue(
      this.#tx,
      sql`
      update orders set quantity = given.quantity, limit_price = given.limit_price,
        status = given.status, filled = given.filled, leaves = given.leaves,
        notional = given.notional, cancel_requested = given.cancel_requested,
        reason = given.reason, held_until_ms = given.held_until_ms,
        replacements = given.replacements, revision = given.revision,
        routed_from = given.routed_from, group_open = given.group_open,
        last_event = given.last_event
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as given(id text, quantity bigint,
        limit_price bigint, status text, filled bigint, leaves bigint, notional numeric,
        cancel_requested boolean, reason text, held_until_ms bigint, replacements jsonb,
        revision integer, routed_from integer, group_open boolean, last_event bigint)
      where orders.id = given.id`,
    );
  }

  #writeLegs(changed: readonly Held[], nowMs: number): void {
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
    if (added.length > 0) this.#addLegs(added);
    if (rows.length > 0) this.#changeLegs(rows);
  }

  #addLegs(rows: readonly object[]): void {
    issue(
      this.#tx,
      sql`
      insert into legs
      select * from jsonb_populate_recordset(null::legs, ${JSON.stringify(rows)}::jsonb)`,
    );
  }

  #changeLegs(rows: readonly object[]): void {
    issue(
      this.#tx,
      sql`
      update legs set quantity = given.quantity, limit_price = given.limit_price,
        status = given.status, filled = given.filled, final_filled = given.final_filled,
        reason = given.reason, revision = given.revision,
        pending_quantity = given.pending_quantity,
        pending_limit_price = given.pending_limit_price
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as given(id text, quantity bigint,
        limit_price bigint, status text, filled bigint, final_filled bigint, reason text,
        revision integer, pending_quantity bigint, pending_limit_price bigint)
      where legs.id = given.id`,
    );
  }
}
