import type { Instrument, InstrumentId } from '@stoa/schema';
import type { MessageWriter } from '../fix/wire/message-writer.ts';
import { TAG } from '../fix/wire/tags.ts';
import type { FixPeerSession } from './fix-peer-session.ts';

/** An order as the venue's gateway knows it. */
export interface PeerOrder {
  clientId: string;
  readonly engineId: string;
  readonly instrument: InstrumentId;
  readonly side: string;
  quantity: number;
  price: number;
  filled: number;
  status: string;
  cancelId?: string;
  replaceId?: string;
  statusAsked: number;
}

/** One side of a trade. */
export interface PeerFill {
  readonly order: PeerOrder;
  readonly executionId: string;
  readonly engineExecutionId: string;
  quantity: number;
  price: number;
}

interface FixReportTerms {
  readonly instrument: Instrument;
  readonly symbol: string;
  /** ExecTransType(20), fills as ExecType 1 and 2. */
  readonly isFix42: boolean;
  /** Where the drop copy carries the order's ClOrdID. */
  readonly dropCopyIdTag: number;
  readonly nowMs: () => number;
}

/** Says what becomes of orders: ExecutionReport(8) and OrderCancelReject(9). */
export class FixReports {
  unknownTags = false;
  readonly #orders: FixPeerSession;
  readonly #terms: FixReportTerms;
  #reports = 0;

  constructor(orders: FixPeerSession, terms: FixReportTerms) {
    this.#orders = orders;
    this.#terms = terms;
  }

  fill(fill: PeerFill, possResend: boolean, session = this.#orders): void {
    const { order, executionId } = fill;
    const isDropCopy = session !== this.#orders;
    const report = (writer: MessageWriter): void => {
      if (possResend) writer.flag(TAG.PossResend, true);
      this.#writeReport(writer, order, this.#terms.isFix42 ? order.status : 'F', executionId);
      this.writeLast(writer, fill);
      if (isDropCopy) writer.text(this.#terms.dropCopyIdTag, order.clientId);
      if (this.unknownTags) {
        writer.int(TAG.NoContraBrokers, 1).text(TAG.ContraBroker, 'OTHER').text(9_001, 'what');
      }
    };
    session.send('8', report);
  }

  writeLast(writer: MessageWriter, { quantity, price }: PeerFill): void {
    const { quantityDecimals, priceDecimals } = this.#terms.instrument;
    writer.decimal(TAG.LastQty, quantity, quantityDecimals);
    writer.decimal(TAG.LastPx, price, priceDecimals);
  }

  report(
    order: PeerOrder,
    type: string,
    more?: (writer: MessageWriter) => unknown,
    status?: string,
  ): void {
    this.#reports += 1;
    const id = `R${this.#reports}`;
    this.#orders.send('8', (writer) => {
      this.#writeReport(writer, order, type, type === 'I' ? '0' : id, status);
      more?.(writer);
    });
  }

  #writeReport(
    writer: MessageWriter,
    order: PeerOrder,
    type: string,
    executionId: string,
    status = order.status,
  ): void {
    const { isFix42, symbol, instrument, nowMs } = this.#terms;
    const { quantityDecimals, priceDecimals } = instrument;
    writer.text(TAG.OrderID, order.engineId);
    writer.text(TAG.ClOrdID, order.clientId).text(TAG.ExecID, executionId);
    const transaction = { H: '1', G: '2', I: '3' }[type] ?? '0';
    if (isFix42) writer.text(TAG.ExecTransType, transaction);
    writer.text(TAG.ExecType, isFix42 && transaction !== '0' ? status : type);
    writer.text(TAG.OrdStatus, status).text(TAG.Symbol, symbol).text(TAG.Side, order.side);
    writer.decimal(TAG.OrderQty, order.quantity, quantityDecimals);
    writer.decimal(TAG.Price, order.price, priceDecimals);
    const ended = '2483C'.includes(status) && status !== '3';
    writer.decimal(TAG.LeavesQty, ended ? 0 : order.quantity - order.filled, quantityDecimals);
    writer.decimal(TAG.CumQty, order.filled, quantityDecimals).text(TAG.AvgPx, '0');
    writer.time(TAG.TransactTime, nowMs());
    if (this.unknownTags) writer.text(9_000, 'nobody knows');
  }

  cancelReject(
    clientId: string,
    order: PeerOrder | undefined,
    msgType: 'F' | 'G',
    reason: string,
  ): void {
    this.#orders.send('9', (writer) => {
      writer.text(TAG.OrderID, order?.engineId ?? 'NONE').text(TAG.ClOrdID, clientId);
      writer.text(TAG.OrigClOrdID, order?.clientId ?? 'NONE');
      writer.text(TAG.OrdStatus, order?.status ?? '8');
      writer.text(TAG.CxlRejResponseTo, msgType === 'F' ? '1' : '2').text(TAG.CxlRejReason, reason);
    });
  }
}
