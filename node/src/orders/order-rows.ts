import type { InstrumentId, MemberId, OrderRequest } from '@stoa/schema';
import type { legs } from '../store/tables/legs.ts';
import type { orders } from '../store/tables/orders.ts';
import { askedTerms } from './asked-terms.ts';
import type { OrderView } from './blotter/order-view.ts';
import { type LegState, leavesOf, mayWait, type OrderState } from './life/order-state.ts';

/** An order as it is kept: its state, and what never changes about it. */
export interface StoredOrder {
  readonly number: number;
  readonly clientOrderId: string;
  readonly member: MemberId;
  readonly instrument: InstrumentId;
  readonly account: `0x${string}`;
  readonly placedAtMs: number;
  /** As asked for at first. */
  readonly placedQuantity: number;
  readonly placedLimitPrice: number | undefined;
  readonly lastEvent: number;
  readonly groupOpen: boolean;
  readonly state: OrderState;
}

export type OrderRow = typeof orders.$inferSelect;
export type LegRow = typeof legs.$inferSelect;

/** An order as asked for; it gets its number, and its id, when it is recorded. */
export function newOrder(
  member: MemberId,
  request: OrderRequest,
  at: { readonly nowMs: number; readonly endsAtMs: number | undefined },
): StoredOrder {
  const { clientOrderId, instrument, quantity, limitPrice } = request;
  return {
    number: 0,
    clientOrderId,
    member,
    instrument,
    account: request.account.toLowerCase() as `0x${string}`,
    placedAtMs: at.nowMs,
    placedQuantity: quantity,
    placedLimitPrice: limitPrice,
    lastEvent: 0,
    groupOpen: false,
    state: newState('', request, at.endsAtMs),
  };
}

/** An order to which nothing has happened yet. */
export function newState(
  id: string,
  request: OrderRequest,
  endsAtMs: number | undefined,
): OrderState {
  const { side, type, timeInForce, quantity, limitPrice } = request;
  return {
    ...{ id, side, type, timeInForce, quantity, limitPrice, endsAtMs },
    expireAtMs: request.expireAtMs,
    minQuantity: request.minQuantity,
    allOrNone: request.allOrNone ?? false,
    strategy: request.strategy ?? 'best',
    directedTo: request.directedTo,
    remainder: request.remainder ?? (mayWait(request) ? 'rest-home' : 'cancel'),
    cancelOnDisconnect: request.cancelOnDisconnect ?? false,
    quoteId: request.quoteId,
    status: 'pending-new',
    filled: 0,
    notional: 0n,
    cancelRequested: false,
    reason: undefined,
    heldUntilMs: undefined,
    replacements: [],
    revision: 0,
    routedFrom: 0,
    legs: [],
  };
}

/** Whether a request says the same as an order that was placed: then it is that order. */
export function isSameRequest(order: StoredOrder, request: OrderRequest): boolean {
  const { state } = order;
  const asked = newState('', request, undefined);
  return (
    order.instrument === request.instrument &&
    order.account === request.account.toLowerCase() &&
    order.placedQuantity === request.quantity &&
    order.placedLimitPrice === request.limitPrice &&
    FIXED_TERMS.every((term) => state[term] === asked[term])
  );
}

const FIXED_TERMS = [
  'side',
  'type',
  'timeInForce',
  'expireAtMs',
  'minQuantity',
  'allOrNone',
  'strategy',
  'directedTo',
  'remainder',
  'cancelOnDisconnect',
  'quoteId',
] as const satisfies readonly (keyof OrderState)[];

/** An order as others see it. */
export function viewOf({ state, ...fixed }: StoredOrder): OrderView {
  return {
    id: state.id,
    clientOrderId: fixed.clientOrderId,
    member: fixed.member,
    instrument: fixed.instrument,
    account: fixed.account,
    ...askedTerms(state),
    quantity: state.quantity,
    limitPrice: state.limitPrice,
    revision: state.revision,
    status: state.status,
    filled: state.filled,
    leaves: leavesOf(state),
    notional: state.notional,
    reason: state.reason,
    placedAtMs: fixed.placedAtMs,
  };
}

