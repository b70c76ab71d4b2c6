import type { InstrumentId, MemberId, VenueId } from '@stoa/schema';
import { and, asc, desc, eq, inArray, lt, sql } from 'drizzle-orm';
import type { Database } from '../../store/database.ts';
import { legs } from '../../store/tables/legs.ts';
import { orders } from '../../store/tables/orders.ts';
import { CLIENT_ORDER_ID } from '../terms/order-validation.ts';
import {
  type ExecutionFilter,
  type LegFilter,
  legConditions,
  type OrderFilter,
  orderConditions,
} from './blotter-filter.ts';
import { type BlotterExecution, executionPage, firstExecutions } from './execution-blotter.ts';
import {
  type KeyRange,
  orderNumberIn,
  type Page,
  type PageRequest,
  readPage,
} from './keyset-page.ts';
import type { LegView, OrderView } from './order-view.ts';

/** A leg with what its amounts are written in. */
export interface BlotterLeg extends LegView {
  readonly instrument: InstrumentId;
  readonly number: number;
  readonly orderNumber: number;
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
    legs: (member, page, filter) => legPage(database, member, page, filter),
    executions: (member, page, filter) => executionPage(database, member, page, filter),
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
    // The cursor of an order is its id: newer orders have higher numbers.
    keyOf: (cursor) => orderNumberIn(cursor, venue),
    async read({ newerThan, olderThan }: KeyRange<number>, oldestFirst, limit) {
      const rows = await database
        .select()
        .from(orders)
        .where(
          and(
            ...wanted,
            newerThan === undefined ? undefined : sql`${orders.number} > ${newerThan}`,
            olderThan === undefined ? undefined : lt(orders.number, olderThan),
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
    .select({ leg: legs, instrument: orders.instrument, orderNumber: orders.number })
    .from(legs)
    .innerJoin(orders, eq(orders.id, legs.orderId))
    .$dynamic();
}

function legPage(
  database: Database,
  member: MemberId,
  page: PageRequest,
  filter: LegFilter,
): Promise<Page<BlotterLeg>> {
  const wanted = legConditions(member, filter);
  const key = sql`(${orders.number}, ${legs.number})`;
  return readPage(page, {
    cursorOf: ({ orderNumber, number }: BlotterLeg) => `${orderNumber}.${number}`,
    keyOf: (cursor) => numbersIn(cursor),
    async read({ newerThan, olderThan }: KeyRange<readonly number[]>, oldestFirst, limit) {
      const direction = oldestFirst ? asc : desc;
      const rows = await legRows(database)
        .where(
          and(
            ...wanted,
            newerThan && sql`${key} > (${newerThan[0]}::bigint, ${newerThan[1]}::bigint)`,
            olderThan && sql`${key} < (${olderThan[0]}::bigint, ${olderThan[1]}::bigint)`,
          ),
        )
        .orderBy(direction(orders.number), direction(legs.number))
        .limit(limit);
      return rows.map(legView);
    },
  });
}

function numbersIn(cursor: string): readonly [number, number] | undefined {
  const match = /^(\d{1,15})\.(\d{1,9})$/.exec(cursor);
  return match ? [Number(match[1]), Number(match[2])] : undefined;
}

type LegRow = Awaited<ReturnType<ReturnType<typeof legRows>['execute']>>[number];

function legView({ leg, instrument, orderNumber }: LegRow): BlotterLeg {
  return {
    ...{ instrument, orderNumber, number: leg.number },
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
    side: row.side,
    type: row.type,
    timeInForce: row.timeInForce,
    expireAtMs: row.expireAtMs ?? undefined,
    quantity: row.quantity,
    limitPrice: row.limitPrice ?? undefined,
    revision: row.revision,
    minQuantity: row.minQuantity ?? undefined,
    allOrNone: row.allOrNone,
    strategy: row.strategy,
    directedTo: row.directedTo ?? undefined,
    remainder: row.remainder,
    cancelOnDisconnect: row.cancelOnDisconnect,
    quoteId: row.quoteId ?? undefined,
    status: row.status,
    filled: row.filled,
    leaves: row.leaves,
    notional: row.notional,
    reason: row.reason ?? undefined,
    placedAtMs: row.placedAtMs,
  };
}
