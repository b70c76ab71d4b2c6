import { type FixFields, readDecimal, readTimestamp, TAG } from '@stoa/adapters';
import {
  type Instrument,
  isRefusal,
  type OrderRequest,
  type Price,
  type Quantity,
  type Refusal,
  refuse,
  type Side,
  type TimeInForce,
} from '@stoa/schema';
import type { EntrySymbols } from './entry-symbols.ts';

/** What a member's orders are read with. */
export interface OrderReading {
  readonly symbols: EntrySymbols;
  /** Wallets by the member's own names of them, for Account(1); a wallet names itself. */
  readonly accounts: ReadonlyMap<string, `0x${string}`>;
  /** Of an order without Account(1). */
  readonly defaultAccount: `0x${string}` | undefined;
  readonly cancelOnDisconnect: boolean;
}

/** Side(54). */
export const SIDES: Readonly<Record<string, Side>> = { '1': 'buy', '2': 'sell' };
const TIMES: Readonly<Record<string, TimeInForce>> = {
  ...{ '0': 'day', '1': 'gtc', '3': 'ioc', '4': 'fok', '6': 'gtd' },
};
/** HandlInst(21), LocateReqd(114) and the like say nothing here; these ask for what nobody would do. */
const NOT_DONE: readonly number[] = [
  // MaxFloor and DisplayQty, StopPx and TriggerType, PegOffsetValue and PegPriceType, EffectiveTime.
  ...[TAG.MaxFloor, 1_138, 99, 1_100, 211, 1_094, 168],
];
const PRICE_TYPE = 423;

/**
 * Reads a NewOrderSingle(D) as an order request. Amounts are read exactly in the instrument's units, or
 * the order is refused; whether it makes sense is for the order desk to judge.
 */
export function readNewOrder(fields: FixFields, reading: OrderReading): OrderRequest | Refusal {
  const instrument = readInstrument(fields, reading);
  if (isRefusal(instrument)) return instrument;
  const side = SIDES[fields.text(TAG.Side) ?? ''];
  const timeInForce = TIMES[fields.text(TAG.TimeInForce) ?? '0'];
  const ordType = fields.text(TAG.OrdType);
  if (side === undefined) return unsupported('Side(54) is 1 or 2 here.');
  if (timeInForce === undefined) return unsupported('TimeInForce(59) is 0, 1, 3, 4 or 6 here.');
  if (ordType !== '1' && ordType !== '2') return unsupported('OrdType(40) is 1 or 2 here.');
  const instructions = (fields.text(TAG.ExecInst) ?? '').split(' ').filter((one) => one !== '');
  if (instructions.some((one) => one !== 'G')) return unsupported('ExecInst(18) is G here.');
  const notDone = NOT_DONE.find((tag) => fields.has(tag));
  if (notDone !== undefined) return unsupported(`Field ${notDone} is not supported.`);
  const account = readAccount(fields, reading);
  if (isRefusal(account)) return account;
  const amounts = readAmounts(fields, instrument);
  if (isRefusal(amounts)) return amounts;
  const expires = fields.text(TAG.ExpireTime);
  const expireAtMs = expires === undefined ? undefined : readTimestamp(expires);
  if (expires !== undefined && expireAtMs === undefined) {
    return refuse('EXPIRY_INVALID', 'ExpireTime(126) is no UTC time.', 'Correct it.');
  }
  const minQuantity = readAmount(fields, TAG.MinQty, instrument.quantityDecimals);
  if (isRefusal(minQuantity)) return minQuantity;
  return {
    ...{ clientOrderId: fields.text(TAG.ClOrdID) ?? '', instrument: instrument.id, account, side },
    ...{ type: ordType === '1' ? 'market' : 'limit', timeInForce, ...amounts },
    ...(expireAtMs !== undefined && { expireAtMs }),
    ...(minQuantity !== undefined && { minQuantity }),
    ...(instructions.length > 0 && { allOrNone: true }),
    ...(reading.cancelOnDisconnect && { cancelOnDisconnect: true }),
  };
}

/** The new terms that an OrderCancelReplaceRequest(G) asks for; only quantity and limit can change. */
export function readReplacement(
  fields: FixFields,
  instrument: Instrument,
  order: { readonly side: Side },
): { readonly quantity: Quantity; readonly limitPrice?: Price } | Refusal {
  if (SIDES[fields.text(TAG.Side) ?? ''] !== order.side) {
    return unsupported('Side(54) cannot be replaced.');
  }
  return readAmounts(fields, instrument);
}

/** The instrument that Symbol(55) names. */
export function readInstrument(
  fields: FixFields,
  { symbols }: Pick<OrderReading, 'symbols'>,
): Instrument | Refusal {
  const symbol = fields.text(TAG.Symbol) ?? '';
  const message = 'No instrument has this Symbol(55) here.';
  return (
    symbols.find(symbol) ??
    refuse('INSTRUMENT_UNKNOWN', message, 'Use the symbols that the venue gave you.')
  );
}

function readAccount(
  fields: FixFields,
  { accounts, defaultAccount }: OrderReading,
): `0x${string}` | Refusal {
  const name = fields.text(TAG.Account);
  const account = name === undefined ? defaultAccount : (accounts.get(name) ?? walletIn(name));
  const message = 'Account(1) names no account of yours here.';
  return account ?? refuse('ACCOUNT_UNKNOWN', message, 'Use an account that the venue knows.');
}

function walletIn(text: string): `0x${string}` | undefined {
  return /^0x[0-9a-fA-F]{40}$/.test(text) ? (text as `0x${string}`) : undefined;
}

function readAmounts(
  fields: FixFields,
  { priceDecimals, quantityDecimals }: Instrument,
): { readonly quantity: Quantity; readonly limitPrice?: Price } | Refusal {
  if ((fields.text(PRICE_TYPE) ?? '2') !== '2') return unsupported('PriceType(423) is 2 here.');
  const quantity = readAmount(fields, TAG.OrderQty, quantityDecimals);
  if (isRefusal(quantity)) return quantity;
  const limitPrice = readAmount(fields, TAG.Price, priceDecimals);
  if (isRefusal(limitPrice)) return limitPrice;
  return { quantity: quantity ?? 0, ...(limitPrice !== undefined && { limitPrice }) };
}

/** An amount in units of 10^-decimals; undefined where the message has none. */
function readAmount(
  fields: FixFields,
  tag: number,
  decimals: number,
): number | undefined | Refusal {
  const index = fields.find(tag);
  if (index < 0) return undefined;
  const { bytes, starts, ends } = fields;
  const value = readDecimal(bytes, starts[index] as number, ends[index] as number, decimals);
  if (value >= 0) return value;
  const code = tag === TAG.Price ? 'OFF_TICK' : 'QUANTITY_INVALID';
  const message = `Field ${tag} is no amount of at most ${decimals} decimals.`;
  return refuse(code, message, 'Correct it.');
}

function unsupported(message: string): Refusal {
  return refuse('ORDER_TYPE_UNSUPPORTED', message, 'Send an order of a kind that is taken.');
}
