import type { VenueCapabilities } from '@stoa/adapters';
import {
  type Directory,
  type DirectorySource,
  type FeeSchedule,
  type Instrument,
  type MemberId,
  type Price,
  phaseAt,
  type Quantity,
  type Side,
  type VenueId,
  type VenueTerms,
} from '@stoa/schema';
import type { RouteVenue } from '../routing/route.ts';
import { COST_MICROS, type CompiledFees, compileFees, feeMicros } from '../routing/venue-cost.ts';
import type { RestingOrders } from './resting-orders.ts';
import type { OrderSessions } from './sessions/order-session.ts';
import type { RoutingAgreements } from './terms/routing-agreements.ts';
import type { VenueTermsBook } from './terms/venue-terms-book.ts';

export interface RouteVenueNeeds {
  readonly sessions: Pick<OrderSessions, 'isUp'>;
  readonly directory: DirectorySource;
  readonly terms: VenueTermsBook;
  readonly agreements: Pick<RoutingAgreements, 'whyNotTo'>;
  /** Whether this venue's own book takes orders now. */
  readonly isVenueReady: () => boolean;
  /** What this venue's own book can do; undefined: everything. */
  readonly capabilities?: Pick<VenueCapabilities, 'timesInForce'> | undefined;
  /** Where wallets' own orders wait; undefined: that is not known. */
  readonly resting?: Pick<RestingOrders, 'opposite'> | undefined;
  /** Traded by a member at a venue this month, in 10^-18 of the cash; undefined: nothing. */
  readonly monthlyNotional?: ((member: MemberId, venue: VenueId) => bigint) | undefined;
  /** What a leg costs this node however large it is, as a decimal of the cash; default none. */
  readonly legCost?: string | undefined;
  readonly nowMs: () => number;
}

/** The order on whose behalf venues are looked at. */
export interface Routable {
  readonly member: MemberId;
  readonly account: string;
  readonly instrument: Instrument;
  readonly side: Side;
  /** What is left of it. */
  readonly quantity: Quantity;
  readonly limitPrice: Price | undefined;
  /** Whether it goes to one venue as a whole. */
  readonly isWhole: boolean;
}

/** A venue as an order would find it. */
interface Found {
  readonly terms: VenueTerms;
  readonly fees: CompiledFees;
}

/** What each venue is to an order: why it may not go there, or what it costs and bounds there. */
export class RouteVenues {
  readonly #self: VenueId;
  readonly #needs: RouteVenueNeeds;
  /** Schedules with one tier cost everybody the same: by schedule, then by decimals. */
  readonly #flat = new WeakMap<FeeSchedule, Map<number, CompiledFees | undefined>>();

  constructor(self: VenueId, needs: RouteVenueNeeds) {
    this.#self = self;
    this.#needs = needs;
  }

  /** A reason not to send it there, or the venue as the router takes it. `worst`: at most this price. */
  forRouting(venue: VenueId, order: Routable, worst: Price | undefined): string | RouteVenue {
    const found = this.#find(venue, order);
    if (typeof found === 'string') return found;
    const { capabilities, resting } = this.#needs;
    const own = venue === this.#self;
    const timeInForce = order.isWhole ? 'fok' : 'ioc';
    if (own && capabilities && !capabilities.timesInForce.includes(timeInForce)) {
      return 'capability-missing';
    }
    const agreed = own ? undefined : this.#agreed(venue, order, worst);
    const ownOppositePrice = resting
      ?.opposite(order.account, order.instrument.id, order.side)
      .get(venue);
    return {
      cost: found.fees.taker,
      minimumLots: found.terms.minimumLots,
      ...(ownOppositePrice !== undefined && { ownOppositePrice }),
      ...(agreed !== undefined && { agreed }),
    };
  }

