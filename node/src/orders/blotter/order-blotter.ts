import type { InstrumentId, MemberId, VenueId } from '@stoa/schema';
import { and, asc, desc, eq, lte, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
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
import { byPlace, placedWithin, placeOf } from './order-place.ts';
import type { LegView, OrderView } from './order-view.ts';

/** A leg with what its amounts are written in. */
export interface BlotterLeg extends LegView {
  readonly instrument: InstrumentId;
  readonly number: number;
}

/** An order as a member names it: by its id, or by the member's own. */
export interface NamedOrder {
  readonly member: MemberId;
  readonly name: string;
}

/** What a node's brokers read of their orders. Whatever is another member's is as if it were not. */
export interface OrderBlotter {
  order(
    member: MemberId,
    by: { readonly id?: string; readonly clientOrderId?: string },
  ): Promise<OrderView | undefined>;
  /**
   * Orders as members name them, each found for the member alone that names it; under `member name`.
   * However many there are, by whomever: they are one statement.
   */
  ordersNamed(
    by: 'id' | 'clientOrderId',
    named: readonly NamedOrder[],
  ): Promise<ReadonlyMap<string, OrderView>>;
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
  const known = knownStatements(database);
  return {
    async order(member, { id, clientOrderId }) {
      const name = id ?? clientOrderId;
      // What could not be a name is not looked up: the store does not even take some of it.
      if (name === undefined || !CLIENT_ORDER_ID.test(name)) return undefined;
      const [row] = await (id === undefined ? known.byClientId : known.byId).execute({
        member,
        name,
      });
      return row && orderView(row);
    },
    async ordersNamed(by, named) {
      // What could not be a name is not looked up: the store does not even take some of it.
      const asked = named.filter(({ name }) => CLIENT_ORDER_ID.test(name));
      if (asked.length === 0) return new Map();
      const rows = await (by === 'id' ? known.allById : known.allByClientId).execute({
        members: asked.map(({ member }) => member),
        names: asked.map(({ name }) => name),
      });
      return new Map(rows.map((row) => [`${row.member} ${row[by]}`, orderView(row)]));
    },
    orders: (member, page, filter) =>
      orderPage(database, { venue, member, newest: known.newest }, page, filter),
    legs: (member, page, filter) => legPage(database, { venue, member }, page, filter),
    executions: (member, page, filter) => executionPage(database, { venue, member }, page, filter),
    async ordersOf(ids) {
      const rows = await known.byIds.execute({ ids: [...ids] });
      return new Map(rows.map((row) => [row.id, orderView(row)]));
    },
    async legsOf(orderIds) {
      const rows = await known.legsOf.execute({ orderIds: [...orderIds] });
      return Map.groupBy(rows.map(legView), ({ orderId }) => orderId);
    },
    executionsOf: (orderIds) => firstExecutions(database, orderIds, MAX_NESTED_ROWS),
  };
}

/**
 * What nearly everybody asks for, written once: to write a statement costs more than to run it. All of a
 * list's keys are one parameter, so that there is one statement for any number of them.
 */
function knownStatements(database: Database) {
  const { placeholder } = sql;
  const rows = () => database.select(shownOfOrder).from(orders).$dynamic();
  // The member is part of the question, so that another's order costs the same as none.
  const own = eq(orders.member, placeholder('member'));
  const allBy = (name: PgColumn) =>
    rows().innerJoin(
      sql`unnest(${placeholder('members')}::text[], ${placeholder('names')}::text[]) as asked(member, name)`,
      sql`${orders.member} = asked.member and ${name} = asked.name`,
    );
  const nested = and(
    sql`${legs.orderId} = any(${placeholder('orderIds')}::text[])`,
    lte(legs.number, MAX_NESTED_ROWS),
  );
  return {
    byId: rows()
      .where(and(own, eq(orders.id, placeholder('name'))))
      .prepare('order_by_id'),
    byClientId: rows()
      .where(and(own, eq(orders.clientOrderId, placeholder('name'))))
      .prepare('order_by_client_id'),
    allById: allBy(orders.id).prepare('orders_all_by_id'),
    allByClientId: allBy(orders.clientOrderId).prepare('orders_all_by_client_id'),
    byIds: rows()
      .where(sql`${orders.id} = any(${placeholder('ids')}::text[])`)
      .prepare('orders_by_ids'),
    newest: rows()
      .where(own)
      .orderBy(desc(orders.number))
      .limit(placeholder('limit'))
      .prepare('orders_newest'),
    legsOf: legRows(database)
      .where(nested)
      .orderBy(asc(legs.orderId), asc(legs.number))
      .prepare('legs_of_orders'),
  };
}

function orderPage(
  database: Database,
  {
    venue,
    member,
    newest,
  }: {
    readonly venue: VenueId;
    readonly member: MemberId;
    readonly newest: ReturnType<typeof knownStatements>['newest'];
  },
  page: PageRequest,
  filter: OrderFilter,
): Promise<Page<OrderView>> {
  const wanted = orderConditions(member, filter);
  const isFiltered = Object.values(filter).some((value) => value !== undefined && value !== false);
  return readPage(page, {
    cursorOf: ({ id }: OrderView) => id,
    keyOf: (cursor) => (isIdOf(venue, cursor, 'order') ? cursor : undefined),
    async read(range: KeyRange<string>, oldestFirst, limit) {
      const isWhole = range.newerThan === undefined && range.olderThan === undefined;
      if (isWhole && !isFiltered && !oldestFirst) {
        return (await newest.execute({ member, limit })).map(orderView);
      }
      const rows = await database
        .select(shownOfOrder)
        .from(orders)
        .where(and(...wanted, ...placedWithin(member, range)))
        .orderBy(byPlace(oldestFirst))
        .limit(limit);
      return rows.map(orderView);
    },
  });
}

function legRows(database: Database) {
  return database
    .select({ ...shownOfLeg, instrument: orders.instrument })
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

function legView(row: LegRow): BlotterLeg {
  return { ...row, reason: row.reason ?? undefined };
}

/** What of a row a leg's view says. */
const shownOfLeg = {
  ...{ id: legs.id, orderId: legs.orderId, number: legs.number, venue: legs.venue },
  ...{ quantity: legs.quantity, limitPrice: legs.limitPrice },
  ...{ status: legs.status, filled: legs.filled, reason: legs.reason },
};

/** What of a row an order's view says: to read the others of its columns costs as much again. */
const shownOfOrder = {
  ...{ id: orders.id, clientOrderId: orders.clientOrderId, member: orders.member },
  ...{ instrument: orders.instrument, account: orders.account, side: orders.side },
  ...{ type: orders.type, timeInForce: orders.timeInForce, expireAtMs: orders.expireAtMs },
  ...{ minQuantity: orders.minQuantity, allOrNone: orders.allOrNone, strategy: orders.strategy },
  ...{ directedTo: orders.directedTo, remainder: orders.remainder, quoteId: orders.quoteId },
  ...{ cancelOnDisconnect: orders.cancelOnDisconnect, quantity: orders.quantity },
  ...{ limitPrice: orders.limitPrice, revision: orders.revision, status: orders.status },
  ...{ filled: orders.filled, leaves: orders.leaves, notional: orders.notional },
  ...{ reason: orders.reason, placedAtMs: orders.placedAtMs },
};

type OrderRow = Pick<typeof orders.$inferSelect, keyof typeof shownOfOrder>;

/** An order as its row has it; nothing that its legs would have to be read for. */
function orderView(row: OrderRow): OrderView {
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
