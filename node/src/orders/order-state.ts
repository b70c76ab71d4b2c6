import {
  invariant,
  type LegRejection,
  type OrderStatus,
  type OrderType,
  type Price,
  type Quantity,
  type Side,
  TERMINAL_STATUSES,
  type TimeInForce,
  type VenueId,
} from '@stoa/schema';

/** A child order at one venue. `route` legs take liquidity at once, a `rest` leg waits at home. */
export interface LegState {
  readonly id: string;
  readonly number: number;
  readonly round: number;
  readonly purpose: 'route' | 'rest';
  readonly venue: VenueId;
  readonly timeInForce: TimeInForce;
  readonly quantity: Quantity;
  readonly limitPrice: Price;
  readonly status: OrderStatus;
  readonly filled: Quantity;
  /** What the venue said was filled when it ended the leg; undefined until then. */
  readonly finalFilled: Quantity | undefined;
  readonly reason: string | undefined;
}

/** A leg before it was sent. */
export type NewLeg = Omit<LegState, 'status' | 'filled' | 'finalFilled' | 'reason'>;

/** An order and its legs. */
export interface OrderState {
  readonly id: string;
  readonly side: Side;
  readonly type: OrderType;
  readonly timeInForce: TimeInForce;
  readonly quantity: Quantity;
  readonly limitPrice: Price | undefined;
  readonly status: OrderStatus;
  readonly filled: Quantity;
  /** Sum of price × quantity of its executions. */
  readonly notional: bigint;
  readonly cancelRequested: boolean;
  readonly reason: string | undefined;
  readonly legs: readonly LegState[];
}

/** What can happen to an order. */
export type OrderEvent =
  /** Legs go out; they are recorded as sent before they are. */
  | { readonly kind: 'routed'; readonly legs: readonly NewLeg[] }
  /** Nothing is to be sent (any more): the order ends as it stands. */
  | { readonly kind: 'ended'; readonly status: 'canceled' | 'rejected'; readonly reason: string }
  | { readonly kind: 'leg-accepted'; readonly legId: string }
  | { readonly kind: 'leg-rejected'; readonly legId: string; readonly rejection: LegRejection }
  | {
      readonly kind: 'leg-executed';
      readonly legId: string;
      readonly venue: VenueId;
      readonly executionId: string;
      readonly price: Price;
      readonly quantity: Quantity;
    }
  | {
      readonly kind: 'leg-done';
      readonly legId: string;
      readonly state: 'filled' | 'canceled' | 'expired';
      readonly filled: Quantity;
      readonly reason: string;
    }
  | {
      readonly kind: 'leg-status';
      readonly legId: string;
      readonly state: OrderStatus | 'unknown-order';
      readonly filled: Quantity;
    }
  /** No answer in time, or the link is down: what became of the leg is not known. */
  | { readonly kind: 'leg-silent'; readonly legId: string; readonly reason: string }
  | { readonly kind: 'cancel-requested' }
  /** The venue would not cancel the leg, which lives on. */
  | {
      readonly kind: 'leg-cancel-rejected';
      readonly legId: string;
      readonly rejection: LegRejection;
    };

/** What has to be done because of an event; recorded with the state it goes with. */
export type OrderEffect =
  /** Every leg is answered and the order is open: route on, or let the rest wait at home. */
  | { readonly kind: 'continue'; readonly leaves: Quantity }
  | { readonly kind: 'cancel-leg'; readonly leg: LegState }
  | { readonly kind: 'ask-status'; readonly leg: LegState }
  /** No leg that routes is in flight: what was executed may settle as one group. */
  | { readonly kind: 'close-group' };

/** Why an event changed nothing. `DUPLICATE` is normal; the others are a venue's contradictions. */
export type IgnoredCode =
  | 'DUPLICATE'
  | 'LEG_UNKNOWN'
  | 'LEG_ENDED'
  | 'LEG_OVERFILLED'
  | 'PRICE_WORSE_THAN_LIMIT'
  | 'FILLED_CONTRADICTS'
  | 'ORDER_ENDED';

/** The next state with its effects, or why there is none. */
export type OrderStep =
  | { readonly state: OrderState; readonly effects: readonly OrderEffect[] }
  | { readonly ignored: IgnoredCode };

/** Whether a leg takes no more fills and everything it filled has been told. */
export function isComplete(leg: LegState): boolean {
  return leg.filled === leg.quantity || leg.filled === leg.finalFilled;
}

/** Whether a leg that routes is in flight. */
export function isRouting(state: OrderState): boolean {
  return state.legs.some((leg) => leg.purpose === 'route' && !isComplete(leg));
}

/** What may still be executed: quantity less what was filled, nothing once the order has ended. */
export function leavesOf(state: OrderState): Quantity {
  return TERMINAL_STATUSES.has(state.status) ? 0 : state.quantity - state.filled;
}

/** Name of an execution in the set that {@link applyOrderEvent} dedupes by. */
export function executionKey(venue: VenueId, executionId: string): string {
  return `${venue}/${executionId}`;
}

