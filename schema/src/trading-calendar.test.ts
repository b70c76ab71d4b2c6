import { describe, expect, it } from 'vitest';
import {
  closeOfDayMs,
  isCalendarDate,
  nextEntryMs,
  nextOpenMs,
  nextTransitionMs,
  phaseAt,
  secondsOfDay,
} from './trading-calendar.ts';
import type { TradingCalendar } from './venue-terms.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

const NEW_YORK: TradingCalendar = {
  timeZone: 'America/New_York',
  weekdays: [1, 2, 3, 4, 5],
  entryOpen: '09:00',
  open: '09:30',
  close: '16:00',
  holidays: ['2027-07-05'],
  earlyCloses: [{ date: '2027-11-26', close: '13:00' }],
};

const at = (text: string): number => Date.parse(text);
const text = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : new Date(ms).toISOString().slice(0, 16);

describe('a trading calendar', () => {
  it.each([
    ['2027-07-01T12:59:59Z', 'closed', '2027-07-01T13:00', '2027-07-01T20:00'],
    ['2027-07-01T13:00:00Z', 'entry', '2027-07-01T13:30', '2027-07-01T20:00'],
    ['2027-07-01T13:30:00Z', 'open', '2027-07-01T20:00', '2027-07-01T20:00'],
    ['2027-07-01T19:59:59.999Z', 'open', '2027-07-01T20:00', '2027-07-01T20:00'],
    ['2027-07-01T20:00:00Z', 'closed', '2027-07-02T13:00', '2027-07-02T20:00'],
    // Over a weekend and the holiday behind it.
    ['2027-07-02T20:00:00Z', 'closed', '2027-07-06T13:00', '2027-07-06T20:00'],
    ['2027-07-05T15:00:00Z', 'closed', '2027-07-06T13:00', '2027-07-06T20:00'],
    // A day that closes early, in winter time.
    ['2027-11-26T17:59:00Z', 'open', '2027-11-26T18:00', '2027-11-26T18:00'],
    ['2027-11-26T18:00:00Z', 'closed', '2027-11-29T14:00', '2027-11-29T21:00'],
    // The week in which clocks are set forward, and the one in which they are set back.
    ['2027-03-12T22:00:00Z', 'closed', '2027-03-15T13:00', '2027-03-15T20:00'],
    ['2027-11-05T21:00:00Z', 'closed', '2027-11-08T14:00', '2027-11-08T21:00'],
  ])('at %s is %s, until %s, and the day ends at %s', (moment, phase, until, close) => {
    expect(phaseAt(NEW_YORK, at(moment))).toBe(phase);
    expect(text(nextTransitionMs(NEW_YORK, at(moment)))).toBe(until);
    expect(text(closeOfDayMs(NEW_YORK, at(moment)))).toBe(close);
  });

  it('takes orders now, or from the next entry on', () => {
    expect(nextEntryMs(NEW_YORK, at('2027-07-01T13:10:00Z'))).toBe(at('2027-07-01T13:10:00Z'));
    expect(text(nextEntryMs(NEW_YORK, at('2027-07-03T13:10:00Z')))).toBe('2027-07-06T13:00');
  });

  it('that is not there is always open and has no close', () => {
    const now = at('2027-01-01T00:00:00Z');
    expect(phaseAt(undefined, now)).toBe('open');
    expect(nextTransitionMs(undefined, now)).toBeUndefined();
    expect(closeOfDayMs(undefined, now)).toBeUndefined();
    expect(nextEntryMs(undefined, now)).toBe(now);
    expect(nextOpenMs(undefined, now)).toBe(now);
  });

  it('without a session to come is closed, until one is in reach', () => {
    const holidays = Array.from({ length: 60 }, (_, week) =>
      new Date(at('2027-01-01T00:00:00Z') + week * 7 * DAY_MS).toISOString().slice(0, 10),
    );
    const fridays: TradingCalendar = { ...NEW_YORK, weekdays: [5], holidays };
    const start = at('2026-12-28T12:00:00Z');
    expect(phaseAt(fridays, start)).toBe('closed');
    expect(nextTransitionMs(fridays, start)).toBeUndefined();
    expect(closeOfDayMs(fridays, start)).toBeUndefined();
    expect(text(nextTransitionMs(fridays, start + 120 * DAY_MS))).toBe('2028-02-25T14:00');
  });

  it('may run from midnight to midnight, and trades through the one between', () => {
    const whole: TradingCalendar = {
      ...NEW_YORK,
      weekdays: [1, 2, 3, 4, 5, 6, 7],
      ...{ entryOpen: '00:00', open: '00:00', close: '24:00', holidays: [], earlyCloses: [] },
    };
    const midnight = at('2027-07-02T04:00:00Z');
    expect(phaseAt(whole, midnight - 1)).toBe('open');
    expect(closeOfDayMs(whole, midnight - 1)).toBe(midnight);
    expect(phaseAt(whole, midnight)).toBe('open');
    expect(closeOfDayMs(whole, midnight)).toBe(midnight + DAY_MS);
  });
});

