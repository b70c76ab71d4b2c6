import type { LegOrder, OrderMessageBody } from '@stoa/schema';
import { storableText } from '../store/storable-text.ts';
import type { OrderEvent } from './life/order-state.ts';

/** What an executing venue says of a leg to its home. */
export type LegReport = Extract<
  OrderMessageBody,
  {
    kind:
      | 'leg-accepted'
      | 'leg-rejected'
      | 'leg-executed'
      | 'leg-replaced'
      | 'leg-replace-rejected'
      | 'leg-cancel-rejected'
      | 'leg-trade-busted'
      | 'leg-trade-corrected'
      | 'leg-done'
      | 'leg-status';
  }
>;

/** Reports that undo or correct a trade. */
export type TradeReport = Extract<LegReport, { kind: 'leg-trade-busted' | 'leg-trade-corrected' }>;

/** What a home node asks of an executing venue. */
export type LegRequest = Extract<
  OrderMessageBody,
  { kind: 'leg-new' | 'leg-cancel' | 'leg-replace' | 'leg-status-request' }
>;

/** A request about a leg that its venue was asked to take before. */
export type LegAsk = Exclude<LegRequest, { kind: 'leg-new' }>;

/** A report as it was told. */
export interface ToldReport {
  readonly report: LegReport;
  /** Its leg is the one for which a trade settles. */
  readonly settles: boolean;
  /** The SignedOrderMessage that brought it; undefined where the venue is this node. */
  readonly signed?: Uint8Array;
}

/** What home and venue need of each other where both are this node: legs, and requests about them. */
export interface OwnLegs {
  readonly added: readonly LegOrder[];
  readonly asked: readonly LegAsk[];
}

const REPORT_KINDS: ReadonlySet<string> = new Set([
  'leg-accepted',
  'leg-rejected',
  'leg-executed',
  'leg-replaced',
  'leg-replace-rejected',
  'leg-cancel-rejected',
  'leg-trade-busted',
  'leg-trade-corrected',
  'leg-done',
  'leg-status',
] satisfies LegReport['kind'][]);

/** Whether a message says something of a leg, and asks nothing. */
export function isReport(body: OrderMessageBody): body is LegReport {
  return REPORT_KINDS.has(body.kind);
}

/** Whether a report is about a trade that was told before. */
export function isTradeReport(report: LegReport): report is TradeReport {
  return report.kind === 'leg-trade-busted' || report.kind === 'leg-trade-corrected';
}

/** What a report means for the order. Texts come from another member, and are kept. */
export function eventOf(
  report: Exclude<LegReport, TradeReport | { kind: 'leg-executed' }>,
): OrderEvent {
  switch (report.kind) {
    case 'leg-rejected':
    case 'leg-cancel-rejected': {
      const { kind, legId } = report;
      return { kind, legId, rejection: rejectionOf(report) };
    }
    case 'leg-replace-rejected': {
      const { kind, legId, revision } = report;
      return { kind, legId, revision, rejection: rejectionOf(report) };
    }
    case 'leg-done':
      return { ...report, reason: storableText(report.reason) };
    case 'leg-accepted':
    case 'leg-replaced':
    case 'leg-status':
      return report;
  }
}

function rejectionOf({ code, message }: { readonly code: string; readonly message: string }) {
  return { code: storableText(code), message: storableText(message) };
}
