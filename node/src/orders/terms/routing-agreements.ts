import {
  type Instrument,
  isInstrumentId,
  isMemberId,
  type LegRejection,
  type MemberId,
  type Price,
  type Quantity,
  type Refusal,
  type Side,
  type VenueId,
} from '@stoa/schema';
import { z } from 'zod';
import { notionalUnits, quantityUnits } from './cash-notional.ts';
import { limitAmount, rate, readShape } from './limit-shapes.ts';
import { RateLimits } from './rate-limit.ts';

const memberId = z.string().refine(isMemberId, 'must be a member id');
const instrumentId = z.string().refine(isInstrumentId, 'must be an instrument id');
const anyOr = (item: z.ZodType<string>) =>
  z
    .array(z.union([z.literal('*'), item]))
    .min(1)
    .max(10_000)
    .default(['*']);

const agreement = z.strictObject({
  /** The other venue. */
  venue: memberId,
  /** Whose orders; `*` is everybody's. */
  members: anyOr(memberId),
  sides: z
    .array(z.enum(['buy', 'sell']))
    .min(1)
    .max(2)
    .default(['buy', 'sell']),
  instruments: anyOr(instrumentId),
  /** `immediate`: IOC and FOK. `resting`: orders that wait in the executing venue's book. */
  orders: z
    .array(z.enum(['immediate', 'resting']))
    .min(1)
    .max(2)
    .default(['immediate']),
  maxQuantity: limitAmount.exactOptional(),
  maxNotional: limitAmount.exactOptional(),
  /** What all open orders of the home venue together may be worth, of each cash by itself. */
  maxOpenNotional: limitAmount.exactOptional(),
  rate: rate.exactOptional(),
});

const file = z.strictObject({
  /** Which home venues may send here; absent: every active one may send immediate orders. */
  from: z.array(agreement).max(10_000).exactOptional(),
  /** Where this node may send; absent: to every active venue, immediate orders. */
  to: z.array(agreement).max(10_000).exactOptional(),
});

/** One agreement with one other venue. */
export type RoutingAgreement = z.output<typeof agreement>;
/** The agreements of a node, in both directions. */
export type RoutingAgreementsFile = z.output<typeof file>;

/** Codes of what no agreement covers. */
export type AgreementCode =
  | 'NO_AGREEMENT'
  | 'MEMBER_NOT_AGREED'
  | 'INSTRUMENT_NOT_AGREED'
  | 'SIDE_NOT_AGREED'
  | 'TIME_IN_FORCE_NOT_TAKEN'
  | 'OVER_AGREED_QUANTITY'
  | 'OVER_AGREED_NOTIONAL'
  | 'OVER_AGREED_OPEN_NOTIONAL'
  | 'RATE_LIMITED';

/** An order, as far as agreements speak of it. Without quantity and price only its kind is judged. */
export interface AgreementOrder {
  readonly member: MemberId;
  readonly instrument: Instrument;
  readonly side: Side;
  /** Whether it waits in the other venue's book. */
  readonly isResting: boolean;
  readonly quantity?: Quantity;
  readonly price?: Price;
}

type Rejection = LegRejection & { readonly code: AgreementCode };

/** Reads agreements from parsed JSON: the agreements, or a refusal that names every mistake. */
export function parseRoutingAgreements(
  json: unknown,
): RoutingAgreementsFile | Refusal<'ROUTING_AGREEMENTS_INVALID'> {
  return readShape(file, json, 'ROUTING_AGREEMENTS_INVALID');
}

/** Who may send which orders to whom, as far as this node's own word goes. */
export class RoutingAgreements {
  readonly #file: RoutingAgreementsFile;
  readonly #rates = new RateLimits();

  /** Without a file every active venue may send immediate orders, here and from here, without limits. */
  constructor(given: RoutingAgreementsFile = {}) {
    this.#file = given;
  }

