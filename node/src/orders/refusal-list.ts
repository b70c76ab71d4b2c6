import type { MemberId } from '@stoa/schema';
import { and, asc, desc, eq, gt, lt, sql } from 'drizzle-orm';
import type { Database } from '../store/database.ts';
import { orderRefusals } from '../store/tables/order-refusals.ts';
import { type KeyRange, type Page, type PageRequest, readPage } from './blotter/keyset-page.ts';

/** A refusal as a node's operator sees it: names, and nothing of what the order was to be. */
export type ListedRefusal = Pick<
  typeof orderRefusals.$inferSelect,
  'id' | 'member' | 'action' | 'code' | 'orderId' | 'clientOrderId' | 'atMs'
>;

/** Which refusals are listed: all that is given holds at once. */
export interface RefusalFilter {
  readonly code?: string;
  readonly member?: MemberId;
}

/** What members were refused. */
export interface RefusalList {
  /** The newest first. @throws CodedError `CURSOR_INVALID` */
  page(page: PageRequest, filter: RefusalFilter): Promise<Page<ListedRefusal>>;
}

/** Rows that are looked through at most: a rare code must not cost the whole table. */
const MAX_ROWS = 10_000;
/** What could not be a code or a member is not looked up: the store does not even take some of it. */
const NAME = /^[\w-]{1,64}$/;

/** Reads what was refused from the node's store. */
export function createRefusalList(database: Database): RefusalList {
  const { id, member, action, code, orderId, clientOrderId, atMs } = orderRefusals;
  const latest = sql`${id} > (select coalesce(max(last.id), 0) from ${orderRefusals} as last) - ${MAX_ROWS}`;
  return {
    page: (page, filter) =>
      readPage(page, {
        cursorOf: (row: ListedRefusal) => String(row.id),
        keyOf: (cursor) => (/^[1-9]\d{0,14}$/.test(cursor) ? Number(cursor) : undefined),
        async read({ newerThan, olderThan }: KeyRange<number>, oldestFirst, limit) {
          const names = [filter.code, filter.member];
          if (names.some((name) => name !== undefined && !NAME.test(name))) return [];
          return database
            .select({ id, member, action, code, orderId, clientOrderId, atMs })
            .from(orderRefusals)
            .where(
              and(
                latest,
                filter.code === undefined ? undefined : eq(code, filter.code),
                filter.member === undefined ? undefined : eq(member, filter.member),
                newerThan === undefined ? undefined : gt(id, newerThan),
                olderThan === undefined ? undefined : lt(id, olderThan),
              ),
            )
            .orderBy(oldestFirst ? asc(id) : desc(id))
            .limit(limit);
        },
      }),
  };
}
