import {
  cashAmount,
  type EligibilityCode,
  type EligibilityReason,
  tokenAmount,
} from '@stoa/contracts';
import {
  type Instrument,
  isRefusal,
  type Price,
  type Quantity,
  type Refusal,
  refuse,
  type Side,
} from '@stoa/schema';
import { preTradeActions } from './pre-trade-actions.ts';

/** Why an order, or a part of it, could not settle. */
export type PreTradeCode = EligibilityCode | 'AMOUNT_NOT_EXACT' | 'CHECK_UNAVAILABLE';

/** The most that one thing leaves a wallet, and its words. */
export interface MeansBound {
  /** In the smallest unit of what is bounded: tokens, or cash. */
  readonly most: bigint;
  readonly refusal: Refusal<PreTradeCode>;
}

/**
 * What a wallet could give or take at the newest block, as far as it was asked: a bound that is absent
 * lies beyond the question. What is promised to others is taken off already.
 */
export interface SettlementMeans {
  /** Tokens that the seller could deliver, or the buyer be given. */
  readonly tokens?: MeansBound;
  /** Cash that the buyer could pay. */
  readonly cash?: MeansBound;
}

/** Of what is bought or sold, as much as the arithmetic needs. */
export type SettledInstrument = Pick<
  Instrument,
  'priceDecimals' | 'quantityDecimals' | 'tokenDecimals' | 'cashDecimals' | 'lotSize'
>;

interface PricedQuantity {
  readonly price: Price;
  readonly quantity: Quantity;
}

/** A level as a wallet could take it, all better levels taken before. */
export interface SettleableLevel extends PricedQuantity {
  /** In whole lots, at most {@link PricedQuantity.quantity}. */
  readonly settleableQuantity: Quantity;
  /** Why it is less than is shown in whole lots; absent where it is not. */
  readonly refusal?: Refusal<PreTradeCode>;
}

/**
 * How much of each level could settle, the best first and each after all before it: a wallet's means
 * are one, however many venues and prices it could spend them at. Whole lots only, and of no level
 * more than could be paid, or delivered, when everything better was.
 */
export function settleableLevels(
  { instrument, side, means }: LevelContext,
  levels: readonly PricedQuantity[],
): SettleableLevel[] {
  const { lotSize } = instrument;
  const tokensPerLot = tokenAmount({ ...instrument, quantity: lotSize });
  let tokens = means.tokens?.most;
  let cash = means.cash?.most;
  return levels.map(({ price, quantity }) => {
    const shown = BigInt(Math.floor(quantity / lotSize));
    const cashPerLot =
      side === 'buy' ? cashAmount({ ...instrument, price, quantity: lotSize }) : 0n;
    const inexact = [tokensPerLot, cashPerLot].find((amount) => isRefusal(amount));
    if (isRefusal(inexact)) return { price, quantity, settleableQuantity: 0, refusal: inexact };
    const perLot = { tokens: BigInt(tokensPerLot as bigint), cash: BigInt(cashPerLot as bigint) };
    const byTokens = lotsWithin(tokens, perLot.tokens) ?? shown;
    const byCash = lotsWithin(cash, perLot.cash) ?? shown;
    const lots = [shown, byTokens, byCash].reduce((a, b) => (b < a ? b : a));
    if (tokens !== undefined) tokens -= lots * perLot.tokens;
    if (cash !== undefined) cash -= lots * perLot.cash;
    const settleableQuantity = Number(lots) * lotSize;
    if (lots === shown) return { price, quantity, settleableQuantity };
    const bound = byTokens === lots ? means.tokens : means.cash;
    return { price, quantity, settleableQuantity, ...(bound && { refusal: bound.refusal }) };
  });
}

interface LevelContext {
  readonly instrument: SettledInstrument;
  readonly side: Side;
  readonly means: SettlementMeans;
}

/** Undefined: nothing bounds it. */
function lotsWithin(most: bigint | undefined, perLot: bigint): bigint | undefined {
  return most === undefined || perLot === 0n ? undefined : most / perLot;
}

/** What the reasons of a refused transfer leave, `promised` taken off what the wallet gives away. */
export function meansOf(
  side: Side,
  reasons: readonly EligibilityReason[],
  promised: bigint,
): SettlementMeans {
  let tokens: MeansBound | undefined;
  let cash: MeansBound | undefined;
  for (const { code, message, most = 0n } of reasons) {
    const isCash = isCashReason(code);
    const free = isCash === (side === 'buy') ? most - promised : most;
    const bound = { most: free > 0n ? free : 0n, refusal: refusalOf({ code, message }) };
    // The first of equals is the most telling.
    if (isCash) cash = cash && cash.most <= bound.most ? cash : bound;
    else tokens = tokens && tokens.most <= bound.most ? tokens : bound;
  }
  return { ...(tokens && { tokens }), ...(cash && { cash }) };
}

/** A refusal with what can be done about it. */
export function refusalOf({
  code,
  message,
}: Pick<EligibilityReason, 'code' | 'message'>): Refusal<PreTradeCode> {
  return refuse(code, message, preTradeActions[code]);
}

export function isCashReason(code: EligibilityCode): boolean {
  return code.startsWith('CASH_');
}
