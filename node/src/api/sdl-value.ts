import { apiError } from './api-error.ts';

/** A moment in UTC (RFC 3339). */
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;

const enumNames = new Map<string, string>();
const MAX_ENUM_NAMES = 1_000;

/** How a state of ours, of which there are few, is called in the SDL: `pending-new` is `PENDING_NEW`. */
export function sdlEnum(state: string): string {
  const known = enumNames.get(state);
  if (known !== undefined) return known;
  const name = state.toUpperCase().replaceAll('-', '_');
  if (enumNames.size < MAX_ENUM_NAMES) enumNames.set(state, name);
  return name;
}

/** Unix milliseconds as the SDL's DateTime. */
export function sdlDateTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** Checks a page or depth argument; out of bounds is an error of the caller, never a silent clamp. */
export function boundedCount(name: string, value: number | null | undefined, most: number): number {
  if (value == null || !Number.isInteger(value) || value < 1 || value > most) {
    throw apiError('BAD_USER_INPUT', `\`${name}\` must be a whole number from 1 to ${most}.`);
  }
  return value;
}

/** Unix milliseconds of a moment in UTC as DateTime has it; undefined for text that is none. */
export function readMoment(text: string): number | undefined {
  const ms = DATE_TIME.test(text) ? Date.parse(text) : Number.NaN;
  // A 30th of February would come out as a 2nd of March.
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 19) !== text.slice(0, 19)) return;
  return ms;
}
