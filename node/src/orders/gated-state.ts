import type { Instrument } from '@stoa/schema';
import { leavesOf } from './life/order-state.ts';
import type { StoredOrder } from './order-rows.ts';
import type { GatedState } from './terms/order-gate.ts';

/** What is open of an order, or will be when its replacements take effect. */
export function gatedState(order: StoredOrder, instrument: Instrument): GatedState {
  const { id, side, filled, quantity, limitPrice, replacements, legs } = order.state;
  const { member, account } = order;
  const left = leavesOf(order.state);
  const most = Math.max(quantity, ...replacements.map((each) => each.quantity)) - filled;
  const limits = [limitPrice ?? 0, ...replacements.map((each) => each.limitPrice ?? 0)];
  // A market order costs at most what its legs may pay.
  const prices = limitPrice === undefined ? legs.map((leg) => leg.limitPrice) : limits;
  const highest = prices.length === 0 ? undefined : Math.max(...prices);
  const leaves = left === 0 ? 0 : most;
  return { id, member, account, instrument, side, leaves, limitPrice: highest };
}
