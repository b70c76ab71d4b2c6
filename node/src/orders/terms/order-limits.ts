import {
  type Instrument,
  isMemberId,
  type MemberId,
  type Price,
  type Quantity,
  type Refusal,
  refuse,
  type Side,
} from '@stoa/schema';
import { z } from 'zod';
import type { ConsolidatedBook, LastTrade } from '../../market/market-view.ts';
import { notionalUnits, quantityUnits } from './cash-notional.ts';
import { limitAmount, rate, readShape } from './limit-shapes.ts';
import { RateLimits } from './rate-limit.ts';

const collar = z.number().int().min(1).max(1_000_000);

const limits = z.strictObject({
  maxQuantity: limitAmount.exactOptional(),
  /** Of each cash currency by itself, as is `maxOpenNotional`. */
  maxNotional: limitAmount.exactOptional(),
  /** How far through the market a price may go, in parts per million of the reference. */
  collarPpm: collar.exactOptional(),
  /** How far from the market a limit may wait, in parts per million of the reference. */
  awayPpm: collar.exactOptional(),
  maxOpenOrders: z.number().int().min(1).max(1_000_000).exactOptional(),
  maxOpenNotional: limitAmount.exactOptional(),
  orders: rate.exactOptional(),
  /** Replacements and cancellations, which have a bucket of their own. */
  changes: rate.exactOptional(),
});

const file = z.strictObject({
  defaults: limits.default({}),
  members: z.record(z.string().refine(isMemberId, 'must be a member id'), limits).default({}),
});

/** What one member may ask for; absent is unlimited. */
export type OrderLimits = z.output<typeof limits>;
/** The limits of all members: a member's own, field by field, stand in for the defaults. */
export type OrderLimitsFile = z.output<typeof file>;

/** Codes of an order that goes beyond its member's limits. */
export type LimitRefusalCode =
  | 'OVER_MAX_QUANTITY'
  | 'OVER_MAX_NOTIONAL'
  | 'PRICE_BEYOND_COLLAR'
  | 'PRICE_TOO_FAR_AWAY'
  | 'TOO_MANY_OPEN_ORDERS'
  | 'OVER_MAX_OPEN_NOTIONAL'
  | 'RATE_LIMITED';

/** What is judged. */
export interface LimitQuestion {
  readonly instrument: Instrument;
  readonly side: Side;
  readonly quantity: Quantity;
  /** Undefined for a market order. */
  readonly limitPrice: Price | undefined;
  /** Of a market order: the worst price that its route takes now; undefined where it finds nothing. */
  readonly worstPrice: Price | undefined;
  /** What the market says the instrument is worth; undefined where it says nothing. */
  readonly reference: Price | undefined;
  /** The member's other open orders: how many, and their open notional in this cash (10^-36 units). */
  readonly usage: { readonly openOrders: number; readonly openNotional: bigint };
}

/** Reads limits from parsed JSON: the limits, or a refusal that names every mistake. */
export function parseOrderLimits(json: unknown): OrderLimitsFile | Refusal<'ORDER_LIMITS_INVALID'> {
  return readShape(file, json, 'ORDER_LIMITS_INVALID');
}

/** What an instrument is worth, for collars: the last sale, else the middle of the best quotes. */
export function referencePrice(
  book: Pick<ConsolidatedBook, 'bids' | 'offers'>,
  lastTrade: Pick<LastTrade, 'price'> | undefined,
): Price | undefined {
  if (lastTrade) return lastTrade.price;
  const bid = book.bids[0]?.price;
  const offer = book.offers[0]?.price;
  if (bid === undefined || offer === undefined) return undefined;
  return bid + Math.floor((offer - bid) / 2);
}

/** Why an order goes beyond its limits; undefined where it does not. */
export function checkLimits(
  question: LimitQuestion,
  given: OrderLimits,
): Refusal<LimitRefusalCode> | undefined {
  return checkSize(question, given) ?? checkCollar(question, given) ?? checkOpen(question, given);
}

function checkSize(
  { instrument, quantity, limitPrice, worstPrice, reference }: LimitQuestion,
  { maxQuantity, maxNotional }: OrderLimits,
): Refusal<LimitRefusalCode> | undefined {
  if (maxQuantity !== undefined && quantityUnits(instrument, quantity) > maxQuantity) {
    const message = 'The quantity is above the most that your home node takes in one order.';
    return refuse('OVER_MAX_QUANTITY', message, 'Split the order, or ask your home node.');
  }
  const price = limitPrice ?? worstPrice ?? reference;
  if (maxNotional === undefined || price === undefined) return undefined;
  if (notionalUnits(instrument, price, quantity) <= maxNotional) return undefined;
  const message = 'Price times quantity is above the most that your home node takes in one order.';
  return refuse('OVER_MAX_NOTIONAL', message, 'Split the order, or ask your home node.');
}

