import { type FixVersion, type MessageWriter, TAG } from '@stoa/adapters';
import { formatDecimal, type OrderStatus } from '@stoa/schema';
import { leavesOf, type OrderState } from '../orders/life/order-state.ts';
import { cancelRejectReason } from './entry-reasons.ts';
import type { NamedInstrument } from './entry-symbols.ts';
import type { ExecType, OrderReport, ReportedOrder } from './reported-order.ts';

/** What reports are written with. */
export interface ReportTerms extends NamedInstrument {
  readonly version: FixVersion;
  /** The member's own names of its wallets. */
  readonly accountNames: ReadonlyMap<string, string>;
  /** When it happened, Unix milliseconds. */
  readonly atMs: number;
}

/** ExecType(150) of FIX 4.4. */
const EXEC_TYPES: Readonly<Record<ExecType, string>> = {
  ...{ 'pending-new': 'A', new: '0', trade: 'F', 'trade-cancel': 'H', 'trade-correct': 'G' },
  ...{ 'done-for-day': '3', suspended: '9', restated: 'D', 'pending-cancel': '6', canceled: '4' },
  ...{ 'pending-replace': 'E', replaced: '5', rejected: '8', expired: 'C' },
};

/** OrdStatus(39). */
const STATUSES: Readonly<Record<Exclude<OrderStatus, 'unknown'>, string>> = {
  ...{ 'pending-new': 'A', new: '0', 'partially-filled': '1', filled: '2', 'done-for-day': '3' },
  ...{ 'pending-cancel': '6', 'pending-replace': 'E', canceled: '4', rejected: '8' },
  ...{ suspended: '9', expired: 'C' },
};

/** ExecTransType(20) of FIX 4.2. */
const TRANSACTIONS: Readonly<Record<string, string>> = { H: '1', G: '2', I: '3' };

/** Digits of AvgPx(6) beyond those of the instrument's prices. */
const AVERAGE_DIGITS = 4;

/** ExecutionReport(8) or OrderCancelReject(9), as {@link OrderReport} says; with its ids. */
export function writeReport(
  writer: MessageWriter,
  report: OrderReport,
  execId: string,
  terms: ReportTerms,
): void {
  if (report.kind === 'cancel-reject') {
    const reason = report.isTooLate ? 'ORDER_DONE' : 'NOT_CANCELED';
    writeCancelReject(writer, { ...report, reason, text: report.order.state.reason }, terms);
    return;
  }
  const { order, execType, clientOrderId, origClientOrderId, trade } = report;
  writer.text(TAG.OrderID, order.state.id).text(TAG.ClOrdID, clientOrderId);
  if (origClientOrderId !== undefined) writer.text(TAG.OrigClOrdID, origClientOrderId);
  writer.text(TAG.ExecID, execId);
  const { id } = order.state;
  if (trade && execType !== 'trade') {
    writer.text(TAG.ExecRefID, tradeExecId(id, trade.executionId));
  }
  writeState(writer, order, EXEC_TYPES[execType], terms);
  if (trade) {
    const { priceDecimals, quantityDecimals } = terms.instrument;
    writer.decimal(TAG.LastQty, trade.quantity, quantityDecimals);
    writer.decimal(TAG.LastPx, trade.price, priceDecimals);
    if (terms.version !== 'FIX.4.2') writer.text(TAG.TrdMatchID, trade.executionId);
  }
  if (execType === 'restated') writer.int(TAG.ExecRestatementReason, 4);
  if (execType === 'rejected') {
    writer.int(TAG.OrdRejReason, terms.version === 'FIX.4.2' ? 0 : 99);
  }
  const told = ['canceled', 'rejected', 'expired'].includes(execType);
  if (told && order.state.reason !== undefined) writeText(writer, order.state.reason);
}

/** ExecID(17): a trade's is the same whenever it is told, and its bust and correction name it. */
export function execIdOf(report: OrderReport, orderSequence: number, part: number): string {
  const { id } = report.order.state;
  const isTrade = report.kind === 'execution' && report.execType === 'trade' && report.trade;
  return isTrade ? tradeExecId(id, isTrade.executionId) : `${id}#${orderSequence}.${part}`;
}

/** Two orders of one member may have traded with each other: each has its own ExecID of that. */
function tradeExecId(orderId: string, executionId: string): string {
  return `${executionId}@${orderId}`;
}

