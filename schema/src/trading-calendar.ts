import type { CalendarDate, TimeOfDay, TradingCalendar } from './venue-terms.ts';
import { firstInstantAt, localTimeOf } from './zone-clock.ts';

/** `closed`: no orders. `entry`: orders are taken and wait. `open`: orders trade. */
export type TradingPhase = 'closed' | 'entry' | 'open';

const DAY_MS = 86_400_000;
/** Beyond this many days without a session a calendar counts as having none. */
const MAX_SEARCH_DAYS = 400;

/** One trading session, in Unix milliseconds: entry from the first, trade from the second, end. */
interface Session {
  readonly entryAtMs: number;
  readonly openAtMs: number;
  readonly closeAtMs: number;
}

/** A stretch of time in which neither the phase nor the next session's end changes. */
interface Window {
  readonly fromMs: number;
  /** The first moment after it; infinite where no session comes any more. */
  readonly untilMs: number;
  readonly phase: TradingPhase;
  /** Of the session that runs, or else comes next. */
  readonly openAtMs: number | undefined;
  readonly closeAtMs: number | undefined;
}

/**
 * A calendar as it is asked once an order: its days as sets, and the stretch that the last question
 * fell into, so that the answer to the next one is two comparisons.
 */
interface Compiled {
  readonly calendar: TradingCalendar;
  readonly weekdays: ReadonlySet<number>;
  readonly holidays: ReadonlySet<CalendarDate>;
  readonly earlyCloses: ReadonlyMap<CalendarDate, TimeOfDay>;
  window: Window | undefined;
}

const compiledCalendars = new WeakMap<TradingCalendar, Compiled>();

/**
 * Whether a venue takes orders at a moment, and whether it trades. Undefined calendar: always open.
 * A phase includes its first moment and not its last: at `close` the venue is closed.
 */
export function phaseAt(calendar: TradingCalendar | undefined, atMs: number): TradingPhase {
  return calendar ? windowAt(calendar, atMs).phase : 'open';
}

/** When the phase next changes, in Unix milliseconds; undefined where it does not within a year. */
export function nextTransitionMs(
  calendar: TradingCalendar | undefined,
  atMs: number,
): number | undefined {
  const until = calendar && windowAt(calendar, atMs).untilMs;
  return until === Number.POSITIVE_INFINITY ? undefined : until;
}

/**
 * When the session ends that an order entered at this moment belongs to: the running one, or else the
 * next one. Unix milliseconds; undefined where there is none within a year, or no calendar.
 */
export function closeOfDayMs(
  calendar: TradingCalendar | undefined,
  atMs: number,
): number | undefined {
  return calendar && windowAt(calendar, atMs).closeAtMs;
}

/** When orders are next taken: this moment itself where they are; undefined where never within a year. */
export function nextEntryMs(
  calendar: TradingCalendar | undefined,
  atMs: number,
): number | undefined {
  return phaseAt(calendar, atMs) === 'closed' ? nextTransitionMs(calendar, atMs) : atMs;
}

/** When trading is next on: this moment itself where it is; undefined where never within a year. */
export function nextOpenMs(
  calendar: TradingCalendar | undefined,
  atMs: number,
): number | undefined {
  if (!calendar) return atMs;
  const { openAtMs } = windowAt(calendar, atMs);
  return openAtMs === undefined ? undefined : Math.max(openAtMs, atMs);
}

/**
 * Seconds since midnight of a time of day, up to 86,400 for `24:00`; undefined for text that is none.
 */
export function secondsOfDay(text: TimeOfDay): number | undefined {
  const match = /^(\d{2}):(\d{2})(?::(\d{2}))?$/.exec(text);
  if (!match) return undefined;
  const [hours, minutes, seconds] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
  const total = hours * 3_600 + minutes * 60 + seconds;
  return minutes < 60 && seconds < 60 && total <= 86_400 ? total : undefined;
}

/** Whether the text is a day that the calendar has: `2028-02-29`, not `2027-02-29`. */
export function isCalendarDate(text: string): boolean {
  if (!/^(19[7-9]\d|[2-9]\d{3})-\d{2}-\d{2}$/.test(text)) return false;
  const atMs = Date.parse(`${text}T00:00:00Z`);
  return Number.isFinite(atMs) && dateOf(atMs) === text;
}

function windowAt(calendar: TradingCalendar, atMs: number): Window {
  const compiled = compile(calendar);
  const known = compiled.window;
  if (known && known.fromMs <= atMs && atMs < known.untilMs) return known;
  const found = findWindow(compiled, atMs);
  // Where nothing is in reach from here, a later moment may still see a session.
  compiled.window = Number.isFinite(found.untilMs) ? found : undefined;
  return found;
}

function compile(calendar: TradingCalendar): Compiled {
  const known = compiledCalendars.get(calendar);
  if (known) return known;
  const made: Compiled = {
    calendar,
    weekdays: new Set(calendar.weekdays),
    holidays: new Set(calendar.holidays),
    earlyCloses: new Map(calendar.earlyCloses.map(({ date, close }) => [date, close])),
    window: undefined,
  };
  compiledCalendars.set(calendar, made);
  return made;
}

function findWindow(compiled: Compiled, atMs: number): Window {
  // Local dates are named by their midnight in UTC. Sessions of days before have ended: the first
  // moment that shows today comes after all that show an earlier day for the first time.
  const today = Math.floor(localTimeOf(compiled.calendar.timeZone, atMs) / DAY_MS) * DAY_MS;
  let closedFromMs = atMs;
  for (let day = 0; day <= MAX_SEARCH_DAYS; day += 1) {
    const session = sessionOn(compiled, today + day * DAY_MS);
    if (!session) continue;
    const { entryAtMs, openAtMs, closeAtMs } = session;
    const known = { openAtMs, closeAtMs };
    if (closeAtMs <= atMs) {
      closedFromMs = closeAtMs;
    } else if (atMs < entryAtMs) {
      return { fromMs: closedFromMs, untilMs: entryAtMs, phase: 'closed', ...known };
    } else if (atMs < openAtMs) {
      return { fromMs: entryAtMs, untilMs: openAtMs, phase: 'entry', ...known };
    } else {
      return { fromMs: openAtMs, untilMs: closeAtMs, phase: 'open', ...known };
    }
  }
  return {
    ...{ fromMs: closedFromMs, untilMs: Number.POSITIVE_INFINITY, phase: 'closed' },
    ...{ openAtMs: undefined, closeAtMs: undefined },
  };
}

/** The session of a local date; undefined where there is none, or where clocks skipped all of it. */
function sessionOn(compiled: Compiled, midnight: number): Session | undefined {
  const date = dateOf(midnight);
  const isoWeekday = new Date(midnight).getUTCDay() || 7;
  if (!compiled.weekdays.has(isoWeekday) || compiled.holidays.has(date)) return undefined;
  const { calendar, earlyCloses } = compiled;
  const at = (time: TimeOfDay): number =>
    firstInstantAt(calendar.timeZone, midnight + (secondsOfDay(time) ?? 0) * 1_000);
  const closeAtMs = at(earlyCloses.get(date) ?? calendar.close);
  const openAtMs = at(calendar.open);
  if (openAtMs >= closeAtMs) return undefined;
  return { entryAtMs: at(calendar.entryOpen), openAtMs, closeAtMs };
}

function dateOf(midnight: number): CalendarDate {
  return new Date(midnight).toISOString().slice(0, 10);
}
