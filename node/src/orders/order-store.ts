import {
  type InstrumentId,
  type MemberId,
  type Side,
  TERMINAL_STATUSES,
  type VenueId,
} from '@stoa/schema';
import { and, asc, count, eq, inArray, lte, min, notInArray, sql } from 'drizzle-orm';
import { isAnyTextOf } from '../store/any-of.ts';
import type { Database, Transaction } from '../store/database.ts';
import { readRows } from '../store/read-rows.ts';
import { legs } from '../store/tables/legs.ts';
import { orderEvents } from '../store/tables/order-events.ts';
import { orders } from '../store/tables/orders.ts';
import { together } from '../store/together.ts';
import { type LegRow, type OrderRow, type StoredOrder, storedOrder } from './order-rows.ts';

type Reader = Database | Transaction;

/** Waiting orders that are looked at together. */
const DUE_AT_ONCE = 256;

/** So many order numbers of this node, which nobody else gets. */
export async function nextOrderNumbers(
  database: Database | Transaction,
  count: number,
): Promise<number[]> {
  const rows = await database.execute<{ number: string }>(
    sql`select nextval('order_numbers') as number from generate_series(1, ${count}::int)`,
  );
  return rows.map(({ number }) => Number(number));
}

/**
 * Loads orders and holds them for this transaction: nobody else changes them until the commit. They
 * are held in one order by everybody, so that no two wait for each other.
 */
export async function holdOrders(tx: Transaction, ids: readonly string[]): Promise<StoredOrder[]> {
  if (ids.length === 0) return [];
  // Sent together, done in this order: the legs are read when the orders are held.
  const [rows, all] = await together(
    readRows(tx, orders, sql`where ${isAnyTextOf(orders.id, ids)} order by id for update`),
    legRows(tx, ids),
  );
  const byOrder = Map.groupBy(all, ({ orderId }) => orderId);
  return rows.map((row) => storedOrder(row, byOrder.get(row.id) ?? []));
}

/** The orders that have these legs, by the ids alone: `<orderId>.<leg>.<attempt>`. */
export function orderIdsOf(legIds: readonly string[]): string[] {
  return [...new Set(legIds.map((legId) => legId.slice(0, legId.indexOf('.'))))];
}

/** One order, by its id or by its member's own id of it. */
export async function readOrder(
  database: Reader,
  by:
    | { readonly id: string; readonly member?: MemberId }
    | { readonly member: MemberId; readonly clientOrderId: string },
): Promise<StoredOrder | undefined> {
  const which =
    'id' in by
      ? and(
          eq(orders.id, by.id),
          by.member === undefined ? undefined : eq(orders.member, by.member),
        )
      : and(eq(orders.member, by.member), eq(orders.clientOrderId, by.clientOrderId));
  const [row] = await database.select().from(orders).where(which);
  return row && storedOrder(row, await legRows(database, [row.id]));
}

/** Whether an order was asked to be replaced or canceled under this client order id. */
export async function wasRequested(
  database: Reader,
  orderId: string,
  clientOrderId: string,
): Promise<boolean> {
  const rows = await database
    .select({ kind: orderEvents.kind })
    .from(orderEvents)
    .where(
      and(
        eq(orderEvents.orderId, orderId),
        inArray(orderEvents.kind, ['replace-requested', 'cancel-requested']),
        sql`${orderEvents.data}->>'clientOrderId' = ${clientOrderId}`,
      ),
    )
    .limit(1);
  return rows.length > 0;
}

/** Those of these orders whose client order id their member has used. */
export async function readUsed<Order extends { member: MemberId; clientOrderId: string }>(
  database: Database,
  wanted: readonly Order[],
): Promise<ReadonlySet<Order>> {
  const keys = wanted.map(({ member, clientOrderId }) => ({ member, clientOrderId }));
  const rows = await database.execute<{ member: string; clientOrderId: string }>(sql`
    select member, client_order_id as "clientOrderId" from orders
    join jsonb_to_recordset(${JSON.stringify(keys)}::jsonb)
      as given(member text, "clientOrderId" text)
    using (member) where client_order_id = "clientOrderId"`);
  // Neither of the two has a blank in it.
  const used = new Set(rows.map((row) => `${row.member} ${row.clientOrderId}`));
  return new Set(wanted.filter((one) => used.has(`${one.member} ${one.clientOrderId}`)));
}