  /** Why this node may not send such an order to a venue; undefined where it may. */
  whyNotTo(venue: VenueId, order: AgreementOrder): Rejection | undefined {
    const found = findAgreement(this.#file.to, venue, order);
    return 'code' in found ? found : whyTooLarge(found, order);
  }

  /**
   * Why this venue does not take an order of another home; undefined where it does, and then the
   * order counts against the rate.
   *
   * @param openNotional what is open here of that home in the same cash, without this order: 10^-36
   */
  whyNotFrom(
    home: VenueId,
    order: AgreementOrder & { readonly quantity: Quantity; readonly price: Price },
    { openNotional, nowMs }: { readonly openNotional: bigint; readonly nowMs: number },
  ): Rejection | undefined {
    const found = findAgreement(this.#file.from, home, order);
    if ('code' in found) return found;
    const tooLarge = whyTooLarge(found, order);
    if (tooLarge) return tooLarge;
    const { maxOpenNotional } = found;
    const withIt = openNotional + notionalUnits(order.instrument, order.price, order.quantity);
    if (maxOpenNotional !== undefined && withIt > maxOpenNotional) {
      const message = 'The home venue’s open orders here would be worth more than agreed.';
      return { code: 'OVER_AGREED_OPEN_NOTIONAL', message };
    }
    const number = this.#file.from?.findIndex((each) => each === found);
    const waitMs = found.rate ? this.#rates.take(`${home} ${number}`, found.rate, nowMs) : 0;
    if (waitMs === 0) return undefined;
    return { code: 'RATE_LIMITED', message: 'The home venue sends orders faster than agreed.' };
  }

  /** Whether what is open of a home venue matters: else nobody needs to add it up. */
  limitsOpenOf(home: VenueId): boolean {
    const from = this.#file.from ?? [];
    return from.some((each) => each.venue === home && each.maxOpenNotional !== undefined);
  }
}

type Limits = Pick<RoutingAgreement, 'maxQuantity' | 'maxNotional' | 'maxOpenNotional' | 'rate'>;

/** The first agreement that covers the order, or the first thing that none of them does. */
function findAgreement(
  agreements: readonly RoutingAgreement[] | undefined,
  venue: VenueId,
  order: AgreementOrder,
): Limits | Rejection {
  if (!agreements) return order.isResting ? notTaken() : {};
  const kind = order.isResting ? 'resting' : 'immediate';
  let left = agreements.filter((each) => each.venue === venue);
  // From the widest to the narrowest, so that the reason is the nearest that could be mended.
  const narrower: readonly [AgreementCode, string, (each: RoutingAgreement) => boolean][] = [
    ['MEMBER_NOT_AGREED', 'for this member', (each) => covers(each.members, order.member)],
    ['INSTRUMENT_NOT_AGREED', 'for it', (each) => covers(each.instruments, order.instrument.id)],
    ['SIDE_NOT_AGREED', `to ${order.side} it`, (each) => each.sides.includes(order.side)],
  ];
  if (left.length === 0) return none('NO_AGREEMENT', venue, '');
  for (const [code, what, isCovered] of narrower) {
    left = left.filter(isCovered);
    if (left.length === 0) return none(code, venue, ` ${what}`);
  }
  return left.find((each) => each.orders.includes(kind)) ?? notTaken();
}

function covers(listed: readonly string[], one: string): boolean {
  return listed.includes('*') || listed.includes(one);
}

function none(code: AgreementCode, venue: VenueId, what: string): Rejection {
  return { code, message: `There is no routing agreement with ${venue}${what}.` };
}

function notTaken(): Rejection {
  const message = 'Orders of this time in force are not agreed on.';
  return { code: 'TIME_IN_FORCE_NOT_TAKEN', message };
}

function whyTooLarge(
  { maxQuantity, maxNotional }: Limits,
  { instrument, quantity, price }: AgreementOrder,
): Rejection | undefined {
  if (quantity === undefined) return undefined;
  if (maxQuantity !== undefined && quantityUnits(instrument, quantity) > maxQuantity) {
    return { code: 'OVER_AGREED_QUANTITY', message: 'The quantity is above what is agreed.' };
  }
  if (maxNotional === undefined || price === undefined) return undefined;
  if (notionalUnits(instrument, price, quantity) <= maxNotional) return undefined;
  return { code: 'OVER_AGREED_NOTIONAL', message: 'Price times quantity is above what is agreed.' };
}
