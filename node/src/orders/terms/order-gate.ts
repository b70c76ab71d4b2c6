import {
  type Instrument,
  type MemberId,
  type Price,
  type Quantity,
  type Refusal,
  type Side,
  type VenueId,
} from '@stoa/schema';
import type { PreTradeChecks, Settleable } from '../../compliance/pre-trade.ts';
import type { MarketView } from '../../market/market-view.ts';
import type { MandateChecks } from '../../settlement/mandates/mandate-gate.ts';
import type { UnsettledClaims } from '../../settlement/unsettled-fills.ts';
import { OpenExposure } from './open-exposure.ts';
import { type MemberLimits, referencePrice } from './order-limits.ts';

/** An order before it is taken, or as it would be after a replacement. */
export interface GatedOrder {
  readonly member: MemberId;
  readonly account: `0x${string}`;
  readonly instrument: Instrument;
  readonly side: Side;
  /** What is to be executed: of a replacement, without what was. */
  readonly leaves: Quantity;
  readonly limitPrice: Price | undefined;
  /** Of a market order: the worst price its route takes now; undefined where it finds nothing. */
  readonly worstPrice: Price | undefined;
  /** The one venue it may go to; undefined: any. */
  readonly directedTo?: VenueId | undefined;
}

/** An order as it stands after a commit. */
export interface GatedState extends Omit<GatedOrder, 'worstPrice'> {
  readonly id: string;
}

/** A place kept for an order, or for what it grows by, between its checks and its commit. */
export interface HeldPlace {
  /** Gives the place up: after the commit, which the order's own claim then stands for, or without. */
  release(): void;
}

export interface OrderGateNeeds {
  readonly limits: MemberLimits;
  readonly market: Pick<MarketView, 'book' | 'lastTrade'>;
  readonly checkOrder: PreTradeChecks['checkOrder'];
  readonly settleable: PreTradeChecks['settleable'];
  /** What wallets gave away in fills that have not settled; absent: nothing. */
  readonly unsettled?: UnsettledClaims;
  /** What investors signed; absent: nobody needs a mandate. */
  readonly mandates?: MandateChecks;
  readonly nowMs: () => number;
}

/**
 * The door of the home node: how fast a member asks, how much it has open, and whether its investors'
 * wallets could settle this order beside all that is open already. What an order would need is kept
 * from the first check on, so that two that come at once cannot both count on one balance.
 */
export class OrderGate {
  readonly #needs: OrderGateNeeds;
  readonly #exposure = new OpenExposure();
  #places = 0;

  constructor(needs: OrderGateNeeds) {
    this.#needs = needs;
  }

  /** Before anything else is looked at: counts the request, or says how long to wait. */
  admit(member: MemberId, what: 'order' | 'change'): Refusal | undefined {
    return this.#needs.limits.admit(member, what, this.#needs.nowMs());
  }