function checkCollar(
  { side, limitPrice, worstPrice, reference }: LimitQuestion,
  { collarPpm, awayPpm }: OrderLimits,
): Refusal<LimitRefusalCode> | undefined {
  const price = limitPrice ?? worstPrice;
  if (price === undefined || reference === undefined) return undefined;
  // Above zero: the price is worse for its member than the reference.
  const through = BigInt(side === 'buy' ? price - reference : reference - price);
  const isBeyond = (distance: bigint, ppm: number | undefined): boolean =>
    ppm !== undefined && distance * 1_000_000n > BigInt(reference) * BigInt(ppm);
  if (isBeyond(through, collarPpm)) {
    const what = limitPrice === undefined ? 'The worst price of its route' : 'The limit price';
    const message = `${what} is further through the market than ${percent(collarPpm)} of ${reference} units.`;
    return refuse('PRICE_BEYOND_COLLAR', message, 'Look at the price, or at the side, again.');
  }
  if (limitPrice === undefined || !isBeyond(-through, awayPpm)) return undefined;
  const message = `The limit price is further from the market than ${percent(awayPpm)} of ${reference} units.`;
  return refuse('PRICE_TOO_FAR_AWAY', message, 'Look at the price, or at the side, again.');
}

function percent(ppm: number | undefined): string {
  return `${(ppm ?? 0) / 10_000} %`;
}

function checkOpen(
  { instrument, quantity, limitPrice, worstPrice, reference, usage }: LimitQuestion,
  { maxOpenOrders, maxOpenNotional }: OrderLimits,
): Refusal<LimitRefusalCode> | undefined {
  if (maxOpenOrders !== undefined && usage.openOrders >= maxOpenOrders) {
    const message = `${usage.openOrders} of your orders are open, and ${maxOpenOrders} may be.`;
    return refuse('TOO_MANY_OPEN_ORDERS', message, 'Cancel some, or wait until some are done.');
  }
  const price = limitPrice ?? worstPrice ?? reference;
  if (maxOpenNotional === undefined || price === undefined) return undefined;
  const own = notionalUnits(instrument, price, quantity);
  if (usage.openNotional + own <= maxOpenNotional) return undefined;
  const message = 'With this order your open orders would be worth more than they may be.';
  return refuse('OVER_MAX_OPEN_NOTIONAL', message, 'Cancel some, or wait until some are done.');
}

/** The limits of a node's members, and how fast each asks. */
export class MemberLimits {
  readonly #file: OrderLimitsFile | undefined;
  readonly #rates = new RateLimits();
  readonly #merged = new Map<MemberId, OrderLimits>();

  /** Without a file nothing is limited. */
  constructor(given?: OrderLimitsFile) {
    this.#file = given;
  }

  /** What a member may ask for. */
  of(member: MemberId): OrderLimits {
    const own = this.#file?.members[member];
    if (!this.#file || !own) return this.#file?.defaults ?? {};
    const known = this.#merged.get(member);
    if (known) return known;
    const merged = { ...this.#file.defaults, ...own };
    this.#merged.set(member, merged);
    return merged;
  }

  /** Counts a request; a refusal where the member asks faster than it may. */
  admit(
    member: MemberId,
    what: 'order' | 'change',
    nowMs: number,
  ): Refusal<LimitRefusalCode> | undefined {
    const { orders, changes } = this.of(member);
    const allowed = what === 'order' ? orders : changes;
    const waitMs = allowed ? this.#rates.take(`${what} ${member}`, allowed, nowMs) : 0;
    if (waitMs === 0) return undefined;
    const message = `You may send ${allowed?.perSecond} ${what}s a second, and ${allowed?.burst} at once.`;
    return refuse('RATE_LIMITED', message, `Send it again in ${waitMs} ms.`);
  }

  /** Why an order goes beyond its member's limits. */
  check(member: MemberId, question: LimitQuestion): Refusal<LimitRefusalCode> | undefined {
    return checkLimits(question, this.of(member));
  }
}
