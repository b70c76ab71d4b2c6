import { describe, expect, it } from 'vitest';
import { parseVenueTerms } from './parse-venue-terms.ts';
import { isRefusal } from './refusal.ts';

const TERMS = {
  version: 3,
  fees: {
    tiers: [
      { fromNotional: '1000000', makerPpm: -100, takerPpm: 800 },
      { fromNotional: '0', makerPpm: 200, takerPpm: 1_000 },
    ],
    minimum: '0.25',
    cap: '150',
  },
  calendar: {
    timeZone: 'America/New_York',
    weekdays: [1, 2, 3, 4, 5],
    entryOpen: '09:00',
    open: '09:30',
    close: '16:00',
    holidays: ['2027-12-24'],
    earlyCloses: [{ date: '2027-11-26', close: '13:00' }],
  },
  minimumLots: 1,
  allOrNone: true,
  minQuantity: false,
};

function mistakesOf(json: unknown): string[] {
  const parsed = parseVenueTerms(json);
  return isRefusal(parsed) ? parsed.message.split('; ') : [];
}

describe('venue terms', () => {
  it('are read as they stand, with or without a calendar', () => {
    expect(parseVenueTerms(TERMS)).toEqual(TERMS);
    const { calendar: _calendar, ...always } = TERMS;
    expect(parseVenueTerms(always)).toEqual(always);
  });

  it('are told of every mistake at once', () => {
    const mistakes = mistakesOf({
      ...TERMS,
      version: -1,
      fees: { tiers: [{ fromNotional: '1e6', makerPpm: 2_000_000, takerPpm: 0 }], minimum: '-1' },
      calendar: { ...TERMS.calendar, timeZone: 'Mars/Olympus', open: '25:00', holidays: ['soon'] },
      minimumLots: 0,
      colour: 'green',
    });
    const fields = mistakes.map((mistake) => mistake.split(':')[0]);
    expect(fields).toEqual(
      expect.arrayContaining([
        'version',
        'fees.tiers.0.fromNotional',
        'fees.tiers.0.makerPpm',
        'fees.minimum',
        'calendar.timeZone',
        'calendar.open',
        'calendar.holidays.0',
        'minimumLots',
        'terms',
      ]),
    );
  });

  const tier = TERMS.fees.tiers[0];
  it.each([
    [
      'a first tier that begins above nothing',
      { fees: { ...TERMS.fees, tiers: [tier] } },
      'fees.tiers',
    ],
    [
      'two tiers of one size, though written differently',
      { fees: { ...TERMS.fees, tiers: [...TERMS.fees.tiers, { ...tier, fromNotional: '0.0' }] } },
      'fees.tiers',
    ],
    ['a cap below the minimum', { fees: { ...TERMS.fees, cap: '0.2' } }, 'fees.cap'],
    ['version 0, which is nobody’s own', { version: 0 }, 'version'],
    [
      'entry after the open',
      { calendar: { ...TERMS.calendar, entryOpen: '10:00' } },
      'calendar.open',
    ],
    [
      'a session over midnight',
      { calendar: { ...TERMS.calendar, entryOpen: '18:00', open: '18:00', close: '02:00' } },
      'calendar.close',
    ],
    ['a weekday twice', { calendar: { ...TERMS.calendar, weekdays: [1, 1] } }, 'calendar.weekdays'],
    [
      'an early close that is late',
      { calendar: { ...TERMS.calendar, earlyCloses: [{ date: '2027-11-26', close: '17:00' }] } },
      'calendar.earlyCloses.0.close',
    ],
    [
      'an early close on a holiday',
      { calendar: { ...TERMS.calendar, earlyCloses: [{ date: '2027-12-24', close: '13:00' }] } },
      'calendar.earlyCloses.0.date',
    ],
    [
      'a holiday twice',
      { calendar: { ...TERMS.calendar, holidays: ['2027-01-01', '2027-01-01'] } },
      'calendar.holidays',
    ],
  ])('do not have %s', (_what, change, field) => {
    const fields = mistakesOf({ ...TERMS, ...change }).map((mistake) => mistake.split(':')[0]);
    expect(fields).toContain(field);
  });

  it('are bounded, and are no other JSON', () => {
    const holidays = Array.from({ length: 1_001 }, () => '2027-01-01');
    expect(mistakesOf({ ...TERMS, calendar: { ...TERMS.calendar, holidays } })).not.toEqual([]);
    for (const json of [undefined, null, [], 'terms', 7, {}]) {
      expect(isRefusal(parseVenueTerms(json))).toBe(true);
    }
  });
});
