import { invariant, type MemberId } from '@stoa/schema';
import { and, asc, desc, eq, or, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../store/database.ts';
import { executions } from '../store/tables/executions.ts';
import { legs } from '../store/tables/legs.ts';
import { orders } from '../store/tables/orders.ts';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import type { BatchRow, LegRow } from './batch-records.ts';
import { isForOperator } from './indexed-conditions.ts';
import { isOpen } from './settlement-state.ts';
import type { QueuedSettlement, SettlementLegView, SettlementView } from './settlement-view.ts';

/** Settlements as those see them whose trades they are: of a batch, their own legs only. */
export interface SettlementReader {
  /** Of each of these orders, which must be the reader's own; an order without any is not in it. */
  forOrders(orderIds: readonly string[]): Promise<ReadonlyMap<string, readonly SettlementView[]>>;
  /** Newest first; `first` settlements at most. */
  forMember(
    member: MemberId,
    query: { readonly batchId?: string; readonly first: number },
  ): Promise<SettlementView[]>;
}

/** The operator's queue: oldest first. */
export interface OperatorQueue {
  read(first: number): Promise<QueuedSettlement[]>;
}

export function createOperatorQueue(db: Database): OperatorQueue {
  return {
    read: async (first) => {
      const rows = await db
        .select()
        .from(settlementBatches)
        .where(isForOperator)
        .orderBy(asc(settlementBatches.createdAtMs), settlementBatches.id)
        .limit(Math.min(Math.max(first, 1), maxFirst));
      return rows.map((row) => ({
        ...{ batchId: row.id, orderId: row.orderId ?? undefined },
        // Netted ones are divided before they come here.
        purpose: row.purpose === 'reverse' ? ('reverse' as const) : ('settle' as const),
        ...{ code: row.code ?? '', reason: row.reason ?? '', attempts: row.attempts },
        ...{ deadline: row.deadline, createdAtMs: row.createdAtMs },
        trades: row.legs.map(({ executingVenue, tradeNumber }) => ({
          ...{ venue: executingVenue, tradeNumber },
        })),
      }));
    },
  };
}

/** A batch has at most so many legs. */
const legsPerBatch = 50;
const maxFirst = 200;

export function createSettlementReader(db: Database): SettlementReader {
  /**
   * Trades with the orders of this node on either side, by way of their executions: the order that
   * rested has no instruction of its own. A trade between two orders of this node comes twice.
   */
  function rowsWhere(condition: SQL | undefined) {
    return db
      .select({ leg: shownOfLeg, orderId: orders.id, batch: shownOfBatch })
      .from(settlementLegs)
      .innerJoin(
        executions,
        and(
          eq(executions.venue, settlementLegs.executingVenue),
          eq(executions.tradeNumber, settlementLegs.tradeNumber),
        ),
      )
      .innerJoin(legs, or(eq(legs.id, executions.buyLegId), eq(legs.id, executions.sellLegId)))
      .innerJoin(orders, eq(orders.id, legs.orderId))
      .leftJoin(settlementBatches, eq(settlementBatches.id, settlementLegs.batchId))
      .where(condition)
      .orderBy(
        desc(settlementLegs.recordedAtMs),
        settlementLegs.executingVenue,
        settlementLegs.tradeNumber,
      )
      .$dynamic();
  }
  type FoundRow = Awaited<ReturnType<ReturnType<typeof rowsWhere>['execute']>>[number];

  function grouped(rows: readonly FoundRow[]): SettlementView[] {
    const groups = new Map<string, SettlementGroup>();
    for (const { leg, orderId, batch } of rows) {
      // Trades in no batch yet are told apart from those that will never be in one.
      const key = `${leg.batchId ?? leg.state} ${orderId}`;
      const group = groups.get(key) ?? { orderId, batch: batch ?? undefined, legs: [] };
      group.legs.push(leg);
      groups.set(key, group);
    }
    return [...groups.values()].map(viewOf);
  }

  // All ids are one parameter, so that it is written once, for any number of them.
  const ofOrders = rowsWhere(sql`${orders.id} = any(${sql.placeholder('orderIds')}::text[])`)
    .limit(sql.placeholder('most'))
    .prepare('settlements_of_orders');

  return {
    async forOrders(orderIds) {
      const most = orderIds.length * maxFirst * legsPerBatch;
      const found = grouped(await ofOrders.execute({ orderIds: [...orderIds], most }));
      return Map.groupBy(found, ({ orderId }) => orderId);
    },
    async forMember(member, { batchId, first }) {
      const id = batchId?.toLowerCase() as `0x${string}` | undefined;
      const inBatch = id === undefined ? undefined : eq(settlementLegs.batchId, id);
      const limit = Math.min(Math.max(first, 1), maxFirst);
      const rows = rowsWhere(and(eq(orders.member, member), inBatch));
      const found = grouped(await rows.limit(limit * legsPerBatch));
      return found.slice(0, limit);
    },
  };
}

/** What is told of a trade. */
const shownOfLeg = {
  executingVenue: settlementLegs.executingVenue,
  tradeNumber: settlementLegs.tradeNumber,
  executionId: settlementLegs.executionId,
  token: settlementLegs.token,
  seller: settlementLegs.seller,
  buyer: settlementLegs.buyer,
  tokenQuantity: settlementLegs.tokenQuantity,
  cashAmount: settlementLegs.cashAmount,
  state: settlementLegs.state,
  batchId: settlementLegs.batchId,
  code: settlementLegs.code,
  reason: settlementLegs.reason,
  transactionHash: settlementLegs.transactionHash,
  blockNumber: settlementLegs.blockNumber,
};

type ShownLeg = Pick<LegRow, keyof typeof shownOfLeg>;

/** What is told of a batch; its messages and signatures are longer than all of it. */
const shownOfBatch = {
  state: settlementBatches.state,
  orderId: settlementBatches.orderId,
  transactionHash: settlementBatches.transactionHash,
  blockNumber: settlementBatches.blockNumber,
  reason: settlementBatches.reason,
  code: settlementBatches.code,
  groups: sql<number>`coalesce(jsonb_array_length(${settlementBatches.groups}), 1)`,
};

type ShownBatch = Pick<
  BatchRow,
  'state' | 'orderId' | 'transactionHash' | 'blockNumber' | 'reason' | 'code'
> & { readonly groups: number };

interface SettlementGroup {
  readonly orderId: string;
  readonly batch: ShownBatch | undefined;
  readonly legs: ShownLeg[];
}

function viewOf(group: SettlementGroup): SettlementView {
  const { batch } = group;
  const [first] = group.legs;
  // Without a batch of ours the trade's own state is all there is.
  const source = batch ?? first;
  invariant(source !== undefined, 'A settlement has legs.');
  return {
    batchId: first?.batchId ?? '',
    orderId: group.orderId,
    state: source.state,
    transactionHash: isBroadcast(source.state) ? (source.transactionHash ?? undefined) : undefined,
    blockNumber: source.blockNumber ?? undefined,
    reason: reasonFor(group.orderId, source, batch),
    code: source.code ?? undefined,
    legs: group.legs.map((leg) => legView(leg, batch)).toSorted(byTrade),
  };
}

/**
 * Why it failed, in full to the order whose batch it was alone. A batch holds trades of others too, and
 * its reason may name their wallets: others, and orders on the other side of a trade, hear the code.
 */
function reasonFor(
  orderId: string,
  { reason, code }: ShownBatch | ShownLeg,
  batch: ShownBatch | undefined,
): string | undefined {
  if (reason === null) return undefined;
  const isOwn = batch?.orderId === orderId && batch.groups === 1;
  if (batch === undefined || isOwn) return reason;
  return `The batch that this trade was in did not settle: ${code ?? 'no code'}.`;
}

/** A transaction that is signed and kept has a hash too, but nobody else can know it yet. */
function isBroadcast(state: LegRow['state']): boolean {
  return state !== 'instructed' && state !== 'affirmed';
}

function byTrade(a: SettlementLegView, b: SettlementLegView): number {
  if (a.venue !== b.venue) return a.venue < b.venue ? -1 : 1;
  return a.tradeNumber - b.tradeNumber;
}

/** On its way a trade stands where its batch stands. */
function legView(leg: ShownLeg, batch: ShownBatch | undefined): SettlementLegView {
  const isOnItsWay = leg.state === 'instructed' && batch !== undefined && isOpen(batch.state);
  return {
    venue: leg.executingVenue,
    executionId: leg.executionId,
    tradeNumber: leg.tradeNumber,
    token: leg.token,
    seller: leg.seller,
    buyer: leg.buyer,
    quantity: leg.tokenQuantity,
    amount: leg.cashAmount,
    state: isOnItsWay ? batch.state : leg.state,
  };
}