/** Minutes on the wall of a zone, as text that sorts, and the moment of each. */
function walk(zone: string, fromMs: number, days: number): { atMs: number; shown: string }[] {
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone: zone,
    ...{ dateStyle: 'short', timeStyle: 'short' },
  });
  return Array.from({ length: days * 1_440 }, (_, minute) => {
    const atMs = fromMs + minute * MINUTE_MS;
    return { atMs, shown: format.format(atMs) };
  });
}

function nextDate(date: string): string {
  return new Date(at(`${date}T00:00:00Z`) + DAY_MS).toISOString().slice(0, 10);
}

/** A small generator with a seed: the same numbers in every run. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 4_294_967_296) * below);
  };
}

function randomCalendar(random: (below: number) => number, timeZone: string): TradingCalendar {
  const time = (minutes: number): string =>
    `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
  const open = random(1_380);
  const close = open + 1 + random(1_440 - open);
  const weekdays = [1, 2, 3, 4, 5, 6, 7].filter(() => random(4) > 0);
  return {
    timeZone,
    weekdays: weekdays.length > 0 ? weekdays : [3],
    ...{ entryOpen: time(random(open + 1)), open: time(open), close: time(close) },
    holidays: ['2026-10-28'],
    earlyCloses: close - open > 2 ? [{ date: '2026-10-31', close: time(open + 1) }] : [],
  };
}

/** The sessions of a calendar, found by reading the wall clock minute by minute. */
function sessionsOnTheWall(calendar: TradingCalendar, minutes: ReturnType<typeof walk>) {
  const begins = new Map<string, number>();
  for (const [index, { shown }] of minutes.entries()) {
    const date = shown.slice(0, 10);
    if (!begins.has(date)) begins.set(date, index);
  }
  const first = (date: string, time: string): number => {
    const shown = time === '24:00' ? `${nextDate(date)} 00:00` : `${date} ${time}`;
    let index = begins.get(date) ?? 0;
    while (index < minutes.length && (minutes[index]?.shown ?? '') < shown) index += 1;
    return minutes[index]?.atMs ?? Number.POSITIVE_INFINITY;
  };
  return [...begins.keys()].sort().flatMap((date) => {
    const weekday = new Date(`${date}T12:00:00Z`).getUTCDay() || 7;
    if (!calendar.weekdays.includes(weekday) || calendar.holidays.includes(date)) return [];
    const early = calendar.earlyCloses.find((each) => each.date === date)?.close;
    const session = {
      entry: first(date, calendar.entryOpen),
      open: first(date, calendar.open),
      close: first(date, early ?? calendar.close),
    };
    return session.open < session.close ? [session] : [];
  });
}

describe('any calendar', () => {
  // The three weeks in which most of these zones change their clocks.
  const fromMs = at('2026-10-18T00:00:00Z');
  const zones = ['America/New_York', 'Europe/London', 'Australia/Lord_Howe', 'Africa/Cairo', 'UTC'];

  it.each(zones)('in %s says at every moment what the clock on the wall says', (zone) => {
    const random = generator(zone.length * 7_919);
    const minutes = walk(zone, fromMs, 24);
    for (let round = 0; round < 10; round += 1) {
      const calendar = randomCalendar(random, zone);
      const sessions = sessionsOnTheWall(calendar, minutes);
      for (let ask = 0; ask < 200; ask += 1) {
        const moment = fromMs + 2 * DAY_MS + random(13 * 1_440) * MINUTE_MS + random(60_000);
        const session = sessions.find(({ close }) => close > moment);
        const phase =
          !session || moment < session.entry ? 'closed' : moment < session.open ? 'entry' : 'open';
        const until = { closed: session?.entry, entry: session?.open, open: session?.close };
        const told = {
          phase: phaseAt(calendar, moment),
          until: nextTransitionMs(calendar, moment),
          open: nextOpenMs(calendar, moment),
          close: closeOfDayMs(calendar, moment),
        };
        const open = session && Math.max(session.open, moment);
        const expected = { phase, until: until[phase], open, close: session?.close };
        expect(told, `${JSON.stringify(calendar)} at ${text(moment)}`).toEqual(expected);
      }
    }
  });
});

describe('times and dates of a calendar', () => {
  it('are read, or are none', () => {
    expect(['00:00', '09:30', '09:30:15', '24:00'].map(secondsOfDay)).toEqual([
      0, 34_200, 34_215, 86_400,
    ]);
    for (const wrong of ['9:30', '24:01', '12:60', '12:00:60', '', '12', '-1:00']) {
      expect(secondsOfDay(wrong), wrong).toBeUndefined();
    }
    expect(['2028-02-29', '1999-12-31'].every(isCalendarDate)).toBe(true);
    for (const wrong of ['2027-02-29', '2027-13-01', '2027-1-1', '0999-01-01', 'today']) {
      expect(isCalendarDate(wrong), wrong).toBe(false);
    }
  });
});