/**
 * One step of an order's life: FIX 4.4's order states, and UNKNOWN.
 *
 * Fills count whenever they come: after the venue's last word on the leg if that word counted them,
 * after a cancel was asked for, after the answer was given up.
 *
 * @param counted execution keys that were counted before; the caller may give only those it is
 * about to apply.
 * @throws CodedError `INVARIANT_BROKEN` if more than what is left could be executed.
 */
export function applyOrderEvent(
  state: OrderState,
  event: OrderEvent,
  counted: ReadonlySet<string>,
): OrderStep {
  if (event.kind === 'routed') return concluded(withLegs(state, event.legs), []);
  if (event.kind === 'ended') return ended(state, event.status, event.reason);
  if (event.kind === 'cancel-requested') return cancelRequested(state);

  const leg = state.legs.find((each) => each.id === event.legId);
  if (!leg) return { ignored: 'LEG_UNKNOWN' };
  switch (event.kind) {
    case 'leg-executed':
      return executed(state, leg, event, counted);
    case 'leg-accepted':
      if (leg.status !== 'pending-new' && leg.status !== 'unknown') return { ignored: 'DUPLICATE' };
      return changed(state, { ...leg, status: liveStatus(leg.filled) });
    case 'leg-rejected': {
      if (isComplete(leg)) return { ignored: 'LEG_ENDED' };
      if (leg.filled > 0) return { ignored: 'FILLED_CONTRADICTS' };
      const reason = `${event.rejection.code}: ${event.rejection.message}`;
      return changed(state, { ...leg, status: 'rejected', finalFilled: 0, reason });
    }
    case 'leg-done':
      return finished(state, leg, event.state, event.filled, event.reason);
    case 'leg-status':
      return told(state, leg, event.state, event.filled);
    case 'leg-silent': {
      if (isComplete(leg)) return { ignored: 'LEG_ENDED' };
      const silent: LegState = { ...leg, status: 'unknown', reason: event.reason };
      return changed(state, silent, [{ kind: 'ask-status', leg: silent }]);
    }
    case 'leg-cancel-rejected': {
      if (!state.cancelRequested) return { ignored: 'DUPLICATE' };
      const reason = `${event.rejection.code}: ${event.rejection.message}`;
      return concluded({ ...state, cancelRequested: false, reason }, []);
    }
  }
}

function withLegs(state: OrderState, legs: readonly NewLeg[]): OrderState {
  const sent = legs.map(
    (leg): LegState => ({
      ...leg,
      status: 'pending-new',
      filled: 0,
      finalFilled: undefined,
      reason: undefined,
    }),
  );
  return { ...state, legs: [...state.legs, ...sent] };
}

function cancelRequested(state: OrderState): OrderStep {
  if (TERMINAL_STATUSES.has(state.status)) return { ignored: 'ORDER_ENDED' };
  if (state.cancelRequested) return { ignored: 'DUPLICATE' };
  const open = state.legs.filter((leg) => !isComplete(leg));
  return concluded(
    { ...state, cancelRequested: true },
    open.map((leg) => ({ kind: 'cancel-leg', leg })),
  );
}

function executed(
  state: OrderState,
  leg: LegState,
  fill: Extract<OrderEvent, { kind: 'leg-executed' }>,
  counted: ReadonlySet<string>,
): OrderStep {
  if (counted.has(executionKey(fill.venue, fill.executionId))) return { ignored: 'DUPLICATE' };
  if (leg.venue !== fill.venue) return { ignored: 'LEG_UNKNOWN' };
  const most = leg.finalFilled ?? leg.quantity;
  if (leg.filled + fill.quantity > most) return { ignored: 'LEG_OVERFILLED' };
  const worse = state.side === 'buy' ? fill.price > leg.limitPrice : fill.price < leg.limitPrice;
  if (worse) return { ignored: 'PRICE_WORSE_THAN_LIMIT' };

  const filled = leg.filled + fill.quantity;
  const status = filled === leg.quantity ? 'filled' : endedOr(leg, liveStatus(filled));
  return changed(
    {
      ...state,
      filled: state.filled + fill.quantity,
      notional: state.notional + BigInt(fill.price) * BigInt(fill.quantity),
    },
    { ...leg, filled, status },
    [{ kind: 'close-group' }],
  );
}

function finished(
  state: OrderState,
  leg: LegState,
  status: OrderStatus,
  filled: Quantity,
  reason: string | undefined,
): OrderStep {
  if (leg.finalFilled !== undefined) {
    return { ignored: leg.finalFilled === filled ? 'DUPLICATE' : 'FILLED_CONTRADICTS' };
  }
  if (filled < leg.filled || filled > leg.quantity) return { ignored: 'FILLED_CONTRADICTS' };
  return changed(state, {
    ...leg,
    status: filled === leg.quantity ? 'filled' : status,
    finalFilled: filled,
    reason,
  });
}

