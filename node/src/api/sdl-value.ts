import { apiError } from './api-error.ts';

/** How a state is called in the SDL: `pending-new` is `PENDING_NEW`. */
export function sdlEnum(state: string): string {
  return state.toUpperCase().replaceAll('-', '_');
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
