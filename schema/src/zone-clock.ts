/**
 * What clocks on a wall show in an IANA time zone. A local time is written as the Unix milliseconds
 * that the same digits would mean in UTC.
 */

const HOUR_MS = 3_600_000;
/** No zone was ever further from UTC than this, either way. */
const MAX_OFFSET_MS = 16 * HOUR_MS;
/** Names that differ in case only are different keys: a bound, not a list of zones. */
const MAX_FORMATTERS = 1_000;

const formatters = new Map<string, Intl.DateTimeFormat>();

/** Making a formatter costs some ten microseconds, asking it two. */
function formatterOf(timeZone: string): Intl.DateTimeFormat {
  const known = formatters.get(timeZone);
  if (known) return known;
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  if (formatters.size >= MAX_FORMATTERS) formatters.clear();
  formatters.set(timeZone, made);
  return made;
}

/** Whether this process knows the text as the name of a time zone; bare offsets are none. */
export function isTimeZone(text: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9/_+-]{0,63}$/.test(text)) return false;
  try {
    formatterOf(text);
    return true;
  } catch {
    return false;
  }
}

/** The local time at a moment, to the second. */
export function localTimeOf(timeZone: string, atMs: number): number {
  const fields = { year: 0, month: 1, day: 1, hour: 0, minute: 0, second: 0 };
  for (const { type, value } of formatterOf(timeZone).formatToParts(atMs)) {
    if (type in fields) fields[type as keyof typeof fields] = Number(value);
  }
  const { year, month, day, hour, minute, second } = fields;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** How far local time is ahead of UTC at a moment. */
function offsetAt(timeZone: string, atMs: number): number {
  const wholeSecond = Math.floor(atMs / 1_000) * 1_000;
  return localTimeOf(timeZone, wholeSecond) - wholeSecond;
}

/**
 * The first moment at which clocks show this local time or a later one. Where a time does not exist
 * because clocks are set forward over it, that is the moment they are; where it comes twice because
 * they are set back, the first of the two. So what is later on a wall is never earlier in time.
 */
export function firstInstantAt(timeZone: string, local: number): number {
  const before = local - MAX_OFFSET_MS;
  const after = local + MAX_OFFSET_MS;
  const offsetBefore = offsetAt(timeZone, before);
  const offsetAfter = offsetAt(timeZone, after);
  if (offsetBefore === offsetAfter) return local - offsetBefore;
  const changeAt = firstChange(timeZone, before, after);
  const underOld = local - offsetBefore;
  return underOld < changeAt ? underOld : Math.max(changeAt, local - offsetAfter);
}

/** The moment between two at which the offset changes: changes stand further apart than that. */
function firstChange(timeZone: string, from: number, to: number): number {
  const offset = offsetAt(timeZone, from);
  let low = Math.floor(from / 1_000);
  let high = Math.ceil(to / 1_000);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(timeZone, middle * 1_000) === offset) low = middle;
    else high = middle;
  }
  return high * 1_000;
}
