import { invariant, type OrderStatus, TERMINAL_STATUSES } from '@stoa/schema';
import { advanceReplacements } from './order-replacement.ts';
import {
  isComplete,
  type LegState,
  liveStatus,
  mayWait,
  type OrderEffect,
  type OrderState,
  type OrderStep,
} from './order-types.ts';

/** Whether a leg that routes is in flight. */
export function isRouting(state: OrderState): boolean {
  return state.legs.some((leg) => leg.purpose === 'route' && !isComplete(leg));
}

/** Draws the order's status from its legs, and asserts what must be true of both. */
export function concluded(changed: OrderState, asked: readonly OrderEffect[]): OrderStep {
  const { state, effects: more } = advanceReplacements(changed);
  assertSound(state);
  const effects = [...onceGroups(asked, isRouting(state)), ...more];
  if (TERMINAL_STATUSES.has(state.status)) return { state, effects };
  if (state.filled === state.quantity && state.replacements.length === 0) {
    return { state: { ...state, status: 'filled', reason: undefined }, effects };
  }
  const open = state.legs.filter((leg) => !isComplete(leg));
  const held = state.heldUntilMs !== undefined && !state.cancelRequested;
  if (open.length > 0 || held) {
    return { state: { ...state, status: openStatus(state, open) }, effects };
  }
  if (mayContinue(state)) {
    const leaves = state.quantity - state.filled;
    const status = openStatus(state, open);
    return { state: { ...state, status }, effects: [...effects, { kind: 'continue', leaves }] };
  }
  return { state: { ...lastWord(state), heldUntilMs: undefined }, effects };
}

/** A group is closed once a step, and only when nothing is in flight. */
function onceGroups(asked: readonly OrderEffect[], routing: boolean): OrderEffect[] {
  const first = asked.findIndex(({ kind }) => kind === 'close-group');
  return asked.filter(
    (effect, index) => effect.kind !== 'close-group' || (!routing && index === first),
  );
}

/** Only a limit order that may wait goes on, and only until its rest has been in a book. */
function mayContinue(state: OrderState): boolean {
  const current = state.legs.slice(state.routedFrom);
  return (
    !state.cancelRequested && mayWait(state) && !current.some(({ purpose }) => purpose === 'rest')
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

/** FIX 4.4 ranks statuses that hold at once: what is pending goes before what is known. */
function openStatus(state: OrderState, open: readonly LegState[]): OrderStatus {
  const allAre = (status: OrderStatus): boolean =>
    open.length > 0 && open.every((leg) => leg.status === status);
  if (state.cancelRequested) return 'pending-cancel';
  // As long as another leg is known to work, the order is as good as known.
  if (allAre('unknown')) return 'unknown';
  if (state.replacements.length > 0) return 'pending-replace';
  if (allAre('done-for-day')) return 'done-for-day';
  if (allAre('suspended')) return 'suspended';
  const seen = state.legs.some((leg) => leg.status !== 'pending-new' && leg.status !== 'unknown');
  const known = seen || state.heldUntilMs !== undefined || state.filled > 0;
  return known ? liveStatus(state.filled) : 'pending-new';
}

function isRejected(leg: LegState): boolean {
  return leg.status === 'rejected';
}

/** What the venue may still execute of a leg, at the most. */
function atRiskOf(leg: LegState): number {
  const most = Math.max(leg.quantity, leg.pending?.quantity ?? 0);
  return (leg.finalFilled ?? most) - leg.filled;
}

/** What all venues together may still execute, at the most. */
export function atRisk(state: OrderState): number {
  return state.legs.reduce((sum, leg) => sum + atRiskOf(leg), 0);
}

function assertSound(state: OrderState): void {
  const filled = state.legs.reduce((sum, leg) => sum + leg.filled, 0);
  const risk = atRisk(state);
  const [head] = state.replacements;
  const most = Math.max(state.quantity, head?.started ? head.quantity : 0);
  const data = { id: state.id, filled: state.filled, quantity: state.quantity, atRisk: risk };
  invariant(filled === state.filled, 'the legs of an order do not add up to it', data);
  invariant(state.filled + risk <= most, 'quantity is at risk twice', data);
  invariant(state.quantity > 0 && state.filled <= state.quantity, 'an order is overfilled', data);
  invariant(state.notional >= 0n, 'an order has a negative notional', data);
  for (const leg of state.legs) {
    invariant(leg.filled >= 0 && leg.filled <= leg.quantity, 'a leg is overfilled', data);
    invariant(atRiskOf(leg) >= 0, 'a leg filled more than its venue counts', data);
  }
}
