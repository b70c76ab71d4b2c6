import { type Execution, type MemberId, type Side, type VenueId } from '@stoa/schema';
import { and, desc, eq, inArray, sql } from 'drizzle-orm';
import type { Transaction } from '../store/database.ts';
import { storableText } from '../store/storable-text.ts';
import { orderEvents } from '../store/tables/order-events.ts';
import type { LegReport, ToldReport, TradeReport } from './leg-reports.ts';
import type { IgnoredCode, LegState, OrderEvent } from './life/order-state.ts';
import type { StoredOrder } from './order-rows.ts';
import type { TradeBook, TradeStanding } from './trade-book.ts';

/** A trade that settles for one of this node's orders. */
export interface SettlingTrade {
  readonly orderId: string;
  readonly legId: string;
  readonly execution: Execution;
}

/** Settlement, as far as orders call it. */
export interface OrderSettlement {
  /** Within the transaction that records the executions, which this node settles. */
  instruct(tx: Transaction, trades: readonly SettlingTrade[]): Promise<void>;
  /** Within the transaction that records a fill of an order, or what its venue made of it since. */
  filled(tx: Transaction, trade: Execution, side: Side): void;
  /** Within the transaction that records that a trade is no more, or is another. */
  withdraw(
    tx: Transaction,
    trade: Pick<Execution, 'venue' | 'tradeNumber'>,
    reason: string,
  ): Promise<'withdrawn' | 'in-settlement'>;
}

/** A report with the order and the leg that it is about. */
export interface LegTold {
  readonly order: StoredOrder;
  readonly leg: LegState;
  readonly from: MemberId;
  readonly settles: boolean;
}

/** What a report says that cannot be true. */
export type Contradiction =
  | IgnoredCode
  | 'EXECUTION_IMPLAUSIBLE'
  | 'EXECUTION_REUSED'
  | 'TRADE_NUMBER_REUSED';

/** What an execution id may consist of: it goes into the store and onto screens. */
const PRINTABLE = /^[\x21-\x7e]{1,64}$/;

const CONTRADICTIONS: Readonly<Partial<Record<TradeStanding, Contradiction>>> = {
  'id-reused': 'EXECUTION_REUSED',
  'number-reused': 'TRADE_NUMBER_REUSED',
};

/** How a fill stands to what is recorded, or why it cannot be believed. */
export function fillStanding(
  home: VenueId,
  { order, leg, from }: LegTold,
  execution: Execution,
  trades: TradeBook | undefined,
): TradeStanding | { readonly contradiction: Contradiction } {
  const { side } = order.state;
  const account = side === 'buy' ? execution.buyer : execution.seller;
  // What takes liquidity elsewhere is settled from here; what waits there may be settled by its taker.
  const settledHere = execution.homeVenue === home || leg.purpose === 'rest';
  const plausible =
    execution.venue === from &&
    execution.instrument === order.instrument &&
    PRINTABLE.test(execution.executionId) &&
    account.toLowerCase() === order.account &&
    (from === home || settledHere);
  if (!plausible) return { contradiction: 'EXECUTION_IMPLAUSIBLE' };
  const standing = trades?.standingOf(execution, leg.id, side) ?? 'new';
  const contradiction = CONTRADICTIONS[standing];
  return contradiction ? { contradiction } : standing;
}

/** What a bust or correction means for the order, or why it cannot be believed. */
export async function tradeEventOf(
  tx: Transaction,
  { order, leg }: LegTold,
  report: TradeReport,
  trades: TradeBook,
): Promise<OrderEvent | { readonly contradiction: Contradiction }> {
  const executionId = executionIdOf(report);
  const trade = trades.standing(executionId)?.trade;
  const legId = order.state.side === 'buy' ? trade?.buyLegId : trade?.sellLegId;
  if (!trade || legId !== leg.id) return { contradiction: 'TRADE_UNKNOWN' };
  const was = (await lastToldOf(tx, order.state.id, leg.id, executionId)) ?? trade;
  const { venue } = trade;
  if (report.kind === 'leg-trade-busted') {
    if (was.quantity === 0) return { contradiction: 'DUPLICATE' };
    const reason = storableText(report.reason);
    const { price, quantity } = was;
    return { kind: 'trade-busted', legId: leg.id, venue, executionId, price, quantity, reason };
  }
  const { execution } = report;
  const { price, quantity } = execution;
  // Who traded what with whom is never corrected: that would be another trade.
  const sameTrade =
    execution.venue === venue &&
    execution.tradeNumber === trade.tradeNumber &&
    execution.instrument === trade.instrument &&
    execution.homeVenue === trade.homeVenue &&
    execution.buyer.toLowerCase() === trade.buyer.toLowerCase() &&
    execution.seller.toLowerCase() === trade.seller.toLowerCase();
  if (!sameTrade) return { contradiction: 'EXECUTION_IMPLAUSIBLE' };
  if (was.quantity === 0) return { contradiction: 'TRADE_UNKNOWN' };
  if (was.price === price && was.quantity === quantity) return { contradiction: 'DUPLICATE' };
  const before = { price: was.price, quantity: was.quantity };
  const fixed = { legId: leg.id, venue, executionId, price, quantity };
  return { kind: 'trade-corrected', ...fixed, was: before };
}

/** What a report about a trade says that stands of it now. */
export function toldTerms(report: TradeReport) {
  if (report.kind === 'leg-trade-corrected') {
    const { price, quantity } = report.execution;
    return { price, quantity };
  }
  return { price: 0, quantity: 0, reason: storableText(report.reason) };
}

/** The trade that a report names. */
export function executionIdOf(report: TradeReport): string {
  return report.kind === 'leg-trade-busted' ? report.executionId : report.execution.executionId;
}

/** Executions among reports whose ids the store can take. */
export function executionsOf(told: readonly ToldReport[]): Execution[] {
  return told.flatMap(({ report }: { readonly report: LegReport }) =>
    report.kind === 'leg-executed' && PRINTABLE.test(report.execution.executionId)
      ? [report.execution]
      : [],
  );
}

/** What was told of a trade to this leg last; undefined where it is as it was executed. */
async function lastToldOf(
  tx: Transaction,
  orderId: string,
  legId: string,
  executionId: string,
): Promise<{ readonly price: number; readonly quantity: number } | undefined> {
  const [row] = await tx
    .select({ kind: orderEvents.kind, data: orderEvents.data })
    .from(orderEvents)
    .where(
      and(
        eq(orderEvents.orderId, orderId),
        inArray(orderEvents.kind, ['trade-busted', 'trade-corrected']),
        sql`${orderEvents.data} ->> 'legId' = ${legId}`,
        sql`${orderEvents.data} ->> 'executionId' = ${executionId}`,
      ),
    )
    .orderBy(desc(orderEvents.sequence))
    .limit(1);
  if (!row) return undefined;
  if (row.kind === 'trade-busted') return { price: 0, quantity: 0 };
  return { price: Number(row.data['price']), quantity: Number(row.data['quantity']) };
}
