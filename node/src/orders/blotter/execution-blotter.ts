import type { Execution, MemberId, VenueId } from '@stoa/schema';
import { and, asc, desc, eq, inArray, lte, or, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../store/database.ts';
import { executionChanges } from '../../store/tables/execution-changes.ts';
import { executions } from '../../store/tables/executions.ts';
import { legs } from '../../store/tables/legs.ts';
import { orders } from '../../store/tables/orders.ts';
import { isIdOf } from '../id-codes.ts';
import {
  type ExecutionFilter,
  type ExecutionState,
  executionConditions,
} from './blotter-filter.ts';
import { type KeyRange, type Page, type PageRequest, readPage } from './keyset-page.ts';
import { placeOf } from './order-place.ts';

/** An execution of one of a member's orders: as it stands, or, where it was busted, as it stood. */
export interface BlotterExecution
  extends Pick<
    Execution,
    'venue' | 'executionId' | 'tradeNumber' | 'instrument' | 'price' | 'quantity' | 'executedAtMs'
  > {
  readonly orderId: string;
  readonly legId: string;
  readonly state: ExecutionState;
  /** Why it was busted, where the venue said so. */
  readonly reason: string | undefined;
  readonly legNumber: number;
  readonly recordedAtMs: number;
}

/** Order, moment of recording, venue, trade, leg: in this order, each execution of a member has its place. */
type ExecutionKey = readonly [string, number, string, number, number];

/** One page of a member's executions: those of its newest order first. */
export function executionPage(
  database: Database,
  { venue, member }: { readonly venue: VenueId; readonly member: MemberId },
  page: PageRequest,
  filter: ExecutionFilter,
): Promise<Page<BlotterExecution>> {
  const change = latestChange(database);
  const wanted = executionConditions(member, filter, change.kind);
  const columns = [
    orders.number,
    executions.recordedAtMs,
    executions.venue,
    executions.tradeNumber,
    legs.number,
  ];
  const key = sql`(${sql.join(columns, sql`, `)})`;
  return readPage(page, {
    cursorOf,
    keyOf: (cursor) => keyIn(cursor, venue),
    async read({ newerThan, olderThan }: KeyRange<ExecutionKey>, oldestFirst, limit) {
      const rows = await executionRows(database, change)
        .where(
          and(
            ...wanted,
            newerThan && sql`${key} > ${rowOf(member, newerThan)}`,
            olderThan && sql`${key} < ${rowOf(member, olderThan)}`,
          ),
        )
        .orderBy(...columns.map((column) => (oldestFirst ? asc(column) : desc(column))))
        .limit(limit);
      return rows.map(executionOf);
    },
  });
}

/** The first executions of each order, as they were recorded. */
export async function firstExecutions(
  database: Database,
  orderIds: readonly string[],
  most: number,
): Promise<ReadonlyMap<string, readonly BlotterExecution[]>> {
  const found = new Map<string, readonly BlotterExecution[]>();
  if (orderIds.length === 0) return found;
  const order = [executions.recordedAtMs, executions.venue, executions.tradeNumber].map(asc);
  const rank = sql<number>`row_number() over (partition by ${legs.orderId} order by ${sql.join(order, sql`, `)})`;
  const ranked = executionRows(database, latestChange(database), rank)
    .where(inArray(legs.orderId, [...orderIds]))
    .as('ranked');
  const rows = await database
    .select()
    .from(ranked)
    .where(lte(ranked.rank, most))
    .orderBy(asc(ranked.orderId), asc(ranked.rank));
  return Map.groupBy(rows.map(executionOf), ({ orderId }) => orderId);
}

/** What last became of each trade, under names of its own: it stands beside the trade as first told. */
function latestChange(database: Database) {
  return database
    .select({
      kind: sql<'busted' | 'corrected' | null>`${executionChanges.kind}`.as('change_kind'),
      price: sql<string | null>`${executionChanges.price}`.as('change_price'),
      quantity: sql<string | null>`${executionChanges.quantity}`.as('change_quantity'),
      reason: sql<string | null>`${executionChanges.reason}`.as('change_reason'),
    })
    .from(executionChanges)
    .where(
      and(
        eq(executionChanges.venue, executions.venue),
        eq(executionChanges.executionId, executions.executionId),
      ),
    )
    .orderBy(desc(executionChanges.revision))
    .limit(1)
    .as('change');
}

function executionRows(
  database: Database,
  change: ReturnType<typeof latestChange>,
  rank: SQL<number> = sql<number>`0`,
) {
  return database
    .select({
      venue: executions.venue,
      executionId: executions.executionId,
      tradeNumber: executions.tradeNumber,
      instrument: executions.instrument,
      price: executions.price,
      quantity: executions.quantity,
      executedAtMs: executions.executedAtMs,
      recordedAtMs: executions.recordedAtMs,
      orderId: legs.orderId,
      legId: sql<string>`${legs.id}`.as('leg_id'),
      legNumber: sql<string>`${legs.number}`.as('leg_number'),
      changeKind: change.kind,
      changePrice: change.price,
      changeQuantity: change.quantity,
      changeReason: change.reason,
      rank: rank.as('rank'),
    })
    .from(orders)
    .innerJoin(legs, eq(legs.orderId, orders.id))
    .innerJoin(executions, or(eq(executions.buyLegId, legs.id), eq(executions.sellLegId, legs.id)))
    .leftJoinLateral(change, sql`true`)
    .$dynamic();
}

type ExecutionRow = Awaited<ReturnType<ReturnType<typeof executionRows>['execute']>>[number];

function executionOf(row: ExecutionRow): BlotterExecution {
  const { changeKind, changePrice, changeQuantity, changeReason } = row;
  const corrected = changeKind === 'corrected';
  return {
    venue: row.venue,
    executionId: row.executionId,
    tradeNumber: row.tradeNumber,
    instrument: row.instrument,
    price: corrected ? Number(changePrice) : row.price,
    quantity: corrected ? Number(changeQuantity) : row.quantity,
    executedAtMs: row.executedAtMs,
    orderId: row.orderId,
    legId: row.legId,
    state: changeKind ?? 'stands',
    reason: changeReason ?? undefined,
    legNumber: Number(row.legNumber),
    recordedAtMs: row.recordedAtMs,
  };
}

function rowOf(member: MemberId, [orderId, recordedAtMs, venue, trade, leg]: ExecutionKey): SQL {
  return sql`(${placeOf(member, orderId)}, ${recordedAtMs}::bigint, ${venue}::text, ${trade}::bigint, ${leg}::integer)`;
}

function cursorOf(row: BlotterExecution): string {
  const { orderId, recordedAtMs, venue, tradeNumber, legNumber } = row;
  return [orderId, recordedAtMs, venue, tradeNumber, legNumber].join('.');
}

function keyIn(cursor: string, home: VenueId): ExecutionKey | undefined {
  // Member ids and order ids have no dots.
  const match = /^([^.]+)\.(\d{1,15})\.([a-z0-9-]{1,64})\.(\d{1,15})\.(\d{1,9})$/.exec(cursor);
  const [, orderId = '', recordedAtMs, venue = '', trade, leg] = match ?? [];
  if (!isIdOf(home, orderId, 'order')) return undefined;
  return [orderId, Number(recordedAtMs), venue, Number(trade), Number(leg)];
}
