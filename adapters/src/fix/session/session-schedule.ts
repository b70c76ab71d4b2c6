import { firstInstantAt, isTimeZone, localTimeOf, secondsOfDay } from '@stoa/schema';

const DAY_MS = 86_400_000;

/**
 * When a session is on. Daily: on each of `days`, from `start` to `end`, over midnight where the end
 * is not after the start. Weekly: from `start` on `startDay` to `end` on `endDay`. Days are ISO: 1 is
 * Monday; times are the zone's, through its changes of clocks.
 */
export type SessionSchedule = {
  readonly timeZone: string;
  readonly start: string;
  readonly end: string;
} & ({ readonly days: readonly number[] } | { readonly startDay: number; readonly endDay: number });

/** One session, Unix milliseconds; its end is not part of it. */
export interface SessionWindow {
  readonly startMs: number;
  readonly endMs: number;
}

/** The session that is on at a moment; undefined where none is. */
export function windowAt(schedule: SessionSchedule, atMs: number): SessionWindow | undefined {
  return windowsNear(schedule, atMs).find(({ startMs, endMs }) => startMs <= atMs && atMs < endMs);
}

/** When the next session begins after a moment. */
export function nextStartMs(schedule: SessionSchedule, atMs: number): number | undefined {
  const starts = windowsNear(schedule, atMs).map(({ startMs }) => startMs);
  const later = starts.filter((startMs) => startMs > atMs);
  return later.length === 0 ? undefined : Math.min(...later);
}

/** What is wrong with a schedule, as a sentence; undefined where nothing is. */
export function scheduleFault(schedule: SessionSchedule): string | undefined {
  if (!isTimeZone(schedule.timeZone)) return `${schedule.timeZone} is no time zone.`;
  for (const time of [schedule.start, schedule.end]) {
    if (secondsOfDay(time) === undefined) return `${time} is no time of day.`;
  }
  const days = 'days' in schedule ? schedule.days : [schedule.startDay, schedule.endDay];
  const sound =
    days.length > 0 && days.every((day) => Number.isInteger(day) && day >= 1 && day <= 7);
  return sound ? undefined : 'Days are numbers from 1 (Monday) to 7 (Sunday), at least one.';
}

/** All sessions that begin within a week before and after. */
function windowsNear(schedule: SessionSchedule, atMs: number): SessionWindow[] {
  const today = Math.floor(localTimeOf(schedule.timeZone, atMs) / DAY_MS) * DAY_MS;
  const windows: SessionWindow[] = [];
  for (let away = -8; away <= 8; away += 1) {
    const midnight = today + away * DAY_MS;
    const days = lengthInDays(schedule, new Date(midnight).getUTCDay() || 7);
    if (days === undefined) continue;
    const at = (day: number, time: string): number =>
      firstInstantAt(schedule.timeZone, day + (secondsOfDay(time) ?? 0) * 1_000);
    const startMs = at(midnight, schedule.start);
    windows.push({ startMs, endMs: at(midnight + days * DAY_MS, schedule.end) });
  }
  return windows;
}

/** How many midnights a session that begins on this weekday goes over; undefined where none begins. */
function lengthInDays(schedule: SessionSchedule, weekday: number): number | undefined {
  const overnight = (secondsOfDay(schedule.end) ?? 0) <= (secondsOfDay(schedule.start) ?? 0);
  if ('days' in schedule) {
    return schedule.days.includes(weekday) ? Number(overnight) : undefined;
  }
  if (weekday !== schedule.startDay) return undefined;
  const days = (schedule.endDay - schedule.startDay + 7) % 7;
  return days === 0 && overnight ? 7 : days;
}
