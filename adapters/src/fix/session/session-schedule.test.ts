import { describe, expect, it } from 'vitest';
import { nextStartMs, type SessionSchedule, scheduleFault, windowAt } from './session-schedule.ts';

const at = (text: string): number => Date.parse(text);
const iso = (ms: number | undefined): string | undefined =>
  ms === undefined ? undefined : new Date(ms).toISOString().slice(0, 16);

const DAILY: SessionSchedule = {
  ...{ timeZone: 'America/New_York', start: '08:00', end: '17:30' },
  days: [1, 2, 3, 4, 5],
};
const NIGHTLY: SessionSchedule = { ...DAILY, start: '18:00', end: '17:00', days: [7, 1, 2, 3, 4] };
const WEEKLY: SessionSchedule = {
  ...{ timeZone: 'America/New_York', start: '17:00', end: '16:00' },
  ...{ startDay: 7, endDay: 5 },
};

describe('a session schedule', () => {
  it('is on from its start up to its end, in local time on either side of a change of clocks', () => {
    // Clocks go forward on 14 March 2027.
    expect(iso(windowAt(DAILY, at('2027-03-12T14:00Z'))?.startMs)).toBe('2027-03-12T13:00');
    expect(iso(windowAt(DAILY, at('2027-03-15T14:00Z'))?.startMs)).toBe('2027-03-15T12:00');
    expect(windowAt(DAILY, at('2027-03-15T21:30Z'))).toBeUndefined();
    expect(windowAt(DAILY, at('2027-03-15T21:29:59Z'))).toBeDefined();
    expect(windowAt(DAILY, at('2027-03-14T14:00Z'))).toBeUndefined();
    expect(iso(nextStartMs(DAILY, at('2027-03-12T23:00Z')))).toBe('2027-03-15T12:00');
  });

  it('may go over midnight, and over the night in which clocks change', () => {
    const window = windowAt(NIGHTLY, at('2027-11-08T03:00Z'));
    expect([iso(window?.startMs), iso(window?.endMs)]).toEqual([
      '2027-11-07T23:00',
      '2027-11-08T22:00',
    ]);
    const springNight = windowAt(NIGHTLY, at('2027-03-15T03:00Z'));
    expect([iso(springNight?.startMs), iso(springNight?.endMs)]).toEqual([
      '2027-03-14T22:00',
      '2027-03-15T21:00',
    ]);
    expect(windowAt(NIGHTLY, at('2027-03-13T03:00Z'))).toBeUndefined();
  });

  it('may last from one weekday to another', () => {
    const window = windowAt(WEEKLY, at('2027-06-16T12:00Z'));
    expect([iso(window?.startMs), iso(window?.endMs)]).toEqual([
      '2027-06-13T21:00',
      '2027-06-18T20:00',
    ]);
    expect(windowAt(WEEKLY, at('2027-06-19T12:00Z'))).toBeUndefined();
    expect(iso(nextStartMs(WEEKLY, at('2027-06-19T12:00Z')))).toBe('2027-06-20T21:00');
  });

  it('is judged before it is used', () => {
    expect(scheduleFault(DAILY)).toBeUndefined();
    expect(scheduleFault({ ...DAILY, timeZone: 'Mars/Olympus' })).toMatch(/time zone/);
    expect(scheduleFault({ ...DAILY, end: '25:00' })).toMatch(/time of day/);
    expect(scheduleFault({ ...DAILY, days: [] })).toMatch(/Days/);
    expect(scheduleFault({ ...WEEKLY, endDay: 8 })).toMatch(/Days/);
  });
});
