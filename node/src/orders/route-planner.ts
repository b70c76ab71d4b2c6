import { invariant, type Price, type VenueId } from '@stoa/schema';
import type { MarketView } from '../market/market-view.ts';
import type { Route, RouteInput, RouteVenue, SettleableBound } from '../routing/route.ts';
import { type PricedRoute, priceRoute } from '../routing/route-cost.ts';
import { route } from '../routing/router.ts';
import { mayWait, type NewLeg, type OrderEvent, type OrderState } from './life/order-state.ts';
import type { StoredOrder } from './order-rows.ts';
import { type Routable, type RouteVenueNeeds, RouteVenues } from './route-venues.ts';
import type { SettleableOrders } from './settleable-orders.ts';

/** Rounds of routing before the rest waits; each asks only venues that were not asked yet. */
const MAX_ROUNDS = 3;

/** What happens to an order next, and the route behind it. */
export interface Decision {
  readonly event: OrderEvent;
  readonly route?: Route;
  /** What the route was made from: the same input makes the same route again. */
  readonly input?: RouteInput;
}

/** An order, or one that could be: who it is for, and what is asked for. */
export type PlannedOrder = Pick<StoredOrder, 'member' | 'account' | 'instrument' | 'state'>;

/** Where an order would go, and what that costs at the quotes shown. */
export interface RoutePreview extends PricedRoute {
  /** Of the book that it was made from; see `ConsolidatedBook`. */
  readonly bookVersion: number;
}

export interface RoutePlannerNeeds extends RouteVenueNeeds {
  readonly market: MarketView;
  /** How much of orders could still settle; undefined: all of each. */
  readonly settleable?: Pick<SettleableOrders, 'of'> | undefined;
}

/** An order that may wait, with its limit. */
type Resting = Routable & { readonly limitPrice: Price; readonly allOrNone: boolean };

/** Decides, from the market as this node sees it, what becomes of an order. Changes nothing. */
export class RoutePlanner {
  readonly #venue: VenueId;
  readonly #needs: RoutePlannerNeeds;
  readonly #venues: RouteVenues;

  constructor(venue: VenueId, needs: RoutePlannerNeeds) {
    this.#venue = venue;
    this.#needs = needs;
    this.#venues = new RouteVenues(venue, needs);
  }

  /**
   * Where an order would go now; undefined for an instrument that is not known.
   *
   * @param settleable of what is left; undefined: all of it
   */
  preview(order: PlannedOrder, settleable?: SettleableBound): RoutePreview | undefined {
    const input = this.#input(order, order.state, settleable);
    if (!input) return undefined;
    const bookVersion = this.#needs.market.book(order.instrument).version;
    return { ...priceRoute(input, route(input)), bookVersion };
  }

  /**
   * What becomes of what is left: more legs, the rest waiting in a book, or the end.
   *
   * The rest waits only when every leg is answered, and no venue that was not asked shows anything
   * within the limit: so it crosses nothing that could still be seen, and no quantity is at risk twice.
   */
  decide(order: Omit<PlannedOrder, 'state'>, state: OrderState): Decision {
    const round = 1 + Math.max(0, ...state.legs.map((leg) => leg.round));
    const total = this.#needs.settleable?.of(state.id);
    const left = total && {
      quantity: Math.max(0, total.quantity - state.filled),
      code: total.code,
    };
    const input = this.#input(order, state, left);
    const routed = input && route(input);
    const why = routed && { route: routed, input };
    if (routed && routed.legs.length > 0 && round <= MAX_ROUNDS) {
      return { event: { kind: 'routed', legs: this.#routeLegs(state, routed, round) }, ...why };
    }
    return { event: this.#withoutRoute({ ...order, state }, round), ...why };
  }

  #routeLegs(state: OrderState, { legs }: Route, round: number): NewLeg[] {
    const number = state.legs.length + 1;
    // Whole or not at all at its one venue, which fill-or-kill says without another word.
    const timeInForce = isWhole(state) ? 'fok' : 'ioc';
    const minimum = openMinimum(state);
    const [only] = legs;
    // Only a single venue can promise a minimum by itself: over several, what is shown must do.
    const promised =
      minimum !== undefined &&
      legs.length === 1 &&
      timeInForce === 'ioc' &&
      only !== undefined &&
      this.#needs.terms.of(only.venue)?.terms.minQuantity === true;
    return legs.map((leg, index) => ({
      ...leg,
      id: `${state.id}.${number + index}.${round}`,
      number: number + index,
      round,
      purpose: 'route',
      timeInForce,
      ...(promised && { minQuantity: minimum }),
    }));
  }

  /** What becomes of an order for which no venue shows anything (more). */
  #withoutRoute(order: PlannedOrder, round: number): OrderEvent {
    const { state } = order;
    const { timeInForce, limitPrice, remainder } = state;
    const resting = this.#resting(order);
    const total = this.#needs.settleable?.of(state.id);
    // What could not settle waits nowhere: somebody would meet it.
    if (total && total.quantity < state.quantity) return ended(`${total.code}: ${total.message}`);
    if (openMinimum(state) !== undefined) {
      return ended('MIN_QUANTITY_UNFILLABLE: The venues do not show the minimum quantity.');
    }
    if (timeInForce === 'fok') {
      return ended('FOK_UNFILLABLE: No venue shows enough to fill the whole order.');
    }
    if (!mayWait(state) || limitPrice === undefined || remainder === 'cancel' || !resting) {
      return ended('NO_LIQUIDITY: No venue shows a firm quote that the order could take.');
    }
    const venue = this.#restingVenue(state, resting);
    if (venue === undefined) return ended('NO_VENUE_TO_REST: No venue takes what is left of it.');
    const why = this.#venues.whyNotRest(venue, resting);
    if (why !== undefined) return ended(WHY_NOT_RESTING[why] ?? `NO_VENUE_TO_REST: ${why}.`);
    const number = state.legs.length + 1;
    const rest: NewLeg = {
      id: `${state.id}.${number}.${round}`,
      number,
      round,
      purpose: 'rest',
      venue,
      timeInForce,
      quantity: resting.quantity,
      limitPrice,
      ...(state.expireAtMs !== undefined && { expireAtMs: state.expireAtMs }),
      ...(state.allOrNone && { allOrNone: true }),
    };
    return { kind: 'routed', legs: [rest] };
  }

  /** Home, unless the cheapest listing is asked for. Where none is open it waits for home to be. */
  #restingVenue({ remainder, directedTo }: OrderState, resting: Resting): VenueId | undefined {
    if (remainder !== 'rest-best') return this.#venue;
    const listed = this.#needs.directory
      .current()
      .listings.filter(({ instrument }) => instrument === resting.instrument.id)
      .map(({ venue }) => venue);
    const candidates = directedTo === undefined ? listed : [directedTo];
    return this.#venues.bestToRest(candidates, resting) ?? directedTo ?? this.#venue;
  }

