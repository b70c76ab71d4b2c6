import { TERMINAL_STATUSES } from '@stoa/schema';
import {
  isComplete,
  type LegState,
  type OrderEffect,
  type OrderState,
  type Replacement,
} from './order-types.ts';

/** A venue that cannot replace says so under this code: then its leg is canceled, and sent anew. */
export const REPLACE_NOT_SUPPORTED = 'REPLACE_NOT_SUPPORTED';

interface Moved {
  readonly state: OrderState;
  readonly effects: readonly OrderEffect[];
}

/**
 * Takes replacements as far as they go, one after the other as FIX 4.4 appendix D.2 allows.
 *
 * What is in flight is never touched: a replacement waits for it. What rests is replaced at its
 * venue, or taken back where the order is to be routed again; only when the venue has answered the
 * new terms hold. So at no moment more is at risk than the larger of both quantities. Quantity that
 * was executed meanwhile is not taken back: the new quantity is at least that.
 */
export function advanceReplacements(start: OrderState): Moved {
  let state = start;
  let effects: readonly OrderEffect[] = [];
  for (let head = state.replacements[0]; head; head = state.replacements[0]) {
    const open = state.legs.filter((leg) => !isComplete(leg));
    const asked = open.some((leg) => leg.pending !== undefined);
    const underWay = head.started && !head.reroute;
    if (TERMINAL_STATUSES.has(state.status) || (state.cancelRequested && !underWay)) {
      state = { ...state, replacements: [] };
    } else if (open.length === 0 || (underWay && !asked)) {
      state = inEffect(state, head, open.length > 0);
    } else if (head.started || open.some(({ purpose }) => purpose === 'route')) {
      break;
    } else {
      const moved = begun(state, head, open);
      state = moved.state;
      effects = [...effects, ...moved.effects];
    }
  }
  return { state, effects };
}

/** Asks the venues where something rests. */
function begun(state: OrderState, head: Replacement, open: readonly LegState[]): Moved {
  const leaves = Math.max(head.quantity, state.filled) - state.filled;
  const [leg] = open;
  if (head.reroute || leaves === 0 || open.length > 1 || leg === undefined) {
    const next = withHead(state, { ...head, reroute: true, started: true });
    return { state: next, effects: open.map((each) => ({ kind: 'cancel-leg', leg: each })) };
  }
  const started = withHead(state, { ...head, started: true });
  const limitPrice = head.limitPrice ?? leg.limitPrice;
  const pending = { quantity: leg.filled + leaves, limitPrice };
  const isSame = pending.quantity === leg.quantity && limitPrice === leg.limitPrice;
  if (isSame) return { state: started, effects: [] };
  const asked: LegState = { ...leg, revision: leg.revision + 1, pending };
  const legs = state.legs.map((each) => (each === leg ? asked : each));
  return { state: { ...started, legs }, effects: [{ kind: 'replace-leg', leg: asked }] };
}

function inEffect(state: OrderState, head: Replacement, isResting: boolean): OrderState {
  return {
    ...state,
    quantity: Math.max(head.quantity, state.filled),
    limitPrice: head.limitPrice ?? state.limitPrice,
    revision: state.revision + 1,
    replacements: state.replacements.slice(1),
    // What is left is a new order as far as routing goes: every venue may be asked again.
    routedFrom: isResting ? state.routedFrom : state.legs.length,
  };
}

/** Whether a replacement's own taking back, and nobody else, ended what rested. */
export function isTakenBack({ replacements: [head] }: OrderState): boolean {
  return head?.started === true && head.reroute;
}

/** The order with another first replacement, or without it. */
export function withHead(state: OrderState, head: Replacement | undefined): OrderState {
  const later = state.replacements.slice(1);
  return { ...state, replacements: head === undefined ? later : [head, ...later] };
}
