import type { MemberId } from '@stoa/schema';
import { type SQL, sql } from 'drizzle-orm';
import { orders } from '../../store/tables/orders.ts';

/**
 * Where one of a member's orders stands among all orders of this node, newer ones higher. The number
 * never leaves the store, since it would tell how many others placed orders: cursors name the order. An
 * order of somebody else stands nowhere, as one that does not exist.
 */
export function placeOf(member: MemberId, orderId: string): SQL {
  return sql`(select named.number from ${orders} as named
    where named.id = ${orderId} and named.member = ${member})`;
}