  /**
   * The listing venue where what is left costs least when it is met there: the lowest maker cost, then
   * home, then the lowest id. Undefined where none that is open and can be reached takes it.
   */
  bestToRest(
    candidates: readonly VenueId[],
    order: Routable & { readonly limitPrice: Price; readonly allOrNone: boolean },
  ): VenueId | undefined {
    let best: { readonly venue: VenueId; readonly cost: bigint } | undefined;
    const notional = BigInt(order.limitPrice) * BigInt(order.quantity);
    for (const venue of candidates.toSorted((a, b) => this.#byPreference(a, b))) {
      if (this.whyNotRest(venue, order) !== undefined) continue;
      const found = this.#find(venue, order);
      if (typeof found === 'string') continue;
      const cost = found.fees.maker.fixed * COST_MICROS + feeMicros(found.fees.maker, notional);
      if (best === undefined || cost < best.cost) best = { venue, cost };
    }
    return best?.venue;
  }

  /** Why what is left cannot wait in a venue's book, its hours apart; undefined where it can. */
  whyNotRest(
    venue: VenueId,
    order: Routable & { readonly limitPrice: Price; readonly allOrNone: boolean },
  ): string | undefined {
    const { agreements, resting, terms } = this.#needs;
    const { instrument, member, side, quantity, limitPrice } = order;
    const given = terms.of(venue)?.terms;
    if (order.allOrNone && given?.allOrNone === false) return 'capability-missing';
    if (given && quantity < given.minimumLots * instrument.lotSize) return 'below-minimum';
    // It would not wait: it would meet what waits there of the same wallet.
    const own = resting?.opposite(order.account, instrument.id, side).get(venue);
    if (own !== undefined && (side === 'buy' ? own <= limitPrice : own >= limitPrice)) {
      return 'self-trade';
    }
    if (venue === this.#self) return undefined;
    const asked = { member, instrument, side, isResting: true, quantity, price: limitPrice };
    return agreements.whyNotTo(venue, asked) && 'no-agreement';
  }

  #find(venue: VenueId, order: Routable): string | Found {
    const { directory, isVenueReady, nowMs, sessions, terms } = this.#needs;
    const own = venue === this.#self;
    const notStanding = whyNotStanding(directory.current(), venue, order.instrument.id);
    if (notStanding !== undefined) return notStanding;
    if (own && !isVenueReady()) return 'venue-not-ready';
    if (!own && !sessions.isUp(venue)) return 'no-order-link';
    const given = terms.of(venue)?.terms;
    const fees = given && this.#fees(venue, given.fees, order);
    if (!given || !fees) return 'terms-unknown';
    if (phaseAt(given.calendar, nowMs()) !== 'open') return 'closed';
    return { terms: given, fees };
  }

  #fees(venue: VenueId, schedule: FeeSchedule, order: Routable): CompiledFees | undefined {
    const { priceDecimals, quantityDecimals } = order.instrument;
    const notionalDecimals = priceDecimals + quantityDecimals;
    const { legCost = '0', monthlyNotional } = this.#needs;
    const flat = schedule.tiers.length <= 1;
    const known = this.#flat.get(schedule);
    if (flat && known?.has(notionalDecimals)) return known.get(notionalDecimals);
    const traded = flat ? 0n : (monthlyNotional?.(order.member, venue) ?? 0n);
    const fees = compileFees(schedule, { monthlyNotional: traded, notionalDecimals, legCost });
    if (!flat) return fees;
    if (known) known.set(notionalDecimals, fees);
    else this.#flat.set(schedule, new Map([[notionalDecimals, fees]]));
    return fees;
  }

  /** The most that agreements let go there at once; undefined where they set no bound. */
  #agreed(venue: VenueId, order: Routable, worst: Price | undefined): Quantity | undefined {
    const { member, instrument, side, quantity } = order;
    const { lotSize } = instrument;
    const price = worst === undefined ? {} : { price: worst };
    const about = { member, instrument, side, isResting: false, ...price };
    const mayGo = (lots: number): boolean =>
      this.#needs.agreements.whyNotTo(venue, { ...about, quantity: lots * lotSize }) === undefined;
    let least = 0;
    let most = Math.ceil(quantity / lotSize);
    if (mayGo(most)) return undefined;
    // What may go is a quantity or a notional, so that all that is smaller may go too.
    while (most - least > 1) {
      const lots = Math.floor((least + most) / 2);
      if (mayGo(lots)) least = lots;
      else most = lots;
    }
    return least * lotSize;
  }

  #byPreference(a: VenueId, b: VenueId): number {
    return Number(b === this.#self) - Number(a === this.#self) || (a < b ? -1 : 1);
  }
}

function whyNotStanding(
  { listings, members }: Directory,
  venue: VenueId,
  instrument: string,
): string | undefined {
  const listing = listings.find((each) => each.venue === venue && each.instrument === instrument);
  if (listing?.status !== 'listed') return listing?.status ?? 'not-listed';
  return members.get(venue)?.status === 'active' ? undefined : 'member-not-active';
}