/** An order and its legs as their rows say. */
export function storedOrder(row: OrderRow, own: readonly LegRow[]): StoredOrder {
  return {
    number: row.number,
    clientOrderId: row.clientOrderId,
    member: row.member,
    instrument: row.instrument,
    account: row.account,
    placedAtMs: row.placedAtMs,
    placedQuantity: row.placedQuantity,
    placedLimitPrice: row.placedLimitPrice ?? undefined,
    lastEvent: row.lastEvent,
    groupOpen: row.groupOpen,
    state: {
      id: row.id,
      ...askedTerms(row),
      endsAtMs: row.endsAtMs ?? undefined,
      quantity: row.quantity,
      limitPrice: row.limitPrice ?? undefined,
      status: row.status,
      filled: row.filled,
      notional: row.notional,
      cancelRequested: row.cancelRequested,
      reason: row.reason ?? undefined,
      heldUntilMs: row.heldUntilMs ?? undefined,
      replacements: row.replacements,
      revision: row.revision,
      routedFrom: row.routedFrom,
      legs: own.map(legState),
    },
  };
}

function legState(row: LegRow): LegState {
  const { pendingQuantity, pendingLimitPrice } = row;
  return {
    id: row.id,
    number: row.number,
    round: row.round,
    purpose: row.purpose,
    venue: row.venue,
    timeInForce: row.timeInForce,
    quantity: row.quantity,
    limitPrice: row.limitPrice,
    ...(row.expireAtMs === null ? {} : { expireAtMs: row.expireAtMs }),
    ...(row.minQuantity === null ? {} : { minQuantity: row.minQuantity }),
    ...(row.allOrNone ? { allOrNone: true } : {}),
    status: row.status,
    filled: row.filled,
    finalFilled: row.finalFilled ?? undefined,
    reason: row.reason ?? undefined,
    revision: row.revision,
    pending:
      pendingQuantity === null || pendingLimitPrice === null
        ? undefined
        : { quantity: pendingQuantity, limitPrice: pendingLimitPrice },
  };
}

/** What changes about an order, named as its columns are, for `jsonb_to_recordset`. */
export function orderChange({ state, groupOpen, lastEvent }: StoredOrder) {
  return {
    id: state.id,
    quantity: state.quantity,
    limit_price: state.limitPrice ?? null,
    status: state.status,
    filled: state.filled,
    leaves: leavesOf(state),
    // JSON has no integers that large.
    notional: state.notional.toString(),
    cancel_requested: state.cancelRequested,
    reason: state.reason ?? null,
    held_until_ms: state.heldUntilMs ?? null,
    replacements: state.replacements,
    revision: state.revision,
    routed_from: state.routedFrom,
    group_open: groupOpen,
    last_event: lastEvent,
  };
}

/** A new order's row, the same way. */
export function orderRow(order: StoredOrder) {
  const { state } = order;
  return {
    ...orderChange(order),
    number: order.number,
    client_order_id: order.clientOrderId,
    member: order.member,
    instrument: order.instrument,
    account: order.account,
    side: state.side,
    type: state.type,
    time_in_force: state.timeInForce,
    placed_quantity: order.placedQuantity,
    placed_limit_price: order.placedLimitPrice ?? null,
    expire_at_ms: state.expireAtMs ?? null,
    min_quantity: state.minQuantity ?? null,
    all_or_none: state.allOrNone,
    strategy: state.strategy,
    directed_to: state.directedTo ?? null,
    remainder: state.remainder,
    cancel_on_disconnect: state.cancelOnDisconnect,
    quote_id: state.quoteId ?? null,
    ends_at_ms: state.endsAtMs ?? null,
    placed_at_ms: order.placedAtMs,
  };
}

/** What changes about a leg, named as its columns are. */
export function legChange(leg: LegState) {
  return {
    id: leg.id,
    quantity: leg.quantity,
    limit_price: leg.limitPrice,
    status: leg.status,
    filled: leg.filled,
    final_filled: leg.finalFilled ?? null,
    reason: leg.reason ?? null,
    revision: leg.revision,
    pending_quantity: leg.pending?.quantity ?? null,
    pending_limit_price: leg.pending?.limitPrice ?? null,
  };
}

/** A new leg's row, the same way. */
export function legRow(leg: LegState, orderId: string, sentAtMs: number) {
  return {
    ...legChange(leg),
    order_id: orderId,
    number: leg.number,
    round: leg.round,
    purpose: leg.purpose,
    venue: leg.venue,
    time_in_force: leg.timeInForce,
    expire_at_ms: leg.expireAtMs ?? null,
    min_quantity: leg.minQuantity ?? null,
    all_or_none: leg.allOrNone ?? false,
    sent_at_ms: sentAtMs,
  };
}
