import { TERMINAL_STATUSES } from '@stoa/schema';
import { atRisk, concluded } from './order-conclusion.ts';
import {
  isComplete,
  type LegState,
  liveStatus,
  mayWait,
  type OrderEvent,
  type OrderState,
  type OrderStep,
  reasonOf,
} from './order-types.ts';

type TradeChange = Extract<OrderEvent, { kind: 'trade-busted' | 'trade-corrected' }>;

const BUSTED = 'TRADE_BUSTED';
const CORRECTED = 'TRADE_CORRECTED';

/**
 * A bust or a correction of a counted trade: FIX 4.4 appendix D, execution cancels and corrects.
 *
 * Quantity that is taken off an open order, or off one that was filled and could have waited, is
 * open again. An order that ended otherwise has ended: only what it executed is told anew.
 */
export function tradeChanged(state: OrderState, leg: LegState, event: TradeChange): OrderStep {
  const was = event.kind === 'trade-busted' ? event : event.was;
  const now = event.kind === 'trade-busted' ? { price: 0, quantity: 0 } : event;
  const more = now.quantity - was.quantity;
  const filled = leg.filled + more;
  if (leg.venue !== event.venue || filled < 0) return { ignored: 'TRADE_UNKNOWN' };
  if (filled > leg.quantity) return { ignored: 'LEG_OVERFILLED' };
  if (now.quantity > 0 && isWorse(state, leg, now.price)) {
    return { ignored: 'PRICE_WORSE_THAN_LIMIT' };
  }
  const changed: LegState = {
    ...leg,
    filled,
    finalFilled: leg.finalFilled === undefined ? undefined : leg.finalFilled + more,
    ...standingOf(leg, filled, event),
  };
  const next: OrderState = {
    ...state,
    filled: state.filled + more,
    notional: state.notional + worth(now) - worth(was),
    legs: state.legs.map((each) => (each.id === leg.id ? changed : each)),
  };
  const ended = TERMINAL_STATUSES.has(state.status);
  // The rest of it may have gone elsewhere: the trade cannot have grown into that.
  if (next.filled + (ended ? 0 : atRisk(next)) > roomOf(next)) {
    return { ignored: 'CORRECTION_EXCEEDS' };
  }
  const open = more < 0 ? reopened(next, event) : next;
  return concluded(open, [{ kind: 'close-group' }]);
}

function roomOf({ quantity, replacements: [head] }: OrderState): number {
  return Math.max(quantity, head?.started ? head.quantity : 0);
}

/** An ended leg stays ended: its venue holds nothing of it any more. */
function standingOf(leg: LegState, filled: number, event: TradeChange): Partial<LegState> {
  const live = leg.finalFilled === undefined;
  if (live && leg.status !== 'filled' && leg.status !== 'partially-filled') return {};
  if (live) return { status: filled === leg.quantity ? 'filled' : liveStatus(filled) };
  if (leg.status !== 'filled' || filled === leg.quantity) return {};
  return { status: 'canceled', reason: whyOf(event) };
}

function reopened(state: OrderState, event: TradeChange): OrderState {
  const reason = whyOf(event);
  if (state.status === 'filled') {
    if (!mayWait(state) || state.cancelRequested) return { ...state, status: 'canceled', reason };
    const status = liveStatus(state.filled);
    return { ...state, status, reason, routedFrom: state.legs.length };
  }
  if (TERMINAL_STATUSES.has(state.status)) return state;
  const isResting = state.legs.some((leg) => leg.purpose === 'rest' && !isComplete(leg));
  const covered = state.filled + atRisk(state) >= state.quantity;
  if (!isResting || covered || state.replacements.length > 0) return state;
  // What waits takes it up: that is a replacement to the quantity that the order has.
  const whole = { quantity: state.quantity, reroute: false, started: false };
  return { ...state, replacements: [whole] };
}

function whyOf(event: TradeChange): string {
  return event.kind === 'trade-busted'
    ? reasonOf({ code: BUSTED, message: event.reason })
    : reasonOf({ code: CORRECTED, message: 'The venue corrected a trade.' });
}

function worth({ price, quantity }: { readonly price: number; readonly quantity: number }): bigint {
  return BigInt(price) * BigInt(quantity);
}

/** The limit may have been another when it traded: it must keep the leg's now, or the order's. */
function isWorse({ side, limitPrice }: OrderState, leg: LegState, price: number): boolean {
  const beyond = (limit: number): boolean => (side === 'buy' ? price > limit : price < limit);
  return beyond(leg.limitPrice) && (limitPrice === undefined || beyond(limitPrice));
}
