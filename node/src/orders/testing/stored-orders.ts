import { sql } from 'drizzle-orm';
import type { Database } from '../../store/database.ts';
import { executions } from '../../store/tables/executions.ts';
import { legs } from '../../store/tables/legs.ts';
import { memberSequences } from '../../store/tables/member-sequences.ts';
import { orderEvents } from '../../store/tables/order-events.ts';
import { orders } from '../../store/tables/orders.ts';
import { BROKER_WALLET, INSTRUMENT } from './test-network.ts';

type OrderRow = typeof orders.$inferInsert;
type LegRow = typeof legs.$inferInsert;
type ExecutionRow = typeof executions.$inferInsert;

/** Stores an order of `alpha` as no order service would: whatever the test needs of it. */
export async function storeOrder(
  database: Database,
  number: number,
  other: Partial<OrderRow> = {},
): Promise<OrderRow> {
  const quantity = other.quantity ?? 100;
  const filled = other.filled ?? 0;
  const row: OrderRow = {
    id: `alpha-${number}`,
    number,
    clientOrderId: `order-${number}`,
    member: 'broker',
    instrument: INSTRUMENT.id,
    account: BROKER_WALLET,
    side: 'buy',
    type: 'limit',
    timeInForce: 'day',
    quantity,
    limitPrice: 1_000,
    placedQuantity: quantity,
    status: 'new',
    filled,
    leaves: other.status && CLOSED.has(other.status) ? 0 : quantity - filled,
    notional: BigInt(filled) * 1_000n,
    cancelRequested: false,
    groupOpen: false,
    lastEvent: 0,
    placedAtMs: number * 1_000,
    ...other,
  };
  await database.insert(orders).values(row);
  return row;
}

const CLOSED: ReadonlySet<string> = new Set(['filled', 'canceled', 'rejected', 'expired']);

/** Stores the leg of a number of an order. */
export async function storeLeg(
  database: Database,
  orderId: string,
  number: number,
  other: Partial<LegRow> = {},
): Promise<LegRow> {
  const row: LegRow = {
    id: `${orderId}.${number}.1`,
    orderId,
    number,
    ...{ round: 1, purpose: 'route', venue: 'beta', timeInForce: 'ioc' },
    ...{ quantity: 50, limitPrice: 1_000, status: 'new', filled: 0, sentAtMs: 0 },
    ...other,
  };
  await database.insert(legs).values(row);
  return row;
}

/** Stores a trade of `beta`. */
export async function storeExecution(
  database: Database,
  tradeNumber: number,
  other: Partial<ExecutionRow>,
): Promise<ExecutionRow> {
  const row: ExecutionRow = {
    ...{ venue: 'beta', executionId: `beta-${tradeNumber}`, tradeNumber },
    ...{ instrument: INSTRUMENT.id, price: 1_000, quantity: 10, homeVenue: 'alpha' },
    ...{ buyer: BROKER_WALLET, seller: '0x0000000000000000000000000000000000000001' },
    ...{ executedAtMs: tradeNumber * 1_000, recordedAtMs: tradeNumber * 1_000 + 5 },
    ...other,
  };
  await database.insert(executions).values(row);
  return row;
}

/**
 * Stores events of a member as order work does: numbered under the member's row, which is held until
 * the commit. Their order is the test's.
 */
export function storeEvents(
  database: Database,
  member: string,
  events: readonly { readonly orderId: string; readonly data?: Record<string, unknown> }[],
  beforeCommit: () => Promise<void> = async () => undefined,
): Promise<void> {
  return database.transaction(async (tx) => {
    const [row] = await tx
      .insert(memberSequences)
      .values({ member, last: events.length })
      .onConflictDoUpdate({
        target: memberSequences.member,
        set: { last: sql`${memberSequences.last} + ${events.length}` },
      })
      .returning();
    const last = row?.last ?? 0;
    const rows = events.map(({ orderId, data = {} }, index) => {
      const memberSequence = last - events.length + index + 1;
      return {
        ...{ orderId, member, memberSequence, sequence: memberSequence, data },
        ...{ kind: 'leg-executed', status: 'new' as const, quantity: 100, filled: 10 },
        atMs: memberSequence * 1_000,
      };
    });
    await tx.insert(orderEvents).values(rows);
    await beforeCommit();
  });
}
