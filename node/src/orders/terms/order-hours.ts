import {
  type Instrument,
  nextEntryMs,
  nextOpenMs,
  type OrderRequest,
  phaseAt,
  type Refusal,
  refuse,
  type VenueId,
} from '@stoa/schema';
import type { VenueTermsBook } from './venue-terms-book.ts';

/** Codes of an order that comes or ends at the wrong time. */
export type HoursRefusalCode =
  | 'MARKET_CLOSED'
  | 'ENTRY_CLOSED'
  | 'EXPIRY_MISSING'
  | 'EXPIRY_NOT_ALLOWED'
  | 'EXPIRY_INVALID'
  | 'EXPIRED';

/** The last moment that a date can name. */
const LAST_MOMENT_MS = 8_640_000_000_000_000;

/** Whether the expiry of an order is one, is to come, and belongs to its time in force. */
export function checkExpiry(
  { timeInForce, expireAtMs }: OrderRequest,
  nowMs: number,
): Refusal<HoursRefusalCode> | undefined {
  if (timeInForce !== 'gtd') {
    if (expireAtMs === undefined) return undefined;
    const message = 'Only an order that is good till a date has an expiry.';
    return refuse(
      'EXPIRY_NOT_ALLOWED',
      message,
      'Leave the expiry out, or send time in force GTD.',
    );
  }
  if (expireAtMs === undefined) {
    const message = 'An order that is good till a date needs that date.';
    return refuse('EXPIRY_MISSING', message, 'Add the expiry, or send time in force GTC.');
  }
  if (!Number.isSafeInteger(expireAtMs) || expireAtMs <= 0 || expireAtMs > LAST_MOMENT_MS) {
    return refuse('EXPIRY_INVALID', 'The expiry is no moment in time.', 'Send a date and time.');
  }
  if (expireAtMs > nowMs) return undefined;
  const message = `The expiry, ${timeText(expireAtMs)}, has passed.`;
  return refuse('EXPIRED', message, 'Send an expiry that is to come.');
}

/**
 * Whether venues that an order could go to keep hours in which it can be taken. Good-till orders wait
 * at home for the open; an immediate one needs a venue that trades now, a day order one that takes
 * orders now. A venue whose terms are not known counts as open here: routing leaves it out, or not.
 */
export function checkHours(
  { timeInForce }: OrderRequest,
  { symbol }: Instrument,
  context: {
    readonly candidates: readonly VenueId[];
    readonly terms: VenueTermsBook;
    readonly nowMs: number;
  },
): Refusal<HoursRefusalCode> | undefined {
  if (timeInForce === 'gtc' || timeInForce === 'gtd') return undefined;
  const { candidates, terms, nowMs } = context;
  const calendars = candidates.map((venue) => terms.of(venue)?.terms.calendar);
  const phases = calendars.map((calendar) => phaseAt(calendar, nowMs));
  const entersAt = earliest(calendars.map((calendar) => nextEntryMs(calendar, nowMs)));
  if (timeInForce === 'day') {
    if (phases.some((phase) => phase !== 'closed')) return undefined;
    const message = `No venue that trades ${symbol} takes orders now: ${fromText('the next does', entersAt)}.`;
    return refuse('ENTRY_CLOSED', message, 'Send it then, or send it now as GTC or GTD.');
  }
  if (phases.includes('open')) return undefined;
  const opensAt = earliest(calendars.map((calendar) => nextOpenMs(calendar, nowMs)));
  const message = `No venue that trades ${symbol} is open now: ${fromText('the next opens', opensAt)}.`;
  return refuse('MARKET_CLOSED', message, 'Send it then, or send an order that waits.');
}

function earliest(moments: readonly (number | undefined)[]): number | undefined {
  const known = moments.filter((moment) => moment !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

function fromText(what: string, atMs: number | undefined): string {
  return atMs === undefined ? 'none does within a year' : `${what} at ${timeText(atMs)}`;
}

function timeText(atMs: number): string {
  return new Date(atMs).toISOString();
}
