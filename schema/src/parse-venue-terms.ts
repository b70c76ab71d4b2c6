import { z } from 'zod';
import { parseDecimal } from './money.ts';
import { type Refusal, refuse } from './refusal.ts';
import { isCalendarDate, secondsOfDay } from './trading-calendar.ts';
import type { FeeSchedule, TradingCalendar, VenueTerms } from './venue-terms.ts';
import { isTimeZone } from './zone-clock.ts';

const MAX_TIERS = 32;
const MAX_SPECIAL_DAYS = 1_000;
const MAX_MISTAKES = 50;
/** Cash amounts are compared with this many decimals, more than any currency or token has. */
const DECIMALS = 36;

const amount = z
  .string()
  .max(40)
  .regex(/^\d{1,20}(\.\d{1,18})?$/, 'must be a decimal amount of cash such as "0.35"');
const ppm = z.number().int().min(-1_000_000).max(1_000_000);
const timeOfDay = z
  .string()
  .max(8)
  .refine((text) => secondsOfDay(text) !== undefined, 'must be a time of day such as "09:30"');
const date = z.string().max(10).refine(isCalendarDate, 'must be a date such as "2027-12-24"');

/** A mistake in what belongs together, and the field it is told at. */
type Mistake = readonly [path: readonly (string | number)[], message: string];

/** Judges what is well formed by itself; runs beside other mistakes, so that all are told at once. */
function together<T>(mistakesIn: (value: T) => readonly Mistake[]) {
  return (value: T, context: z.core.$RefinementCtx<T>): void => {
    for (const [path, message] of mistakesIn(value)) {
      context.addIssue({ code: 'custom', message, path: [...path] });
    }
  };
}

const fees = z
  .strictObject({
    tiers: z
      .array(z.strictObject({ fromNotional: amount, makerPpm: ppm, takerPpm: ppm }))
      .min(1)
      .max(MAX_TIERS)
      .readonly(),
    minimum: amount,
    cap: amount.exactOptional(),
  })
  .superRefine(together(mistakesInFees));

const calendar = z
  .strictObject({
    timeZone: z
      .string()
      .max(64)
      .refine(isTimeZone, 'must be an IANA time zone such as "America/New_York"'),
    weekdays: z.array(z.number().int().min(1).max(7)).min(1).max(7).readonly(),
    entryOpen: timeOfDay,
    open: timeOfDay,
    close: timeOfDay,
    holidays: z.array(date).max(MAX_SPECIAL_DAYS).readonly(),
    earlyCloses: z
      .array(z.strictObject({ date, close: timeOfDay }))
      .max(MAX_SPECIAL_DAYS)
      .readonly(),
  })
  .superRefine(together(mistakesInCalendar));

/** A venue's terms as JSON, on the wire and in a file. */
export const venueTerms = z.strictObject({
  /** 0 says that the venue has given no terms of its own. */
  version: z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER),
  fees,
  calendar: calendar.exactOptional(),
  minimumLots: z.number().int().positive().max(1_000_000_000),
  allOrNone: z.boolean(),
  minQuantity: z.boolean(),
}) satisfies z.ZodType<VenueTerms>;

/** Reads a venue's terms from parsed JSON: the terms, or a refusal whose message names every mistake. */
export function parseVenueTerms(json: unknown): VenueTerms | Refusal<'VENUE_TERMS_INVALID'> {
  const parsed = venueTerms.safeParse(json);
  const mistakes = parsed.success
    ? mistakesInOwn(parsed.data)
    : parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'terms'}: ${message}`);
  if (parsed.success && mistakes.length === 0) return parsed.data;
  return refuse(
    'VENUE_TERMS_INVALID',
    mistakes.slice(0, MAX_MISTAKES).join('; '),
    'Correct what is named.',
  );
}

function mistakesInOwn({ version }: VenueTerms): string[] {
  return version === 0 ? ['version: must be at least 1, and higher than any that was told'] : [];
}

function unitsOf(text: string): bigint {
  const units = parseDecimal(text, DECIMALS);
  return typeof units === 'bigint' ? units : 0n;
}

function mistakesInFees({ tiers, minimum, cap }: FeeSchedule): Mistake[] {
  const mistakes: Mistake[] = [];
  const from = tiers.map(({ fromNotional }) => unitsOf(fromNotional));
  if (!from.includes(0n)) mistakes.push([['tiers'], 'one tier must begin at "0"']);
  if (new Set(from).size < from.length) {
    mistakes.push([['tiers'], 'two tiers begin at the same notional']);
  }
  if (cap !== undefined && unitsOf(cap) < unitsOf(minimum)) {
    mistakes.push([['cap'], 'must not be below the minimum']);
  }
  return mistakes;
}

function mistakesInCalendar(calendar: TradingCalendar): Mistake[] {
  const mistakes: Mistake[] = [];
  const { weekdays, holidays, earlyCloses } = calendar;
  const entry = secondsOfDay(calendar.entryOpen) ?? 0;
  const open = secondsOfDay(calendar.open) ?? 0;
  const close = secondsOfDay(calendar.close) ?? 0;
  if (open < entry) mistakes.push([['open'], 'must not be before entryOpen']);
  if (close <= open) {
    const why = 'a session ends on the day on which it opens, "24:00" at the latest';
    mistakes.push([['close'], `must be after open: ${why}`]);
  }
  if (new Set(weekdays).size < weekdays.length) mistakes.push([['weekdays'], 'names a day twice']);
  if (new Set(holidays).size < holidays.length) mistakes.push([['holidays'], 'names a day twice']);
  const early = earlyCloses.map(({ date: day }) => day);
  if (new Set(early).size < early.length) mistakes.push([['earlyCloses'], 'names a day twice']);
  earlyCloses.forEach(({ date: day, close: at }, index) => {
    const seconds = secondsOfDay(at) ?? 0;
    if (seconds <= open || seconds > close) {
      mistakes.push([['earlyCloses', index, 'close'], 'must be after open and not after close']);
    }
    if (holidays.includes(day)) {
      mistakes.push([['earlyCloses', index, 'date'], 'is a holiday as well']);
    }
  });
  return mistakes;
}