function told(
  state: OrderState,
  leg: LegState,
  status: OrderStatus | 'unknown-order',
  filled: Quantity,
): OrderStep {
  if (status === 'unknown-order') {
    if (isComplete(leg)) return { ignored: 'LEG_ENDED' };
    return finished(state, leg, 'rejected', 0, 'The venue never had this order.');
  }
  if (TERMINAL_STATUSES.has(status)) return finished(state, leg, status, filled, leg.reason);
  if (leg.status !== 'unknown' || isComplete(leg)) return { ignored: 'DUPLICATE' };
  return changed(state, { ...leg, status: liveStatus(leg.filled), reason: undefined });
}

/** A leg's new state in its order. A leg that has just been answered lets its group close. */
function changed(
  state: OrderState,
  leg: LegState,
  effects: readonly OrderEffect[] = [],
): OrderStep {
  const legs = state.legs.map((each) => (each.id === leg.id ? leg : each));
  const wasOpen = state.legs.some((each) => each.id === leg.id && !isComplete(each));
  const answered: readonly OrderEffect[] =
    wasOpen && isComplete(leg) ? [{ kind: 'close-group' }] : [];
  return concluded({ ...state, legs }, [...effects, ...answered]);
}

function ended(state: OrderState, status: 'canceled' | 'rejected', reason: string): OrderStep {
  invariant(state.legs.every(isComplete), 'an order ended with a leg in flight', { id: state.id });
  if (TERMINAL_STATUSES.has(state.status)) return { ignored: 'ORDER_ENDED' };
  const last = state.filled > 0 ? 'canceled' : status;
  return { state: { ...state, status: last, reason }, effects: [] };
}

/** Draws the order's status from its legs, and asserts what must be true of both. */
function concluded(state: OrderState, asked: readonly OrderEffect[]): OrderStep {
  assertSound(state);
  const routing = isRouting(state);
  const effects = asked.filter(
    (effect, index) =>
      effect.kind !== 'close-group' ||
      (!routing && asked.findIndex(({ kind }) => kind === 'close-group') === index),
  );
  if (TERMINAL_STATUSES.has(state.status)) return { state, effects };
  if (state.filled === state.quantity) {
    return { state: { ...state, status: 'filled', reason: undefined }, effects };
  }
  const open = state.legs.filter((leg) => !isComplete(leg));
  if (open.length > 0) return { state: { ...state, status: openStatus(state, open) }, effects };
  if (mayContinue(state)) {
    const leaves = state.quantity - state.filled;
    const status = openStatus(state, open);
    return { state: { ...state, status }, effects: [...effects, { kind: 'continue', leaves }] };
  }
  return { state: lastWord(state), effects };
}

/** Only a limit order that may wait goes on, and only until its rest has been in the home book. */
function mayContinue(state: OrderState): boolean {
  return (
    !state.cancelRequested &&
    state.type === 'limit' &&
    (state.timeInForce === 'day' || state.timeInForce === 'gtc') &&
    !state.legs.some((leg) => leg.purpose === 'rest')
  );
}

function lastWord(state: OrderState): OrderState {
  const last = state.legs.at(-1);
  if (state.cancelRequested) return { ...state, status: 'canceled' };
  if (state.filled === 0 && state.legs.length > 0 && state.legs.every(isRejected)) {
    return { ...state, status: 'rejected', reason: last?.reason };
  }
  const expired = last?.purpose === 'rest' && last.status === 'expired';
  const reason = state.legs.findLast((leg) => leg.filled < leg.quantity)?.reason;
  return { ...state, status: expired ? 'expired' : 'canceled', reason };
}

function openStatus(state: OrderState, open: readonly LegState[]): OrderStatus {
  if (state.cancelRequested) return 'pending-cancel';
  // As long as another leg is known to work, the order is as good as known.
  if (open.length > 0 && open.every((leg) => leg.status === 'unknown')) return 'unknown';
  if (state.filled > 0) return 'partially-filled';
  const seen = state.legs.some((leg) => leg.status !== 'pending-new' && leg.status !== 'unknown');
  return seen ? 'new' : 'pending-new';
}

function isRejected(leg: LegState): boolean {
  return leg.status === 'rejected';
}

function liveStatus(filled: Quantity): OrderStatus {
  return filled > 0 ? 'partially-filled' : 'new';
}

/** A late fill does not bring a leg back that the venue has ended. */
function endedOr(leg: LegState, live: OrderStatus): OrderStatus {
  return leg.finalFilled === undefined ? live : leg.status;
}

function assertSound(state: OrderState): void {
  const filled = state.legs.reduce((sum, leg) => sum + leg.filled, 0);
  const atRisk = state.legs.reduce(
    (sum, leg) => sum + (leg.finalFilled ?? leg.quantity) - leg.filled,
    0,
  );
  const data = { id: state.id, filled: state.filled, quantity: state.quantity, atRisk };
  invariant(filled === state.filled, 'the legs of an order do not add up to it', data);
  invariant(state.filled + atRisk <= state.quantity, 'quantity is at risk twice', data);
  for (const leg of state.legs) {
    invariant(leg.filled >= 0 && leg.filled <= leg.quantity, 'a leg is overfilled', data);
  }
}
