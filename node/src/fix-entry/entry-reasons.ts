import type { FixVersion } from '@stoa/adapters';

/** OrdRejReason(103) of FIX 5.0 SP2 by our codes; what is not here is "other". */
const ORDER: Readonly<Record<string, number>> = {
  ...{ INSTRUMENT_UNKNOWN: 1, NOT_LISTED: 1, NOT_LISTED_THERE: 1 },
  ...{ HALTED: 2, MARKET_CLOSED: 2, ENTRY_CLOSED: 2 },
  ...{ OVER_MAX_QUANTITY: 3, OVER_MAX_NOTIONAL: 3, TOO_MANY_OPEN_ORDERS: 3 },
  ...{ OVER_MAX_OPEN_NOTIONAL: 3, EXPIRED: 4, CLIENT_ORDER_ID_REUSED: 6 },
  ...{ ORDER_TYPE_UNSUPPORTED: 11, ALL_OR_NONE_NOT_TAKEN: 11, MIN_QUANTITY_NOT_TAKEN: 11 },
  ...{ ALL_OR_NONE_NOT_ALLOWED: 11, MIN_QUANTITY_NOT_ALLOWED: 11, STRATEGY_CONFLICT: 11 },
  ...{ LIMIT_PRICE_MISSING: 11, LIMIT_PRICE_NOT_ALLOWED: 11, EXPIRY_MISSING: 11 },
  ...{ QUANTITY_INVALID: 13, OFF_LOT: 13, MIN_QUANTITY_INVALID: 13, BELOW_VENUE_MINIMUM: 13 },
  ...{ ACCOUNT_UNKNOWN: 15, ACCOUNT_INVALID: 15, PRICE_BEYOND_COLLAR: 16, PRICE_TOO_FAR_AWAY: 16 },
  OFF_TICK: 18,
};

/** CxlRejReason(102). */
const CANCEL: Readonly<Record<string, number>> = {
  ...{ ORDER_DONE: 0, ORDER_IMMEDIATE: 0, ORDER_UNKNOWN: 1 },
  ...{ CANCEL_PENDING: 3, REPLACE_PENDING: 3, CLIENT_ORDER_ID_REUSED: 6, OFF_TICK: 18 },
};

/** The highest reason that a version has, and what it has for every other. */
const LAST: Readonly<Record<FixVersion, { order: number; otherOrder: number; cancel: number }>> = {
  'FIX.4.2': { order: 8, otherOrder: 0, cancel: 3 },
  'FIX.4.4': { order: 15, otherOrder: 99, cancel: 6 },
  'FIX.5.0SP2': { order: 18, otherOrder: 99, cancel: 18 },
};

/** OrdRejReason(103) of a refusal. */
export function orderRejectReason(code: string, version: FixVersion): number {
  const { order, otherOrder } = LAST[version];
  const reason = ORDER[code];
  return reason === undefined || reason > order ? otherOrder : reason;
}

/** CxlRejReason(102) of a refusal. FIX 4.2 calls every other reason the broker's option, 2. */
export function cancelRejectReason(code: string, version: FixVersion): number {
  const reason = CANCEL[code];
  if (reason !== undefined && reason <= LAST[version].cancel) return reason;
  return version === 'FIX.4.2' ? 2 : 99;
}

/** BusinessRejectReason(380) of what came too fast: 8 since 5.0 SP2, before that "not available". */
export function throttleReason(version: FixVersion): number {
  return version === 'FIX.5.0SP2' ? 8 : 4;
}
