import type { Instrument, OrderStatus } from '@stoa/schema';
import type { Dialect } from '../dialect/dialect.ts';
import { readDecimal } from '../wire/decimal-field.ts';
import type { FixFields } from '../wire/fix-fields.ts';
import { TAG } from '../wire/tags.ts';
import { readTimestamp } from '../wire/utc-timestamp.ts';

/** What an ExecutionReport(8) is about, whichever version says it. */
export type ReportKind =
  | 'new'
  | 'fill'
  | 'bust'
  | 'correct'
  | 'done-for-day'
  | 'canceled'
  | 'replaced'
  | 'rejected'
  | 'expired'
  | 'status'
  | 'ignored';

/** An ExecutionReport(8), in the instrument's units. Amounts that are not exact are negative. */
export interface ExecutionReport {
  readonly kind: ReportKind;
  readonly executionId: string;
  /** Of the execution that is undone or corrected. */
  readonly refersTo: string | undefined;
  readonly venueOrderId: string | undefined;
  readonly status: OrderStatus | undefined;
  readonly quantity: number | undefined;
  readonly limitPrice: number | undefined;
  readonly lastQuantity: number | undefined;
  readonly lastPrice: number | undefined;
  readonly filled: number | undefined;
  readonly contra: string | undefined;
  readonly reason: string | undefined;
  readonly text: string | undefined;
  readonly atMs: number | undefined;
}

/** OrdStatus(39). Stopped(7), calculated(B) and accepted for bidding(D) say nothing that we have a word for. */
const ORDER_STATUSES: Readonly<Record<string, OrderStatus>> = {
  '0': 'new',
  '1': 'partially-filled',
  '2': 'filled',
  '3': 'done-for-day',
  '4': 'canceled',
  '5': 'new',
  '6': 'pending-cancel',
  '8': 'rejected',
  '9': 'suspended',
  A: 'pending-new',
  C: 'expired',
  E: 'pending-replace',
};

/** ExecType(150). 1 and 2 are FIX 4.2's, F, G, H and I those of 4.3 and later; each is read in all. */
const KINDS: Readonly<Record<string, ReportKind>> = {
  '0': 'new',
  '1': 'fill',
  '2': 'fill',
  '3': 'done-for-day',
  '4': 'canceled',
  '5': 'replaced',
  '8': 'rejected',
  '9': 'status',
  C: 'expired',
  D: 'status',
  F: 'fill',
  G: 'correct',
  H: 'bust',
  I: 'status',
};

/** ExecTransType(20) of FIX 4.2: cancel, correct, status. */
const TRANSACTIONS: Readonly<Record<string, ReportKind>> = {
  '1': 'bust',
  '2': 'correct',
  '3': 'status',
};

export function readExecutionReport(
  fields: FixFields,
  { priceDecimals, quantityDecimals }: Instrument,
  { reports }: Dialect,
): ExecutionReport {
  const amount = (tag: number, decimals: number): number | undefined => {
    const index = fields.find(tag);
    if (index < 0) return undefined;
    const { bytes, starts, ends } = fields;
    return readDecimal(bytes, starts[index] as number, ends[index] as number, decimals);
  };
  const transaction = fields.text(TAG.ExecTransType) ?? '';
  const time = fields.text(TAG.TransactTime);
  return {
    kind: TRANSACTIONS[transaction] ?? KINDS[fields.text(TAG.ExecType) ?? ''] ?? 'ignored',
    executionId: fields.text(TAG.ExecID) ?? '',
    refersTo: fields.text(TAG.ExecRefID),
    venueOrderId: fields.text(TAG.OrderID),
    status: ORDER_STATUSES[fields.text(TAG.OrdStatus) ?? ''],
    quantity: amount(TAG.OrderQty, quantityDecimals),
    limitPrice: amount(TAG.Price, priceDecimals),
    lastQuantity: amount(TAG.LastQty, quantityDecimals),
    lastPrice: amount(TAG.LastPx, priceDecimals),
    filled: amount(TAG.CumQty, quantityDecimals),
    contra: fields.text(reports.contraTag),
    reason: fields.text(TAG.OrdRejReason),
    text: fields.text(TAG.Text),
    atMs: time === undefined ? undefined : readTimestamp(time),
  };
}
