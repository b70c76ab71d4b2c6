import type { InstrumentId, MemberId, VenueId } from '@stoa/schema';
import { and, asc, desc, eq, gt, inArray, lt, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../store/database.ts';
import { legs } from '../../store/tables/legs.ts';
import { orders } from '../../store/tables/orders.ts';
import { askedTerms } from '../asked-terms.ts';
import { isIdOf } from '../id-codes.ts';
import { CLIENT_ORDER_ID } from '../terms/order-validation.ts';
import {
  type ExecutionFilter,
  type LegFilter,
  legConditions,
  type OrderFilter,
  orderConditions,
} from './blotter-filter.ts';
import { type BlotterExecution, executionPage, firstExecutions } from './execution-blotter.ts';
import { type KeyRange, type Page, type PageRequest, readPage } from './keyset-page.ts';
import { placeOf } from './order-place.ts';
import type { LegView, OrderView } from './order-view.ts';

/** A leg with what its amounts are written in. */
export interface BlotterLeg extends LegView {
  readonly instrument: InstrumentId;
  readonly number: number;
}

/** What a node's brokers read of their orders. Whatever is another member's is as if it were not. */
export interface OrderBlotter {
  order(
    member: MemberId,
    by: { readonly id?: string; readonly clientOrderId?: string },
  ): Promise<OrderView | undefined>;
  /** @throws CodedError `CURSOR_INVALID` */
  orders(member: MemberId, page: PageRequest, filter: OrderFilter): Promise<Page<OrderView>>;
  /** @throws CodedError `CURSOR_INVALID` */
  legs(member: MemberId, page: PageRequest, filter: LegFilter): Promise<Page<BlotterLeg>>;
  /** @throws CodedError `CURSOR_INVALID` */
  executions(
    member: MemberId,
    page: PageRequest,
    filter: ExecutionFilter,
  ): Promise<Page<BlotterExecution>>;
  /** Orders by their ids, which the reader must have from what is its own. */
  ordersOf(ids: readonly string[]): Promise<ReadonlyMap<string, OrderView>>;
  /** The first 100 legs of each of these orders, which must be the reader's own. */
  legsOf(orderIds: readonly string[]): Promise<ReadonlyMap<string, readonly BlotterLeg[]>>;
  /** The first 100 executions of each of these orders, which must be the reader's own. */
  executionsOf(
    orderIds: readonly string[],
  ): Promise<ReadonlyMap<string, readonly BlotterExecution[]>>;
}

/** Rows of one order that are read with it. */
const MAX_NESTED_ROWS = 100;

/** Reads what members may see of their orders from the store of their home node. */
export function createOrderBlotter(venue: VenueId, database: Database): OrderBlotter {
  return {
    async order(member, { id, clientOrderId }) {
      const name = id ?? clientOrderId;
      // What could not be a name is not looked up: the store does not even take some of it.
      if (name === undefined || !CLIENT_ORDER_ID.test(name)) return undefined;
      const named = id === undefined ? eq(orders.clientOrderId, name) : eq(orders.id, name);
      // The member is part of the question, so that another's order costs the same as none.
      const [row] = await database
        .select()
        .from(orders)
        .where(and(eq(orders.member, member), named));
      return row && orderView(row);
    },
    orders: (member, page, filter) => orderPage(database, { venue, member }, page, filter),
    legs: (member, page, filter) => legPage(database, { venue, member }, page, filter),
    executions: (member, page, filter) => executionPage(database, { venue, member }, page, filter),
    async ordersOf(ids) {
      const rows = await database
        .select()
        .from(orders)
        .where(inArray(orders.id, [...ids]));
      return new Map(rows.map((row) => [row.id, orderView(row)]));
    },
    async legsOf(orderIds) {
      const rows = await legRows(database)
        .where(and(inArray(legs.orderId, [...orderIds]), lt(legs.number, MAX_NESTED_ROWS + 1)))
        .orderBy(asc(legs.orderId), asc(legs.number));
      return Map.groupBy(rows.map(legView), ({ orderId }) => orderId);
    },
    executionsOf: (orderIds) => firstExecutions(database, orderIds, MAX_NESTED_ROWS),
  };
}

function orderPage(
  database: Database,
  { venue, member }: { readonly venue: VenueId; readonly member: MemberId },
  page: PageRequest,
  filter: OrderFilter,
): Promise<Page<OrderView>> {
  const wanted = orderConditions(member, filter);
  return readPage(page, {
    cursorOf: ({ id }: OrderView) => id,
    keyOf: (cursor) => (isIdOf(venue, cursor, 'order') ? cursor : undefined),
    async read({ newerThan, olderThan }: KeyRange<string>, oldestFirst, limit) {
      const rows = await database
        .select()
        .from(orders)
        .where(
          and(
            ...wanted,
            newerThan === undefined ? undefined : gt(orders.number, placeOf(member, newerThan)),
            olderThan === undefined ? undefined : lt(orders.number, placeOf(member, olderThan)),
          ),
        )
        .orderBy(oldestFirst ? asc(orders.number) : desc(orders.number))
        .limit(limit);
      return rows.map(orderView);
    },
  });
}

function legRows(database: Database) {
  return database
    .select({ leg: legs, instrument: orders.instrument })
    .from(legs)
    .innerJoin(orders, eq(orders.id, legs.orderId))
    .$dynamic();
}

function legPage(
  database: Database,
  { venue, member }: { readonly venue: VenueId; readonly member: MemberId },
  page: PageRequest,
  filter: LegFilter,
): Promise<Page<BlotterLeg>> {
  const wanted = legConditions(member, filter);
  const key = sql`(${orders.number}, ${legs.number})`;
  return readPage(page, {
    cursorOf: ({ orderId, number }: BlotterLeg) => `${orderId}.${number}`,
    keyOf: (cursor) => legKeyIn(cursor, venue),
    async read({ newerThan, olderThan }: KeyRange<LegKey>, oldestFirst, limit) {
      const rowOf = ([orderId, number]: LegKey): SQL =>
        sql`(${placeOf(member, orderId)}, ${number}::bigint)`;
      const direction = oldestFirst ? asc : desc;
      const rows = await legRows(database)
        .where(
          and(
            ...wanted,
            newerThan && sql`${key} > ${rowOf(newerThan)}`,
            olderThan && sql`${key} < ${rowOf(olderThan)}`,
          ),
        )
        .orderBy(direction(orders.number), direction(legs.number))
        .limit(limit);
      return rows.map(legView);
    },
  });
}

/** Order and number of the leg: in this order, each leg of a member has its place. */
type LegKey = readonly [string, number];

function legKeyIn(cursor: string, venue: VenueId): LegKey | undefined {
  const [, orderId = '', number] = /^([^.]+)\.(\d{1,9})$/.exec(cursor) ?? [];
  return isIdOf(venue, orderId, 'order') ? [orderId, Number(number)] : undefined;
}

type LegRow = Awaited<ReturnType<ReturnType<typeof legRows>['execute']>>[number];

function legView({ leg, instrument }: LegRow): BlotterLeg {
  return {
    ...{ instrument, number: leg.number },
    id: leg.id,
    orderId: leg.orderId,
    venue: leg.venue,
    quantity: leg.quantity,
    limitPrice: leg.limitPrice,
    status: leg.status,
    filled: leg.filled,
    reason: leg.reason ?? undefined,
  };
}

/** An order as its row has it; nothing that its legs would have to be read for. */
function orderView(row: typeof orders.$inferSelect): OrderView {
  return {
    id: row.id,
    clientOrderId: row.clientOrderId,
    member: row.member,
    instrument: row.instrument,
    account: row.account,
    ...askedTerms(row),
    quantity: row.quantity,
    limitPrice: row.limitPrice ?? undefined,
    revision: row.revision,
    status: row.status,
    filled: row.filled,
    leaves: row.leaves,
    notional: row.notional,
    reason: row.reason ?? undefined,
    placedAtMs: row.placedAtMs,
  };
}
