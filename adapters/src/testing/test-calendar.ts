import type { TradingCalendar } from '@stoa/schema';

/** When venues trade in tests: every day, from nine to five. */
export const TEST_CALENDAR: TradingCalendar = {
  timeZone: 'UTC',
  weekdays: [1, 2, 3, 4, 5, 6, 7],
  ...{ entryOpen: '08:00', open: '09:00', close: '17:00' },
  ...{ holidays: [], earlyCloses: [] },
};
/** In the middle of a session of it. */
export const NOON = Date.parse('2027-03-01T12:00:00Z');
export const HOUR_MS = 3_600_000;
