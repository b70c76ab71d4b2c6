import {
  invariant,
  type OrderStatus,
  type Quantity,
  TERMINAL_STATUSES,
  type VenueId,
} from '@stoa/schema';
import { concluded } from './order-conclusion.ts';
import { isTakenBack, REPLACE_NOT_SUPPORTED, withHead } from './order-replacement.ts';
import { tradeChanged } from './order-trade-changes.ts';
import {
  isComplete,
  type LegState,
  liveStatus,
  type NewLeg,
  type OrderEffect,
  type OrderEvent,
  type OrderState,
  type OrderStep,
  reasonOf,
} from './order-types.ts';

export { isRouting } from './order-conclusion.ts';
export {
  type IgnoredCode,
  isComplete,
  type LegState,
  mayWait,
  type NewLeg,
  type OrderEffect,
  type OrderEvent,
  type OrderState,
  type OrderStep,
} from './order-types.ts';

/** Replacements of one order that may wait for each other. */
const MAX_REPLACEMENTS = 16;

type LegEvent = Extract<OrderEvent, { readonly legId: string }>;

/** What may still be executed: quantity less what was filled, nothing once the order has ended. */
export function leavesOf(state: OrderState): Quantity {
  return TERMINAL_STATUSES.has(state.status) ? 0 : state.quantity - state.filled;
}

/** Name of an execution in the set that {@link applyOrderEvent} dedupes by. */
export function executionKey(venue: VenueId, executionId: string): string {
  return `${venue}/${executionId}`;
}

/**
 * One step of an order's life: FIX 4.4's order states (appendix D), and UNKNOWN.
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
  switch (event.kind) {
    case 'routed':
      return concluded(withLegs(state, event.legs), []);
    case 'held':
      return concluded({ ...state, heldUntilMs: event.untilMs }, []);
    case 'released':
      if (state.heldUntilMs === undefined) return { ignored: 'DUPLICATE' };
      return concluded({ ...state, heldUntilMs: undefined }, []);
    case 'ended':
      return ended(state, event.status, event.reason);
    case 'cancel-requested':
      return cancelRequested(state);
    case 'replace-requested':
      return replaceRequested(state, event);
    default: {
      const leg = state.legs.find((each) => each.id === event.legId);
      return leg ? legChanged(state, leg, event, counted) : { ignored: 'LEG_UNKNOWN' };
    }
  }
}

function legChanged(
  state: OrderState,
  leg: LegState,
  event: LegEvent,
  counted: ReadonlySet<string>,
): OrderStep {
  switch (event.kind) {
    case 'leg-executed':
      return executed(state, leg, event, counted);
    case 'leg-accepted':
      if (leg.status !== 'pending-new' && leg.status !== 'unknown') return { ignored: 'DUPLICATE' };
      return changed(state, { ...leg, status: liveStatus(leg.filled) });
    case 'leg-rejected': {
      if (isComplete(leg)) return { ignored: 'LEG_ENDED' };
      if (leg.filled > 0) return { ignored: 'FILLED_CONTRADICTS' };
      const reason = reasonOf(event.rejection);
      const rejected = { ...leg, status: 'rejected', finalFilled: 0, reason } as const;
      const base = leg.purpose === 'rest' ? withoutReplacements(state) : state;
      return changed(base, { ...rejected, pending: undefined });
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
    case 'leg-cancel-rejected':
      return cancelRejected(state, leg, reasonOf(event.rejection));
    case 'leg-replaced':
      return replaced(state, leg, event);
    case 'leg-replace-rejected':
      return replaceRejected(state, leg, event);
    case 'trade-busted':
    case 'trade-corrected':
      return tradeChanged(state, leg, event);
  }
}

function withLegs(state: OrderState, legs: readonly NewLeg[]): OrderState {
  invariant(!TERMINAL_STATUSES.has(state.status), 'an ended order was routed', { id: state.id });
  const sent = legs.map(
    (leg): LegState => ({
      ...leg,
      status: 'pending-new',
      filled: 0,
      finalFilled: undefined,
      reason: undefined,
      revision: 0,
      pending: undefined,
    }),
  );
  return { ...state, heldUntilMs: undefined, legs: [...state.legs, ...sent] };
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

/** FIX 4.4 CxlRejReason(102): too late, already pending, below what was executed. */
function replaceRequested(
  state: OrderState,
  { quantity, limitPrice, reroute }: Extract<OrderEvent, { kind: 'replace-requested' }>,
): OrderStep {
  if (TERMINAL_STATUSES.has(state.status)) return { ignored: 'ORDER_ENDED' };
  if (state.cancelRequested) return { ignored: 'CANCEL_PENDING' };
  if (quantity < state.filled) return { ignored: 'REPLACE_BELOW_FILLED' };
  if (state.replacements.length >= MAX_REPLACEMENTS) return { ignored: 'REPLACE_PENDING' };
  const limit = limitPrice === undefined ? {} : { limitPrice };
  const asked = { quantity, ...limit, reroute, started: false };
  return concluded({ ...state, replacements: [...state.replacements, asked] }, []);
}

