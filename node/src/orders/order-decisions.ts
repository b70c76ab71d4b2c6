import { type DirectorySource, invariant, nextOpenMs, type VenueId } from '@stoa/schema';
import { isComplete, mayWait, type NewLeg, type OrderState } from './life/order-state.ts';
import type { StoredOrder } from './order-rows.ts';
import type { Decision, RoutePlanner } from './route-planner.ts';
import type { SettleableOrders } from './settleable-orders.ts';
import type { VenueTermsBook } from './terms/venue-terms-book.ts';

export interface OrderDecisionNeeds {
  readonly planner: Pick<RoutePlanner, 'decide'>;
  readonly terms: VenueTermsBook;
  /** How much of orders could still settle; undefined: all of each. */
  readonly settleable?: Pick<SettleableOrders, 'of'> | undefined;
  readonly directory: DirectorySource;
  readonly nowMs: () => number;
}

/** Whether an order could still settle is asked again so long after the chain did not say. */
const ASK_AGAIN_AFTER_MS = 5_000;

/**
 * What becomes of what is left of an order, in time as well as in the market: the planner knows where
 * it could go, this knows that it has expired, or has to wait for an open.
 */
export class OrderDecisions {
  readonly #needs: OrderDecisionNeeds;

  constructor(needs: OrderDecisionNeeds) {
    this.#needs = needs;
  }

  decide(order: StoredOrder, state: OrderState): Decision {
    if (state.quoteId !== undefined) return quoted(state);
    const nowMs = this.#needs.nowMs();
    if (state.endsAtMs !== undefined && nowMs >= state.endsAtMs) {
      const reason = 'EXPIRED: Its time in force ended before it could be sent.';
      return { event: { kind: 'ended', status: 'expired', reason } };
    }
    const opensAtMs = this.#waitsUntil(order, state, nowMs);
    if (opensAtMs !== undefined) return held(state, opensAtMs);
    const unasked = this.#needs.settleable?.of(state.id)?.code === 'CHECK_UNAVAILABLE';
    if (unasked && mayWait(state)) return held(state, nowMs + ASK_AGAIN_AFTER_MS);

    // What was asked before the order was replaced says nothing of what it is now.
    const current = { ...state, legs: state.legs.slice(state.routedFrom) };
    const decision = this.#needs.planner.decide(order, current);
    if (decision.event.kind !== 'routed') return decision;
    const { legs } = decision.event;
    const [rest] = legs;
    if (rest?.purpose === 'rest') {
      const restsAtMs = this.#opensAtMs(rest.venue, nowMs);
      if (restsAtMs !== undefined && restsAtMs > nowMs) return held(state, restsAtMs);
    }
    return { ...decision, event: { kind: 'routed', legs: renumbered(state, legs) } };
  }

  /** Where no venue that it could go to trades, an order that may wait waits for the first that will. */
  #waitsUntil({ instrument }: StoredOrder, state: OrderState, nowMs: number): number | undefined {
    if (!mayWait(state) || !state.legs.every(isComplete)) return undefined;
    const venues = this.#needs.directory
      .current()
      .listings.filter((each) => each.instrument === instrument && each.status === 'listed')
      .map(({ venue }) => venue)
      .filter((venue) => state.directedTo === undefined || venue === state.directedTo);
    const opens = venues.map((venue) => this.#opensAtMs(venue, nowMs) ?? nowMs);
    const first = Math.min(...opens);
    return opens.length > 0 && first > nowMs ? first : undefined;
  }

  /** When the venue trades next: now, or later; undefined where that is not known. */
  #opensAtMs(venue: VenueId, nowMs: number): number | undefined {
    const terms = this.#needs.terms.of(venue)?.terms;
    return terms && nextOpenMs(terms.calendar, nowMs);
  }
}

/** What was agreed on goes to its venue, whole and once, whatever the market shows. */
function quoted({ id, quantity, limitPrice, directedTo, legs }: OrderState): Decision {
  const isSound = limitPrice !== undefined && directedTo !== undefined && legs.length === 0;
  invariant(isSound, 'an order that takes a quote has no place to go', { id });
  const leg = { id: `${id}.1.1`, number: 1, round: 1, purpose: 'route', quantity } as const;
  const asSent: NewLeg = { ...leg, venue: directedTo, timeInForce: 'fok', limitPrice };
  return { event: { kind: 'routed', legs: [asSent] } };
}

function held({ endsAtMs }: OrderState, untilMs: number): Decision {
  return { event: { kind: 'held', untilMs: Math.min(untilMs, endsAtMs ?? untilMs) } };
}

/** Leg ids are never used twice, whatever part of the order's life was shown to the planner. */
function renumbered(state: OrderState, legs: readonly NewLeg[]): NewLeg[] {
  if (state.routedFrom === 0) return [...legs];
  const before = state.legs[state.routedFrom - 1]?.round ?? 0;
  return legs.map((leg, index) => {
    const number = state.legs.length + index + 1;
    const round = before + leg.round;
    return { ...leg, id: `${state.id}.${number}.${round}`, number, round };
  });
}
