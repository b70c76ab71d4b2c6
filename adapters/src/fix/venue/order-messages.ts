import type { Instrument, Side } from '@stoa/schema';
import type { VenueOrder } from '../../venue-adapter.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { MessageWriter } from '../wire/message-writer.ts';
import { TAG } from '../wire/tags.ts';
import { timestampText } from '../wire/utc-timestamp.ts';
import type { FixOrder, FixRequest } from './fix-order.ts';

/** What order messages are written with. */
export interface OrderMessageTerms {
  readonly dialect: Dialect;
  readonly instrument: Instrument;
  readonly symbol: string;
  readonly atMs: number;
}

const SIDES: Readonly<Record<Side, string>> = { buy: '1', sell: '2' };

/** NewOrderSingle(D): always a limit order. */
export function writeNewOrder(
  writer: MessageWriter,
  order: VenueOrder,
  clientId: string,
  terms: OrderMessageTerms,
): void {
  const { dialect } = terms;
  const { timeInForce } = order;
  writer.text(TAG.ClOrdID, clientId);
  writeAccount(writer, order, dialect);
  writeFields(writer, dialect.orders.newFields);
  writeTerms(writer, order, terms);
  writer.text(TAG.TimeInForce, dialect.timesInForce[timeInForce] ?? '');
  if (order.expireAtMs !== undefined) writeTime(writer, TAG.ExpireTime, order.expireAtMs, dialect);
  if (order.allOrNone === true) writer.text(TAG.ExecInst, 'G');
  const { quantityDecimals } = terms.instrument;
  if (order.minQuantity !== undefined) {
    writer.decimal(TAG.MinQty, order.minQuantity, quantityDecimals);
  }
  if (order.displayQuantity !== undefined) {
    writer.decimal(TAG.MaxFloor, order.displayQuantity, quantityDecimals);
  }
  writeFields(writer, dialect.orders.timeInForceFields[timeInForce] ?? []);
}

/** OrderCancelRequest(F), for all that is open of the order. */
export function writeCancel(
  writer: MessageWriter,
  order: FixOrder,
  clientId: string,
  terms: OrderMessageTerms,
): void {
  writeReference(writer, order, clientId);
  writeAccount(writer, order.request, terms.dialect);
  writeFields(writer, terms.dialect.orders.cancelFields);
  writeInstrument(writer, order.request.side, terms);
  writer.decimal(TAG.OrderQty, order.quantity, terms.instrument.quantityDecimals);
}

/** OrderCancelReplaceRequest(G). */
export function writeReplace(
  writer: MessageWriter,
  order: FixOrder,
  request: FixRequest,
  terms: OrderMessageTerms,
): void {
  const { dialect } = terms;
  writeReference(writer, order, request.clientId);
  writeAccount(writer, order.request, dialect);
  writeFields(writer, dialect.orders.replaceFields);
  const { quantity = order.quantity, limitPrice = order.limitPrice } = request;
  writeTerms(writer, { ...order.request, quantity, limitPrice }, terms);
  const { timeInForce, expireAtMs } = order.request;
  writer.text(TAG.TimeInForce, dialect.timesInForce[timeInForce] ?? '');
  if (expireAtMs !== undefined) writeTime(writer, TAG.ExpireTime, expireAtMs, dialect);
  writeFields(writer, dialect.orders.timeInForceFields[timeInForce] ?? []);
}

/** OrderStatusRequest(H). */
export function writeStatusRequest(
  writer: MessageWriter,
  order: FixOrder,
  { dialect, symbol }: OrderMessageTerms,
): void {
  writer.text(TAG.ClOrdID, order.clientId);
  if (order.venueOrderId !== undefined) writer.text(TAG.OrderID, order.venueOrderId);
  if (dialect.version !== 'FIX.4.2') writer.text(TAG.OrdStatusReqID, order.clientId);
  writer.text(TAG.Symbol, symbol).text(TAG.Side, SIDES[order.request.side]);
}

/** OrderMassCancelRequest(q), of one instrument or all. */
export function writeMassCancel(
  writer: MessageWriter,
  clientId: string,
  symbol: string | undefined,
  terms: Pick<OrderMessageTerms, 'dialect' | 'atMs'>,
): void {
  writer.text(TAG.ClOrdID, clientId);
  writer.text(TAG.MassCancelRequestType, symbol === undefined ? '7' : '1');
  if (symbol !== undefined) writer.text(TAG.Symbol, symbol);
  writeTime(writer, TAG.TransactTime, terms.atMs, terms.dialect);
}

function writeReference(writer: MessageWriter, order: FixOrder, clientId: string): void {
  writer.text(TAG.OrigClOrdID, order.clientId);
  if (order.venueOrderId !== undefined) writer.text(TAG.OrderID, order.venueOrderId);
  writer.text(TAG.ClOrdID, clientId);
}

function writeAccount(writer: MessageWriter, order: VenueOrder, { orders }: Dialect): void {
  if (orders.account === 'wallet') writer.text(TAG.Account, order.owner.account);
  else if (orders.account === 'member') writer.text(TAG.Account, order.owner.member);
}

function writeInstrument(writer: MessageWriter, side: Side, terms: OrderMessageTerms): void {
  writer.text(TAG.Symbol, terms.symbol).text(TAG.Side, SIDES[side]);
  writeTime(writer, TAG.TransactTime, terms.atMs, terms.dialect);
}

function writeTerms(
  writer: MessageWriter,
  order: Pick<VenueOrder, 'side' | 'quantity' | 'limitPrice'>,
  terms: OrderMessageTerms,
): void {
  const { priceDecimals, quantityDecimals } = terms.instrument;
  writeInstrument(writer, order.side, terms);
  writer.decimal(TAG.OrderQty, order.quantity, quantityDecimals);
  writer.text(TAG.OrdType, '2').decimal(TAG.Price, order.limitPrice, priceDecimals);
}

function writeTime(writer: MessageWriter, tag: number, atMs: number, dialect: Dialect): void {
  const text = timestampText(atMs);
  writer.text(tag, dialect.milliseconds ? text : text.slice(0, -4));
}

function writeFields(
  writer: MessageWriter,
  fields: readonly (readonly [tag: number, value: string])[],
): void {
  for (const [tag, value] of fields) writer.text(tag, value);
}