function replaced(
  state: OrderState,
  leg: LegState,
  { revision, quantity, limitPrice }: Extract<OrderEvent, { kind: 'leg-replaced' }>,
): OrderStep {
  const { pending } = leg;
  if (pending === undefined) return restated(state, leg, { quantity, limitPrice });
  if (revision !== leg.revision) return { ignored: 'DUPLICATE' };
  // The venue never goes below what it executed meanwhile, and says so.
  const asked = Math.max(pending.quantity, leg.filled);
  if (quantity !== asked || limitPrice !== pending.limitPrice) {
    return { ignored: 'REPLACE_CONTRADICTS' };
  }
  const status = leg.filled === quantity ? 'filled' : liveStatus(leg.filled);
  return changed(state, { ...leg, quantity, limitPrice, status, pending: undefined });
}

/** The venue took quantity off a leg that nobody asked it to change: the order is that much smaller. */
function restated(
  state: OrderState,
  leg: LegState,
  { quantity, limitPrice }: { readonly quantity: Quantity; readonly limitPrice: number },
): OrderStep {
  if (quantity === leg.quantity && limitPrice === leg.limitPrice) return { ignored: 'DUPLICATE' };
  if (isComplete(leg)) return { ignored: 'LEG_ENDED' };
  const taken = leg.quantity - quantity;
  if (limitPrice !== leg.limitPrice || taken < 0 || quantity < leg.filled || quantity === 0) {
    return { ignored: 'REPLACE_CONTRADICTS' };
  }
  const status = leg.filled === quantity ? 'filled' : leg.status;
  return changed({ ...state, quantity: state.quantity - taken }, { ...leg, quantity, status });
}

function replaceRejected(
  state: OrderState,
  leg: LegState,
  { revision, rejection }: Extract<OrderEvent, { kind: 'leg-replace-rejected' }>,
): OrderStep {
  if (leg.pending === undefined || revision !== leg.revision) return { ignored: 'DUPLICATE' };
  const standing: LegState = { ...leg, pending: undefined };
  const [head] = state.replacements;
  // Filled before it could be replaced: what the replacement adds is routed for itself.
  if (isComplete(standing)) return changed(state, standing);
  if (rejection.code === REPLACE_NOT_SUPPORTED && head) {
    return changed(withHead(state, { ...head, reroute: true, started: false }), standing);
  }
  return changed({ ...withHead(state, undefined), reason: reasonOf(rejection) }, standing);
}

function cancelRejected(state: OrderState, leg: LegState, reason: string): OrderStep {
  // Too late is what a cancel hears that lost to a fill: then there is nothing left to cancel.
  if (isComplete(leg)) return { ignored: 'LEG_ENDED' };
  if (state.cancelRequested) return concluded({ ...state, cancelRequested: false, reason }, []);
  if (isTakenBack(state)) return concluded({ ...withHead(state, undefined), reason }, []);
  return { ignored: 'DUPLICATE' };
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
  const whole = filled === leg.quantity;
  // A filled leg of which a trade was busted is not whole, and yet over.
  const last = whole ? 'filled' : status === 'filled' ? 'canceled' : status;
  // The venue ended it, and nobody asked: then the order ends with it, and is not sent again.
  const unasked = !whole && (!isTakenBack(state) || last !== 'canceled');
  const over: LegState = { ...leg, status: last, finalFilled: filled, reason, pending: undefined };
  return changed(unasked && leg.purpose === 'rest' ? withoutReplacements(state) : state, over);
}

function told(
  state: OrderState,
  leg: LegState,
  status: OrderStatus | 'unknown-order',
  filled: Quantity,
): OrderStep {
  if (status === 'unknown-order') {
    if (isComplete(leg)) return { ignored: 'LEG_ENDED' };
    const never = 'The venue never had this order.';
    if (leg.filled === 0) return finished(state, leg, 'rejected', 0, never);
    return finished(state, leg, 'canceled', leg.filled, 'The venue has this order no more.');
  }
  if (TERMINAL_STATUSES.has(status)) return finished(state, leg, status, filled, leg.reason);
  if (isComplete(leg)) return { ignored: 'DUPLICATE' };
  const paused = status === 'done-for-day' || status === 'suspended';
  const next = paused ? status : liveStatus(leg.filled);
  // A new leg is known to stand when it is accepted, and not before.
  const changes = paused || (leg.status !== 'pending-new' && leg.status !== 'partially-filled');
  if (!changes || next === leg.status) return { ignored: 'DUPLICATE' };
  return changed(state, { ...leg, status: next, reason: undefined });
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

function ended(
  state: OrderState,
  status: 'canceled' | 'rejected' | 'expired',
  reason: string,
): OrderStep {
  invariant(state.legs.every(isComplete), 'an order ended with a leg in flight', { id: state.id });
  if (TERMINAL_STATUSES.has(state.status)) return { ignored: 'ORDER_ENDED' };
  const last = state.filled > 0 && status === 'rejected' ? 'canceled' : status;
  const over = { ...withoutReplacements(state), status: last, reason, heldUntilMs: undefined };
  return { state: over, effects: [] };
}

function withoutReplacements(state: OrderState): OrderState {
  return state.replacements.length === 0 ? state : { ...state, replacements: [] };
}

/** A late fill does not bring a leg back that the venue has ended. */
function endedOr(leg: LegState, live: OrderStatus): OrderStatus {
  return leg.finalFilled === undefined ? live : leg.status;
}
