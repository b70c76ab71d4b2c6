import type { MemberId } from '@stoa/schema';
import { asc, desc, gt, lt, type SQL, sql } from 'drizzle-orm';
import { orders } from '../../store/tables/orders.ts';
import type { KeyRange } from './keyset-page.ts';

/**
 * Where one of a member's orders stands among all orders of this node, newer ones higher. The number
 * never leaves the store, since it would tell how many others placed orders: cursors name the order. An
 * order of somebody else stands nowhere, as one that does not exist.
 */
export function placeOf(member: MemberId, orderId: string): SQL {
  return sql`(select named.number from ${orders} as named
    where named.id = ${orderId} and named.member = ${member})`;
}

/** Those of a member's orders that a page may hold, by the cursors it lies between. */
export function placedWithin(
  member: MemberId,
  { newerThan, olderThan }: KeyRange<string>,
): readonly (SQL | undefined)[] {
  return [
    newerThan === undefined ? undefined : gt(orders.number, placeOf(member, newerThan)),
    olderThan === undefined ? undefined : lt(orders.number, placeOf(member, olderThan)),
  ];
}

export function byPlace(oldestFirst: boolean): SQL {
  return oldestFirst ? asc(orders.number) : desc(orders.number);
}
