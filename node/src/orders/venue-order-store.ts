import type { OpenOrder, VenueOrder } from '@stoa/adapters';
import { type LegOrder, TERMINAL_STATUSES, type VenueId } from '@stoa/schema';
import { asc, eq, inArray, notInArray, sql } from 'drizzle-orm';
import type { Transaction } from '../store/database.ts';
import { venueOrders } from '../store/tables/venue-orders.ts';

/** An order that this venue's book was asked to take, as it is kept. */
export type VenueOrderRow = typeof venueOrders.$inferSelect;

/** Records a leg for this venue's book; undefined when one of this id is recorded already. */
export async function insertVenueOrder(
  tx: Transaction,
  leg: LegOrder,
  homeVenue: VenueId,
  as: { readonly status: 'pending-new' | 'rejected'; readonly reason?: string },
  nowMs: number,
): Promise<VenueOrderRow | undefined> {
  const [row] = await tx
    .insert(venueOrders)
    .values({ ...leg, ...as, homeVenue, filled: 0, receivedAtMs: nowMs })
    .onConflictDoNothing({ target: venueOrders.legId })
    .returning();
  return row;
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
  const rows = await tx
    .select()
    .from(venueOrders)
    .where(inArray(venueOrders.legId, [...legIds]))
    .orderBy(asc(venueOrders.legId))
    .for('update');
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
export async function saveVenueOrders(
  tx: Transaction,
  rows: readonly VenueOrderRow[],
): Promise<void> {
  if (rows.length === 0) return;
  const values = rows.map(({ legId, status, filled, reason }) => ({
    leg_id: legId,
    status,
    filled,
    reason,
  }));
  await tx.execute(sql`
    update venue_orders set status = given.status, filled = given.filled, reason = given.reason
    from jsonb_to_recordset(${JSON.stringify(values)}::jsonb)
      as given(leg_id text, status text, filled bigint, reason text)
    where venue_orders.leg_id = given.leg_id`);
}

/** The order as the book takes it. */
export function venueOrderOf(row: VenueOrderRow): VenueOrder {
  return {
    orderId: row.legId,
    instrument: row.instrument,
    side: row.side,
    timeInForce: row.timeInForce,
    quantity: row.quantity,
    limitPrice: row.limitPrice,
    owner: { member: row.member, account: row.account },
    homeVenue: row.homeVenue,
  };
}

/** The order as a book that is opened again takes it back. */
export function openOrderOf(row: VenueOrderRow): OpenOrder {
  return { order: venueOrderOf(row), filled: row.filled };
}