/** How an order stands: ExecutionReport(8) that nothing happened for. FIX ExecType(150) I. */
export function writeStatus(
  writer: MessageWriter,
  order: ReportedOrder,
  statusRequestId: string | undefined,
  terms: ReportTerms,
): void {
  writer.text(TAG.OrderID, order.state.id).text(TAG.ClOrdID, order.clientOrderId);
  if (statusRequestId !== undefined) writer.text(TAG.OrdStatusReqID, statusRequestId);
  writer.text(TAG.ExecID, '0');
  writeState(writer, order, 'I', terms);
}

/** What refuses a request about an order, with that order where there is one. */
export interface CancelRefusal {
  readonly responseTo: 'cancel' | 'replace';
  readonly clientOrderId: string;
  /** OrigClOrdID(41) as it was sent, where the order is not known. */
  readonly origClientOrderId?: string;
  readonly order: ReportedOrder | undefined;
  readonly reason: string;
  readonly text: string | undefined;
}

/** OrderCancelReject(9). */
export function writeCancelReject(
  writer: MessageWriter,
  { responseTo, clientOrderId, origClientOrderId = '', order, reason, text }: CancelRefusal,
  { version, atMs }: Pick<ReportTerms, 'version' | 'atMs'>,
): void {
  writer.text(TAG.OrderID, order?.state.id ?? 'NONE').text(TAG.ClOrdID, clientOrderId);
  writer.text(TAG.OrigClOrdID, order?.clientOrderId ?? origClientOrderId);
  writer.text(TAG.OrdStatus, order ? statusOf(order) : '8').time(TAG.TransactTime, atMs);
  writer.text(TAG.CxlRejResponseTo, responseTo === 'cancel' ? '1' : '2');
  writer.int(TAG.CxlRejReason, cancelRejectReason(reason, version));
  if (text !== undefined) writeText(writer, text);
}

/** Text(58): our sentences have signs that FIX has not. */
export function writeText(writer: MessageWriter, text: string): void {
  const plain = text.replaceAll('’', "'").replaceAll(/[^ -~\xa0-\xff]/g, '?');
  if (plain !== '') writer.text(TAG.Text, plain.slice(0, 512));
}

function writeState(
  writer: MessageWriter,
  order: ReportedOrder,
  execType: string,
  { version, instrument, symbol, atMs, accountNames }: ReportTerms,
): void {
  const { state, account } = order;
  const { priceDecimals, quantityDecimals } = instrument;
  const status = statusOf(order);
  if (version === 'FIX.4.2') {
    const transaction = TRANSACTIONS[execType] ?? '0';
    writer.text(TAG.ExecTransType, transaction);
    // 4.2 says in ExecType(150) how the order stands, where 4.4 says that it traded.
    const traded = execType === 'F' ? (state.filled < state.quantity ? '1' : '2') : execType;
    const isReplaced = execType === '5' && (status === '0' || status === '1');
    writer.text(TAG.ExecType, transaction === '0' ? traded : status);
    writer.text(TAG.OrdStatus, isReplaced ? '5' : status);
  } else writer.text(TAG.ExecType, execType).text(TAG.OrdStatus, status);
  writer.text(TAG.Account, accountNames.get(account) ?? account).text(TAG.Symbol, symbol);
  writer.text(TAG.Side, state.side === 'buy' ? '1' : '2');
  writer.decimal(TAG.OrderQty, state.quantity, quantityDecimals);
  writer.text(TAG.OrdType, state.type === 'market' ? '1' : '2');
  if (state.limitPrice !== undefined) writer.decimal(TAG.Price, state.limitPrice, priceDecimals);
  writer.decimal(TAG.LeavesQty, leavesOf(state), quantityDecimals);
  writer.decimal(TAG.CumQty, state.filled, quantityDecimals);
  writer.text(TAG.AvgPx, averageOf(state, priceDecimals)).time(TAG.TransactTime, atMs);
}

/** What a member may take an order for that nobody knows of: as it was when it was last heard of. */
function statusOf({ state, isAcknowledged }: ReportedOrder): string {
  if (state.status !== 'unknown') return STATUSES[state.status];
  if (state.filled > 0) return STATUSES['partially-filled'];
  return isAcknowledged ? STATUSES.new : STATUSES['pending-new'];
}

/** Exact where it ends within a few more digits than prices have, else rounded half up. */
function averageOf({ notional, filled }: OrderState, priceDecimals: number): string {
  if (filled === 0) return '0';
  const scaled = notional * 10n ** BigInt(AVERAGE_DIGITS);
  const average = (2n * scaled + BigInt(filled)) / (2n * BigInt(filled));
  return formatDecimal(average, priceDecimals + AVERAGE_DIGITS);
}
