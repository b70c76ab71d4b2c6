import type { LegRejection } from '@stoa/schema';
import type { Dialect } from '../dialect/dialect.ts';

/** OrdRejReason(103), FIX 5.0 SP2, by this network's codes. 2 is the venue closed or the instrument halted. */
const ORDER: Readonly<Record<string, string>> = {
  0: 'VENUE_REJECTED',
  1: 'UNKNOWN_INSTRUMENT',
  2: 'CLOSED',
  3: 'ORDER_LIMIT_EXCEEDED',
  4: 'EXPIRED',
  5: 'UNKNOWN_ORDER',
  6: 'DUPLICATE_ORDER_ID',
  7: 'DUPLICATE_ORDER_ID',
  8: 'STALE_ORDER',
  10: 'INVESTOR_ID_INVALID',
  11: 'ORDER_TERMS_INVALID',
  12: 'SURVEILLANCE',
  13: 'QUANTITY_INVALID',
  15: 'UNKNOWN_ACCOUNT',
  16: 'PRICE_OUT_OF_BAND',
  18: 'OFF_TICK',
  99: 'VENUE_REJECTED',
};

/** CxlRejReason(102). */
const CANCEL: Readonly<Record<string, string>> = {
  0: 'TOO_LATE',
  1: 'UNKNOWN_ORDER',
  2: 'VENUE_REJECTED',
  3: 'ALREADY_PENDING',
  4: 'VENUE_REJECTED',
  6: 'DUPLICATE_ORDER_ID',
  7: 'PRICE_OUT_OF_BAND',
  8: 'PRICE_OUT_OF_BAND',
  18: 'OFF_TICK',
  99: 'VENUE_REJECTED',
};

/** BusinessRejectReason(380). */
const BUSINESS: Readonly<Record<string, string>> = {
  0: 'VENUE_REJECTED',
  1: 'UNKNOWN_ORDER',
  2: 'UNKNOWN_INSTRUMENT',
  3: 'UNSUPPORTED',
  4: 'VENUE_NOT_READY',
  5: 'REQUEST_INCOMPLETE',
  6: 'NOT_AUTHORIZED',
  8: 'VENUE_BUSY',
};

/** BusinessRejectReason(380): the venue wants fewer requests. FIX 5.0 SP2. */
export const THROTTLED = '8';

export function orderRejection(
  reason: string | undefined,
  text: string | undefined,
  { reports }: Dialect,
  halted: boolean,
): LegRejection {
  const code = codeOf(reason, { ...ORDER, ...reports.orderRejections }, 'OrdRejReason(103)');
  // The standard has one reason for a venue that is closed and an instrument that is halted.
  const said = code.code === 'CLOSED' && halted ? { ...code, code: 'HALTED' } : code;
  return withText(said, text);
}

export function cancelRejection(
  reason: string | undefined,
  text: string | undefined,
  { reports }: Dialect,
): LegRejection {
  const codes = { ...CANCEL, ...reports.cancelRejections };
  return withText(codeOf(reason, codes, 'CxlRejReason(102)'), text);
}

export function businessRejection(
  reason: string | undefined,
  text: string | undefined,
): LegRejection {
  return withText(codeOf(reason, BUSINESS, 'BusinessRejectReason(380)'), text);
}

/** A Reject(3) of the session: the venue could not read what we sent. */
export function sessionRejection(
  reason: string | undefined,
  text: string | undefined,
): LegRejection {
  return withText(codeOf(reason, {}, 'SessionRejectReason(373)', 'FIX_REJECT'), text);
}

/** A reason that nobody knows keeps its number in the code. */
function codeOf(
  reason: string | undefined,
  codes: Readonly<Record<string, string>>,
  field: string,
  unknown = 'VENUE_REASON',
): LegRejection {
  if (reason === undefined) return { code: 'VENUE_REJECTED', message: 'The venue rejected it.' };
  const number = /^\d{1,5}$/.test(reason) ? reason : 'OTHER';
  return {
    code: codes[reason] ?? `${unknown}_${number}`,
    message: `The venue rejected it: ${field} ${reason.slice(0, 16)}.`,
  };
}

function withText(rejection: LegRejection, text: string | undefined): LegRejection {
  if (text === undefined || text === '') return rejection;
  return { ...rejection, message: `The venue rejected it: ${text.slice(0, 200)}` };
}
