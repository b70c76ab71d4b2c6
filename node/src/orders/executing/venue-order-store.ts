import type { OpenOrder, VenueOrder } from '@stoa/adapters';
import { type LegOrder, TERMINAL_STATUSES, type VenueId } from '@stoa/schema';
import { asc, eq, notInArray, type SQL, sql } from 'drizzle-orm';
import { isAnyTextOf } from '../../store/any-of.ts';
import type { Transaction } from '../../store/database.ts';
import { insertRows } from '../../store/insert-rows.ts';
import { readRows } from '../../store/read-rows.ts';
import { venueOrders } from '../../store/tables/venue-orders.ts';
import { issue } from '../../store/transactions.ts';

/** An order that this venue's book was asked to take, as it is kept. */
export type VenueOrderRow = typeof venueOrders.$inferSelect;

/** A leg for this venue's book, as it is recorded first. */
export interface NewVenueOrder {
  readonly leg: LegOrder;
  readonly homeVenue: VenueId;
  readonly status: 'pending-new' | 'rejected';
  readonly reason?: string;
  /** Whether its home is told in the same transaction that the book accepts it. */
  readonly acceptanceTold?: boolean;
}

/**
 * Records legs for this venue's book; those whose ids are recorded already are left out.
 *
 * @param onRecorded told before the commit of the legs that were recorded, by their ids
 */
export function insertVenueOrders(
  tx: Transaction,
  added: readonly NewVenueOrder[],
  nowMs: number,
  onRecorded?: (legIds: ReadonlySet<string>) => void,
): void {
  if (added.length === 0) return;
  const rows = added.map(({ leg, homeVenue, status, reason = null, acceptanceTold = false }) => ({
    legId: leg.legId,
    homeVenue,
    acceptanceTold,
    member: leg.member,
    account: leg.account,
    instrument: leg.instrument,
    side: leg.side,
    timeInForce: leg.timeInForce,
    quantity: leg.quantity,
    limitPrice: leg.limitPrice,
    expireAtMs: leg.expireAtMs ?? null,
    minQuantity: leg.minQuantity ?? null,
    allOrNone: leg.allOrNone ?? false,
    quoteId: leg.quoteId ?? null,
    status,
    reason,
    filled: 0,
    receivedAtMs: nowMs,
  }));
  const insert = sql`${insertRows(venueOrders, rows)} on conflict (leg_id) do nothing returning leg_id`;
  issue<{ leg_id: string }>(tx, insert, (recorded) => {
    onRecorded?.(new Set(recorded.map((row) => row.leg_id)));
  });
}

/**
 * Holds of a leg that {@link insertVenueOrders} has recorded just before in this transaction, as the
 * only one it was given, and that was not known: then the last number that was drawn is its own.
 */
export function isRecordedNow(legId: string): SQL {
  return sql`exists (select from venue_orders
    where leg_id = ${legId} and sequence = currval('venue_orders_sequence_seq'))`;
}

/** One order of this venue's book. */
export async function readVenueOrder(
  tx: Transaction,
  legId: string,
): Promise<VenueOrderRow | undefined> {
  const [row] = await tx.select().from(venueOrders).where(eq(venueOrders.legId, legId));
  return row;
}

/** Orders of this venue's book by leg id, held for this transaction. */
export async function holdVenueOrders(
  tx: Transaction,
  legIds: readonly string[],
): Promise<Map<string, VenueOrderRow>> {
  if (legIds.length === 0) return new Map();
  const rows = await readRows(
    tx,
    venueOrders,
    sql`where ${isAnyTextOf(venueOrders.legId, legIds)} order by leg_id for update`,
  );
  return new Map(rows.map((row) => [row.legId, row]));
}

/** Orders that were not finished, in the order they were recorded, held for this transaction. */
export async function holdOpenVenueOrders(tx: Transaction): Promise<VenueOrderRow[]> {
  return tx
    .select()
    .from(venueOrders)
    .where(notInArray(venueOrders.status, [...TERMINAL_STATUSES]))
    .orderBy(asc(venueOrders.sequence))
    .for('update');
}

/** Writes what changes about orders. */
export function saveVenueOrders(tx: Transaction, rows: readonly VenueOrderRow[]): void {
  if (rows.length === 0) return;
  const values = rows.map((row) => ({
    leg_id: row.legId,
    quantity: row.quantity,
    limit_price: row.limitPrice,
    revision: row.revision,
    pending_revision: row.pendingRevision,
    pending_quantity: row.pendingQuantity,
    pending_limit_price: row.pendingLimitPrice,
    cancel_requested: row.cancelRequested,
    status: row.status,
    filled: row.filled,
    reason: row.reason,
  }));
  issue(
    tx,
    sql`
    update venue_orders set quantity = given.quantity, limit_price = given.limit_price,
      revision = given.revision, pending_revision = given.pending_revision,
      pending_quantity = given.pending_quantity,
      pending_limit_price = given.pending_limit_price,
      cancel_requested = given.cancel_requested, status = given.status, filled = given.filled,
      reason = given.reason
    from jsonb_to_recordset(${JSON.stringify(values)}::jsonb)
      as given(leg_id text, quantity bigint, limit_price bigint, revision integer,
        pending_revision integer, pending_quantity bigint, pending_limit_price bigint,
        cancel_requested boolean, status text, filled bigint, reason text)
    where venue_orders.leg_id = given.leg_id`,
  );
}

/** A leg as this venue's book takes it. */
export function newVenueOrder({ leg, homeVenue }: NewVenueOrder): VenueOrder {
  const { legId: orderId, member, account, instrument, side, timeInForce } = leg;
  const { quantity, limitPrice, expireAtMs, minQuantity, allOrNone } = leg;
  return {
    ...{ orderId, instrument, side, timeInForce, quantity, limitPrice },
    ...(expireAtMs !== undefined && { expireAtMs }),
    ...(minQuantity !== undefined && { minQuantity }),
    ...(allOrNone && { allOrNone }),
    owner: { member, account },
    homeVenue,
  };
}

/** An order that was recorded, as the book takes it. */
export function venueOrderOf(row: VenueOrderRow): VenueOrder {
  return {
    orderId: row.legId,
    instrument: row.instrument,
    side: row.side,
    timeInForce: row.timeInForce,
    quantity: row.quantity,
    limitPrice: row.limitPrice,
    ...(row.expireAtMs === null ? {} : { expireAtMs: row.expireAtMs }),
    ...(row.minQuantity === null ? {} : { minQuantity: row.minQuantity }),
    ...(row.allOrNone ? { allOrNone: true } : {}),
    owner: { member: row.member, account: row.account },
    homeVenue: row.homeVenue,
  };
}

/** The order as a book that is opened again takes it back. */
export function openOrderOf(row: VenueOrderRow): OpenOrder {
  return { order: venueOrderOf(row), filled: row.filled, acceptedAtMs: row.receivedAtMs };
}
