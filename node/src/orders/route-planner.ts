import type { DirectorySource, VenueId } from '@stoa/schema';
import type { MarketView } from '../market/market-view.ts';
import { type Route, route } from '../routing/router.ts';
import type { OrderSessions } from './order-session.ts';
import type { NewLeg, OrderEvent, OrderState } from './order-state.ts';
import type { StoredOrder } from './order-store.ts';

/** Rounds of routing before the rest waits at home; each asks only venues that were not asked yet. */
const MAX_ROUNDS = 3;

/** What happens to an order next, and the route behind it. */
export interface Decision {
  readonly event: OrderEvent;
  readonly route?: Route;
}

export interface RoutePlannerNeeds {
  readonly sessions: Pick<OrderSessions, 'isUp'>;
  readonly market: MarketView;
  readonly directory: DirectorySource;
  /** Whether this venue's own book takes orders now. */
  readonly isVenueReady: () => boolean;
  readonly nowMs: () => number;
}

/** Decides, from the market as this node sees it, what becomes of an order. Changes nothing. */
export class RoutePlanner {
  readonly #venue: VenueId;
  readonly #needs: RoutePlannerNeeds;

  constructor(venue: VenueId, needs: RoutePlannerNeeds) {
    this.#venue = venue;
    this.#needs = needs;
  }

  /** Where an order would go now. */
  preview(order: Pick<StoredOrder, 'instrument' | 'state'>): Route | undefined {
    const { instrument: id, state } = order;
    const instrument = this.#needs.directory.current().instruments.get(id);
    if (!instrument) return undefined;
    const { side, timeInForce, limitPrice } = state;
    const quantity = state.quantity - state.filled;
    return route({
      order: { side, timeInForce, quantity, limitPrice },
      book: this.#needs.market.book(id),
      tickSize: instrument.tickSize,
      lotSize: instrument.lotSize,
      home: this.#venue,
      nowMs: this.#needs.nowMs(),
      exclusions: this.#exclusions(id, state),
    });
  }

  /**
   * What becomes of what is left: more legs, the rest waiting at home, or the end.
   *
   * The rest waits only when every leg is answered, and no venue that was not asked shows anything
   * within the limit: so it crosses nothing that could still be seen, and no quantity is at risk twice.
   */
  decide(order: StoredOrder, state: OrderState): Decision {
    const round = 1 + Math.max(0, ...state.legs.map((leg) => leg.round));
    const routed = this.preview({ instrument: order.instrument, state });
    const number = state.legs.length + 1;
    if (routed && routed.legs.length > 0 && round <= MAX_ROUNDS) {
      const timeInForce = state.timeInForce === 'fok' ? 'fok' : 'ioc';
      const legs = routed.legs.map(
        (leg, index): NewLeg => ({
          ...leg,
          id: `${state.id}.${number + index}.${round}`,
          number: number + index,
          round,
          purpose: 'route',
          timeInForce,
        }),
      );
      return { event: { kind: 'routed', legs }, route: routed };
    }
    const { timeInForce, limitPrice } = state;
    const mayWait = timeInForce === 'day' || timeInForce === 'gtc';
    const why = routed && { route: routed };
    if (mayWait && limitPrice !== undefined) {
      const rest: NewLeg = {
        id: `${state.id}.${number}.${round}`,
        number,
        round,
        purpose: 'rest',
        venue: this.#venue,
        timeInForce,
        quantity: state.quantity - state.filled,
        limitPrice,
      };
      return { event: { kind: 'routed', legs: [rest] }, ...why };
    }
    const reason =
      timeInForce === 'fok'
        ? 'FOK_UNFILLABLE: No venue shows enough to fill the whole order.'
        : 'NO_LIQUIDITY: No venue shows a firm quote that the order could take.';
    return { event: { kind: 'ended', status: 'canceled', reason }, ...why };
  }

  #exclusions(instrument: string, state: OrderState): ReadonlyMap<VenueId, string> {
    const { listings, members } = this.#needs.directory.current();
    const listed = new Map(
      listings
        .filter((each) => each.instrument === instrument)
        .map((each) => [each.venue, each.status]),
    );
    const reasons = new Map<VenueId, string>();
    const later = state.legs.length > 0;
    for (const { venue } of this.#needs.market.book(instrument).venues) {
      const own = venue === this.#venue;
      const status = listed.get(venue);
      if (status !== 'listed') reasons.set(venue, status ?? 'not-listed');
      else if (members.get(venue)?.status !== 'active') reasons.set(venue, 'member-not-active');
      else if (own && !this.#needs.isVenueReady()) reasons.set(venue, 'venue-not-ready');
      else if (!own && !this.#needs.sessions.isUp(venue)) reasons.set(venue, 'no-order-link');
      // What it shows may be what was just taken there. The home book is met by what waits in it.
      else if (later && (own || state.legs.some((leg) => leg.venue === venue))) {
        reasons.set(venue, 'asked-before');
      }
    }
    return reasons;
  }
}
