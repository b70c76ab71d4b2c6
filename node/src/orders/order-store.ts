import {
  CodedError,
  type InstrumentId,
  type MemberId,
  type OrderRequest,
  TERMINAL_STATUSES,
} from '@stoa/schema';
import { and, asc, count, desc, eq, inArray, lt, notInArray, or, sql } from 'drizzle-orm';
import type { Database, Transaction } from '../store/database.ts';
import { executions } from '../store/tables/executions.ts';
import { legs } from '../store/tables/legs.ts';
import { orders } from '../store/tables/orders.ts';
import type { LegState, OrderState } from './order-state.ts';
import { leavesOf } from './order-state.ts';
import type { ExecutionView, LegView, OrderView } from './order-view.ts';

/** An order as it is kept: its state, and what never changes about it. */
export interface StoredOrder {
  readonly number: number;
  readonly clientOrderId: string;
  readonly member: MemberId;
  readonly instrument: InstrumentId;
  readonly account: `0x${string}`;
  readonly placedAtMs: number;
  readonly lastEvent: number;
  readonly groupOpen: boolean;
  readonly state: OrderState;
}

/** An event as it is kept. */
export interface RecordedEvent {
  readonly kind: string;
  readonly data: Readonly<Record<string, unknown>>;
}

type OrderRow = typeof orders.$inferSelect;
type LegRow = typeof legs.$inferSelect;
type Reader = Database | Transaction;

/** The next order number of this node. */
export async function nextOrderNumber(tx: Transaction): Promise<number> {
  const [row] = await tx.execute<{ number: string }>(
    sql`select nextval('order_numbers') as number`,
  );
  if (!row) throw new CodedError('STORE_ANSWERED_NOTHING', 'A sequence gave no number.');
  return Number(row.number);
}

/** Adds an order without legs; false when the member has used the client order id. */
export async function insertOrder(
  tx: Transaction,
  { state, ...fixed }: StoredOrder,
): Promise<boolean> {
  const inserted = await tx
    .insert(orders)
    .values({ ...fixed, ...state, limitPrice: state.limitPrice ?? null, reason: null })
    .onConflictDoNothing({ target: [orders.member, orders.clientOrderId] })
    .returning({ id: orders.id });
  return inserted.length === 1;
}

/**
 * Loads orders and holds them for this transaction: nobody else changes them until the commit. They
 * are held in one order by everybody, so that no two wait for each other.
 */
export async function holdOrders(tx: Transaction, ids: readonly string[]): Promise<StoredOrder[]> {
  if (ids.length === 0) return [];
  const rows = await tx
    .select()
    .from(orders)
    .where(inArray(orders.id, [...ids]))
    .orderBy(asc(orders.id))
    .for('update');
  return withLegs(tx, rows);
}

/** The orders of this node that have these legs. */
export async function orderIdsOfLegs(reader: Reader, legIds: readonly string[]): Promise<string[]> {
  if (legIds.length === 0) return [];
  const rows = await reader
    .selectDistinct({ orderId: legs.orderId })
    .from(legs)
    .where(inArray(legs.id, [...legIds]));
  return rows.map(({ orderId }) => orderId);
}

/** One order, by its id or by its member's own id of it. */
export async function readOrder(
  database: Reader,
  by: { readonly id: string } | { readonly member: MemberId; readonly clientOrderId: string },
): Promise<StoredOrder | undefined> {
  const which =
    'id' in by
      ? eq(orders.id, by.id)
      : and(eq(orders.member, by.member), eq(orders.clientOrderId, by.clientOrderId));
  const [row] = await database.select().from(orders).where(which);
  return row && storedOrder(row, await legRows(database, [row.id]));
}