/** Orders that are not finished, with the legs of each. */
export async function readOpenOrders(database: Database): Promise<StoredOrder[]> {
  const rows = await database
    .select()
    .from(orders)
    .where(notInArray(orders.status, [...TERMINAL_STATUSES]))
    .orderBy(asc(orders.number));
  return withLegs(database, rows);
}

/** Which of a member's orders are not finished. */
export interface OpenOrderFilter {
  readonly member: MemberId;
  readonly instrument?: InstrumentId;
  readonly side?: Side;
  /** Only those that end with their member's last stream. */
  readonly cancelOnDisconnect?: boolean;
}

/** Orders of a member that are not finished and not being canceled, oldest first. */
export async function readOpenOrderIds(
  database: Database,
  { member, instrument, side, cancelOnDisconnect }: OpenOrderFilter,
): Promise<string[]> {
  const rows = await database
    .select({ id: orders.id })
    .from(orders)
    .where(
      and(
        eq(orders.member, member),
        notInArray(orders.status, [...TERMINAL_STATUSES]),
        eq(orders.cancelRequested, false),
        instrument === undefined ? undefined : eq(orders.instrument, instrument),
        side === undefined ? undefined : eq(orders.side, side),
        cancelOnDisconnect === undefined
          ? undefined
          : eq(orders.cancelOnDisconnect, cancelOnDisconnect),
      ),
    )
    .orderBy(asc(orders.number));
  return rows.map(({ id }) => id);
}

/** Members that have open orders which end with their last stream. */
export async function readDisconnectMembers(database: Database): Promise<MemberId[]> {
  const rows = await database
    .selectDistinct({ member: orders.member })
    .from(orders)
    .where(
      and(
        notInArray(orders.status, [...TERMINAL_STATUSES]),
        eq(orders.cancelRequested, false),
        eq(orders.cancelOnDisconnect, true),
      ),
    );
  return rows.map(({ member }) => member);
}

/** Orders that wait unsent, and need not any more. */
export async function readDueOrders(database: Database, nowMs: number): Promise<string[]> {
  const rows = await database
    .select({ id: orders.id })
    .from(orders)
    .where(lte(orders.heldUntilMs, nowMs))
    .orderBy(asc(orders.number))
    .limit(DUE_AT_ONCE);
  return rows.map(({ id }) => id);
}

/** When the next waiting order need wait no more; undefined where none waits. */
export async function readNextDueMs(database: Database): Promise<number | undefined> {
  const [row] = await database.select({ next: min(orders.heldUntilMs) }).from(orders);
  return row?.next ?? undefined;
}

/** Legs that are done for the day. */
export function readPausedLegs(
  database: Database,
): Promise<{ readonly orderId: string; readonly legId: string; readonly venue: VenueId }[]> {
  return database
    .select({ orderId: legs.orderId, legId: legs.id, venue: legs.venue })
    .from(legs)
    .where(eq(legs.status, 'done-for-day'));
}

/** How many orders are not finished. */
export async function countOpenOrders(database: Database): Promise<number> {
  const [row] = await database
    .select({ open: count() })
    .from(orders)
    .where(notInArray(orders.status, [...TERMINAL_STATUSES]));
  return row?.open ?? 0;
}

/** Orders that have executions to settle in no group yet. */
export async function readOpenGroups(database: Database): Promise<string[]> {
  const rows = await database
    .select({ id: orders.id })
    .from(orders)
    .where(eq(orders.groupOpen, true))
    .orderBy(asc(orders.number));
  return rows.map(({ id }) => id);
}

/** Notes that a group was closed, unless something happened to the order since `lastEvent`. */
export async function markGroupClosed(
  database: Database,
  id: string,
  lastEvent: number,
): Promise<void> {
  await database
    .update(orders)
    .set({ groupOpen: false })
    .where(and(eq(orders.id, id), eq(orders.lastEvent, lastEvent)));
}

async function withLegs(reader: Reader, rows: readonly OrderRow[]): Promise<StoredOrder[]> {
  const allLegs = await legRows(
    reader,
    rows.map(({ id }) => id),
  );
  const byOrder = Map.groupBy(allLegs, ({ orderId }) => orderId);
  return rows.map((row) => storedOrder(row, byOrder.get(row.id) ?? []));
}

async function legRows(reader: Reader, orderIds: readonly string[]): Promise<LegRow[]> {
  if (orderIds.length === 0) return [];
  return readRows(
    reader,
    legs,
    sql`where ${isAnyTextOf(legs.orderId, orderIds)} order by order_id, number`,
  );
}
