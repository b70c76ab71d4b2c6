import { describe, expect, it } from 'vitest';
import { firstInstantAt, isTimeZone, localTimeOf } from './zone-clock.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Zones whose clocks change at midnight, by half an hour, the other way round, by a whole day. */
const ZONES = [
  'America/New_York',
  'Europe/London',
  'Europe/Dublin',
  'Australia/Lord_Howe',
  'America/Havana',
  'America/Santiago',
  'Africa/Cairo',
  'Africa/Casablanca',
  'Asia/Beirut',
  'Pacific/Apia',
  'Asia/Kathmandu',
  'UTC',
];
const YEARS = [2011, 2018, 2026, 2027];

/** What a wall clock shows, as sortable text: another formatter and another locale than the code has. */
function wallClock(zone: string): (atMs: number) => string {
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone: zone,
    ...{ dateStyle: 'short', timeStyle: 'medium' },
  });
  return (atMs) => format.format(atMs);
}

function textOf(local: number): string {
  return new Date(local).toISOString().slice(0, 19).replace('T', ' ');
}

/** Every moment of these years at which a zone's clocks are changed, found by looking each hour. */
function changesOf(zone: string): number[] {
  const changes: number[] = [];
  for (const year of YEARS) {
    let before = Number.NaN;
    for (let at = Date.UTC(year, 0, 1); at < Date.UTC(year + 1, 0, 1); at += HOUR_MS) {
      const offset = localTimeOf(zone, at) - at;
      if (offset !== before && !Number.isNaN(before)) changes.push(at);
      before = offset;
    }
  }
  return changes;
}

describe('the first moment at which clocks show a time', () => {
  it.each(ZONES)('is found by walking the wall clock around every change in %s', (zone) => {
    const shown = wallClock(zone);
    for (const change of changesOf(zone)) {
      // Minute by minute: the first to show each time or a later one.
      const walk: { at: number; text: string }[] = [];
      for (let at = change - 40 * HOUR_MS; at <= change + 40 * HOUR_MS; at += MINUTE_MS) {
        walk.push({ at, text: shown(at) });
      }
      const middle = localTimeOf(zone, change);
      for (
        let local = middle - 14 * HOUR_MS;
        local <= middle + 14 * HOUR_MS;
        local += 7 * MINUTE_MS
      ) {
        const text = textOf(local);
        const expected = walk.find((each) => each.text >= text)?.at;
        expect(firstInstantAt(zone, local), `${zone} ${text}`).toBe(expected);
      }
    }
  });

  it('agrees with instants that are published', () => {
    const at = (zone: string, local: string): string =>
      new Date(firstInstantAt(zone, Date.parse(`${local}Z`))).toISOString();
    expect(at('America/New_York', '2027-03-14T01:59:59')).toBe('2027-03-14T06:59:59.000Z');
    expect(at('America/New_York', '2027-03-14T02:30:00')).toBe('2027-03-14T07:00:00.000Z');
    expect(at('America/New_York', '2027-11-07T01:30:00')).toBe('2027-11-07T05:30:00.000Z');
    expect(at('Europe/London', '2027-03-28T09:00:00')).toBe('2027-03-28T08:00:00.000Z');
    // Samoa had no 30 December 2011.
    expect(at('Pacific/Apia', '2011-12-30T12:00:00')).toBe('2011-12-30T10:00:00.000Z');
    expect(at('Asia/Kathmandu', '2027-01-01T00:00:00')).toBe('2026-12-31T18:15:00.000Z');
  });

  it('never runs backwards as the time on the wall runs forwards', () => {
    for (const zone of ZONES) {
      let before = 0;
      const first = Date.UTC(2026, 9, 1);
      for (let local = first; local < first + 60 * 24 * HOUR_MS; local += 23 * MINUTE_MS) {
        const instant = firstInstantAt(zone, local);
        expect(instant).toBeGreaterThanOrEqual(before);
        before = instant;
      }
    }
  });
});

describe('the name of a time zone', () => {
  it('is one that this process knows, and no bare offset', () => {
    expect(['Europe/Zurich', 'UTC', 'America/Argentina/Ushuaia'].every(isTimeZone)).toBe(true);
    expect(['', 'Mars/Olympus', '+02:00', 'x'.repeat(99), 'Europe/Zurich\0'].some(isTimeZone)).toBe(
      false,
    );
  });
});