  /**
   * Judges a new order, or what an open order would become that is replaced.
   *
   * @returns why not, or the place that is kept for it until it is released
   */
  async enter(order: GatedOrder, replacing?: Pick<GatedState, 'id'>): Promise<Refusal | HeldPlace> {
    const { member, account, instrument, side, leaves, limitPrice, worstPrice } = order;
    const price = limitPrice ?? worstPrice;
    const exposure = this.#exposure;
    this.#places += 1;
    // No order has such an id: theirs have no blanks.
    const place = `place ${this.#places}`;
    // Others' claims are read, and this one is made, in one go: nobody comes between.
    const usage = exposure.ofMember(member, instrument, replacing?.id);
    const promised = exposure.promisedBy(account, order, replacing?.id);
    const openUnits = exposure.unitsOpenOf(account, order, replacing?.id);
    exposure.set(place, { member, account, instrument, side, leaves, price }, replacing?.id);
    const release = (): void => exposure.remove(place);
    try {
      const refused =
        this.#checkLimits(order, usage) ??
        (await firstOf([
          this.#needs.mandates?.checkOrder(order, openUnits) ?? Promise.resolve(undefined),
          this.#checkWallet(
            { instrument, side, account, quantity: leaves, ...priceOf(order) },
            { promised, own: exposure.promiseOf(place) },
            paidIn(order),
          ),
        ]));
      if (!refused) return { release };
      release();
      return refused;
    } catch (error) {
      release();
      throw error;
    }
  }

  /**
   * How much of an order could settle beside all else that its wallet has open. Nothing is kept for it.
   *
   * @param except the order itself, where it is open
   */
  async settleable(order: GatedOrder, except?: string): Promise<Settleable> {
    const { account, instrument, side, leaves: quantity } = order;
    const { unsettled, settleable } = this.#needs;
    const promised = this.promised(order, except);
    const question = { instrument, side, account, quantity, ...priceOf(order) };
    const found = await settleable({ ...question, promised });
    const token = paidIn(order);
    const owed = unsettled?.owed(account, token) ?? 0n;
    if (!found.refusal || owed === 0n) return found;
    // What settled since the chain was read last has left the balance already.
    const owedNow = (await unsettled?.owedNow(account, token).catch(() => owed)) ?? owed;
    return settleable({ ...question, promised: promised - owed + owedNow });
  }

  /**
   * What a wallet gave its word for on this side: its open orders, and its fills that have not settled.
   * In the smallest unit of the cash token for buys, of the token for sells.
   */
  promised(
    { account, instrument, side }: Pick<GatedOrder, 'account' | 'instrument' | 'side'>,
    except?: string,
  ): bigint {
    const owed = this.#needs.unsettled?.owed(account, paidIn({ instrument, side })) ?? 0n;
    return this.#exposure.promisedBy(account, { side, instrument }, except) + owed;
  }

  /**
   * First as if more were promised, in coarse steps: a wallet that has plenty is asked about the same
   * again and again, and such answers are kept. Only where that is too much the exact question is put.
   */
  async #checkWallet(
    question: Parameters<PreTradeChecks['checkOrder']>[0],
    { promised, own }: { readonly promised: bigint; readonly own: bigint },
    token: `0x${string}`,
  ): Promise<Refusal | undefined> {
    const { checkOrder, unsettled } = this.#needs;
    const owed = unsettled?.owed(question.account, token) ?? 0n;
    const all = promised + owed;
    const step = own * ROOM_IN_ORDERS;
    const withRoom = step > 0n ? ((all + step - 1n) / step) * step : all;
    const refused = await checkOrder({ ...question, promised: withRoom });
    if (!refused || (withRoom === all && owed === 0n)) return refused;
    // What settled since the chain was read last has left the balance already.
    const owedNow =
      owed === 0n ? 0n : await unsettled?.owedNow(question.account, token).catch(() => owed);
    return checkOrder({ ...question, promised: promised + (owedNow ?? owed) });
  }

  /** After every commit that changed an order, and for each open one at the start. */
  changed({ id, limitPrice, ...order }: GatedState): void {
    this.#exposure.set(id, { ...order, price: limitPrice });
  }

  #checkLimits(
    { member, instrument, side, leaves: quantity, limitPrice, worstPrice }: GatedOrder,
    usage: { readonly openOrders: number; readonly openNotional: bigint },
  ): Refusal | undefined {
    const { limits, market } = this.#needs;
    const reference = referencePrice(market.book(instrument.id), market.lastTrade(instrument.id));
    const terms = { instrument, side, quantity, limitPrice, worstPrice };
    return limits.check(member, { ...terms, reference, usage });
  }
}

/** Asked at once, and answered in their order. */
async function firstOf(
  checks: readonly Promise<Refusal | undefined>[],
): Promise<Refusal | undefined> {
  return (await Promise.all(checks)).find((refusal) => refusal !== undefined);
}

/** A wallet is first asked whether it has room for so many more orders like this one. */
const ROOM_IN_ORDERS = 64n;

/** The token of which the wallet gives something away. */
function paidIn({ side, instrument }: Pick<GatedOrder, 'side' | 'instrument'>): `0x${string}` {
  return side === 'buy' ? instrument.cashToken : instrument.token;
}

/** The worst price at which it may fill. */
function priceOf({ limitPrice, worstPrice, instrument }: GatedOrder) {
  if (limitPrice !== undefined) return { limitPrice };
  return { worstPrice: worstPrice ?? leastPrice(instrument) };
}

/** A market order that finds nothing costs nothing: the least price still asks who may hold it. */
function leastPrice({ tickSize }: Instrument): Price {
  return tickSize;
}