  #resting(order: PlannedOrder): Resting | undefined {
    const routable = this.#routable(order, order.state);
    const { limitPrice } = order.state;
    if (!routable || limitPrice === undefined) return undefined;
    return { ...routable, limitPrice, allOrNone: order.state.allOrNone };
  }

  #routable(order: Omit<PlannedOrder, 'state'>, state: OrderState): Routable | undefined {
    const instrument = this.#needs.directory.current().instruments.get(order.instrument);
    if (!instrument) return undefined;
    const { side, limitPrice } = state;
    const { member, account } = order;
    const quantity = state.quantity - state.filled;
    invariant(quantity > 0, 'nothing is left of an order that is to be routed', { id: state.id });
    return { member, account, instrument, side, quantity, limitPrice, isWhole: isWhole(state) };
  }

  #input(
    order: Omit<PlannedOrder, 'state'>,
    state: OrderState,
    settleable: SettleableBound | undefined,
  ): RouteInput | undefined {
    const routable = this.#routable(order, state);
    if (!routable) return undefined;
    const { instrument, quantity } = routable;
    const { side, timeInForce, limitPrice, strategy, directedTo, allOrNone } = state;
    const { asOfMs, venues: shown } = this.#needs.market.book(instrument.id);
    const exclusions = new Map<VenueId, string>();
    const venues = new Map<VenueId, RouteVenue>();
    for (const { venue, bids, offers } of shown) {
      const worst = side === 'buy' ? (limitPrice ?? offers.at(-1)?.price) : bids[0]?.price;
      const found = this.#venues.forRouting(venue, routable, worst);
      if (typeof found !== 'string') venues.set(venue, found);
      const why = typeof found === 'string' ? found : this.#whyNotAgain(venue, state);
      if (why !== undefined) exclusions.set(venue, why);
    }
    const minimum = openMinimum(state);
    return {
      order: {
        ...{ side, timeInForce, quantity, limitPrice, strategy, allOrNone },
        ...(minimum !== undefined && { minQuantity: minimum }),
        ...(directedTo !== undefined && { directedTo }),
        ...(settleable !== undefined && settleable.quantity < quantity && { settleable }),
      },
      book: { instrument: instrument.id, asOfMs, venues: shown },
      tickSize: instrument.tickSize,
      lotSize: instrument.lotSize,
      home: this.#venue,
      nowMs: this.#needs.nowMs(),
      exclusions,
      venues,
    };
  }

  /** What it shows may be what was just taken there. The home book is met by what waits in it. */
  #whyNotAgain(venue: VenueId, { legs }: OrderState): string | undefined {
    const asked = legs.length > 0 && venue === this.#venue;
    return asked || legs.some((leg) => leg.venue === venue) ? 'asked-before' : undefined;
  }
}

const WHY_NOT_RESTING: Readonly<Record<string, string>> = {
  'self-trade': 'SELF_TRADE: What is left would meet an order of the same account.',
  'below-minimum': 'BELOW_VENUE_MINIMUM: What is left is below the smallest order of its venue.',
  'capability-missing': 'ALL_OR_NONE_NOT_TAKEN: Its venue takes no orders that are all or none.',
  'no-agreement': 'NO_AGREEMENT: There is no agreement for orders that wait at its venue.',
};

function ended(reason: string): OrderEvent {
  return { kind: 'ended', status: 'canceled', reason };
}

function isWhole({ timeInForce, allOrNone }: OrderState): boolean {
  return timeInForce === 'fok' || allOrNone;
}

/** The minimum is for the first execution: once something was executed it has done its work. */
function openMinimum({ minQuantity, filled }: OrderState): number | undefined {
  return filled === 0 ? minQuantity : undefined;
}
