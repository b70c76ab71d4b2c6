const DAY_MS = 86_400_000;
const TIMESTAMP =
  /^(\d{4})(\d{2})(\d{2})-(\d{2}):(\d{2}):(\d{2})(?:\.(\d{3})(?:\d{3}|\d{6}|\d{9})?)?$/;

/**
 * Reads a UTCTimestamp to the millisecond, Unix time; undefined for text that is none. Finer fractions
 * are cut. A leap second counts as the second after it.
 */
export function readTimestamp(text: string): number | undefined {
  const match = TIMESTAMP.exec(text);
  if (match === null) return undefined;
  const part = (index: number): number => Number(match[index] ?? 0);
  const [month, day, hour, minute, second] = [part(2) - 1, part(3), part(4), part(5), part(6)];
  const midnight = Date.UTC(part(1), month, day);
  const date = new Date(midnight);
  const isDay = date.getUTCDate() === day && date.getUTCMonth() === month;
  const sound = isDay && hour < 24 && minute < 60 && second <= 60;
  const atMs = midnight + ((hour * 60 + minute) * 60 + second) * 1_000 + part(7);
  return sound ? atMs : undefined;
}

let writtenDay = -1;
let dayText = '';

/** Writes Unix milliseconds as UTCTimestamp with milliseconds. */
export function timestampText(atMs: number): string {
  const day = Math.floor(atMs / DAY_MS);
  if (day !== writtenDay) {
    dayText = `${new Date(atMs).toISOString().slice(0, 10).replaceAll('-', '')}-`;
    writtenDay = day;
  }
  const inDay = atMs - day * DAY_MS;
  const seconds = Math.floor(inDay / 1_000);
  const two = (value: number): string => (value < 10 ? `0${value}` : String(value));
  const millis = String(inDay % 1_000).padStart(3, '0');
  const minutes = Math.floor(seconds / 60);
  return `${dayText}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}:${two(seconds % 60)}.${millis}`;
}
