import type { EngineOrder, EnginePhase, EngineRejectReason } from './engine-types.ts';

/** A hidden order comes in at most so many slices: each is a trade of its own. */
const MAX_SLICES = 100;

/** Why an engine does not take an order, by the order's own content and the engine's state. */
export function orderRefusal(
  order: EngineOrder,
  known: boolean,
  phase: EnginePhase,
  halted: boolean,
): EngineRejectReason | undefined {
  const { price, quantity, cumulative = 0 } = order;
  if (price !== undefined && !isPositive(price)) return 'invalid-price';
  if (!isPositive(quantity)) return 'invalid-quantity';
  if (cumulative !== 0 && !isPositive(cumulative)) return 'invalid-quantity';
  if (cumulative >= quantity) return 'below-executed';
  if (hasTerms(order) && !areTermsValid(order)) return 'invalid-terms';
  if (known) return 'duplicate-order';
  if (phase === 'closed') return 'closed';
  if (halted) return 'halted';
  return phase === 'auction' && !canWait(order) ? 'auction' : undefined;
}

/** Whether this is a whole number above zero that is exact. */
export function isPositive(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}

/** Whether the rest of an order stays in the book. */
export function rests({ price, timeInForce }: EngineOrder): boolean {
  return price !== undefined && timeInForce !== 'ioc' && timeInForce !== 'fok';
}

function hasTerms(order: EngineOrder): boolean {
  return (
    order.timeInForce === 'gtd' ||
    order.expireAtMs !== undefined ||
    order.displayQuantity !== undefined ||
    order.minQuantity !== undefined ||
    order.allOrNone === true
  );
}

function areTermsValid(order: EngineOrder): boolean {
  const { quantity, expireAtMs, displayQuantity, minQuantity, cumulative = 0 } = order;
  if ((order.timeInForce === 'gtd') !== (expireAtMs !== undefined)) return false;
  if (expireAtMs !== undefined && !isPositive(expireAtMs)) return false;
  if (minQuantity !== undefined) {
    if (!isPositive(minQuantity) || minQuantity > quantity - cumulative) return false;
  }
  if (displayQuantity !== undefined) {
    if (!isPositive(displayQuantity) || displayQuantity > quantity) return false;
    if (quantity / displayQuantity > MAX_SLICES) return false;
  }
  // What trades whole at once has no slices and needs no minimum.
  const whole = order.allOrNone === true;
  return !whole || (displayQuantity === undefined && minQuantity === undefined);
}

/** An auction collects what can wait: nothing trades before it does. */
function canWait(order: EngineOrder): boolean {
  return rests(order) && order.minQuantity === undefined;
}