/** Orders of one member, newest first, with numbers below `below`. */
export async function readOrders(
  database: Database,
  member: MemberId,
  below: number,
  limit: number,
): Promise<OrderView[]> {
  const rows = await database
    .select()
    .from(orders)
    .where(and(eq(orders.member, member), lt(orders.number, below)))
    .orderBy(desc(orders.number))
    .limit(limit);
  return rows.map((row) => viewOf(storedOrder(row, [])));
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

/** The legs of an order, in the order they were sent. */
export async function readLegs(database: Database, orderId: string): Promise<LegView[]> {
  const rows = await legRows(database, [orderId]);
  return rows.map((row) => ({
    id: row.id,
    orderId: row.orderId,
    venue: row.venue,
    quantity: row.quantity,
    limitPrice: row.limitPrice,
    status: row.status,
    filled: row.filled,
    reason: row.reason ?? undefined,
  }));
}

/** The executions of an order, in the order they were recorded. */
export async function readExecutions(
  database: Database,
  orderId: string,
): Promise<ExecutionView[]> {
  const ids = (await legRows(database, [orderId])).map(({ id }) => id);
  if (ids.length === 0) return [];
  const found = await database
    .select()
    .from(executions)
    .where(or(inArray(executions.buyLegId, ids), inArray(executions.sellLegId, ids)))
    .orderBy(asc(executions.recordedAtMs), asc(executions.venue), asc(executions.tradeNumber));
  const rows = found.flatMap((execution) =>
    [execution.buyLegId, execution.sellLegId].flatMap((id) =>
      id !== null && ids.includes(id) ? [{ execution, legId: id }] : [],
    ),
  );
  return rows.map(({ execution, legId }) => ({
    venue: execution.venue,
    executionId: execution.executionId,
    tradeNumber: execution.tradeNumber,
    instrument: execution.instrument,
    price: execution.price,
    quantity: execution.quantity,
    buyer: execution.buyer,
    seller: execution.seller,
    homeVenue: execution.homeVenue,
    executedAtMs: execution.executedAtMs,
    orderId,
    legId,
  }));
}

/** An order as others see it. */
export function viewOf({ state, ...fixed }: StoredOrder): OrderView {
  return {
    id: state.id,
    clientOrderId: fixed.clientOrderId,
    member: fixed.member,
    instrument: fixed.instrument,
    account: fixed.account,
    side: state.side,
    type: state.type,
    timeInForce: state.timeInForce,
    quantity: state.quantity,
    limitPrice: state.limitPrice,
    status: state.status,
    filled: state.filled,
    leaves: leavesOf(state),
    notional: state.notional,
    reason: state.reason,
    placedAtMs: fixed.placedAtMs,
  };
}

/** Whether a request says the same as an order that was placed: then it is that order. */
export function isSameRequest(order: StoredOrder, request: OrderRequest): boolean {
  const { state } = order;
  return (
    order.instrument === request.instrument &&
    order.account === request.account.toLowerCase() &&
    state.side === request.side &&
    state.type === request.type &&
    state.timeInForce === request.timeInForce &&
    state.quantity === request.quantity &&
    state.limitPrice === request.limitPrice
  );
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
  return reader
    .select()
    .from(legs)
    .where(inArray(legs.orderId, [...orderIds]))
    .orderBy(asc(legs.orderId), asc(legs.number));
}

function storedOrder(row: OrderRow, own: readonly LegRow[]): StoredOrder {
  return {
    number: row.number,
    clientOrderId: row.clientOrderId,
    member: row.member,
    instrument: row.instrument,
    account: row.account,
    placedAtMs: row.placedAtMs,
    lastEvent: row.lastEvent,
    groupOpen: row.groupOpen,
    state: {
      id: row.id,
      side: row.side,
      type: row.type,
      timeInForce: row.timeInForce,
      quantity: row.quantity,
      limitPrice: row.limitPrice ?? undefined,
      status: row.status,
      filled: row.filled,
      notional: row.notional,
      cancelRequested: row.cancelRequested,
      reason: row.reason ?? undefined,
      legs: own.map(legState),
    },
  };
}

function legState(row: LegRow): LegState {
  return {
    id: row.id,
    number: row.number,
    round: row.round,
    purpose: row.purpose,
    venue: row.venue,
    timeInForce: row.timeInForce,
    quantity: row.quantity,
    limitPrice: row.limitPrice,
    status: row.status,
    filled: row.filled,
    finalFilled: row.finalFilled ?? undefined,
    reason: row.reason ?? undefined,
  };
}
