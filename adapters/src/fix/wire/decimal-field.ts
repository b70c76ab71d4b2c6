import { CodedError, formatDecimal } from '@stoa/schema';

/** The text is not a decimal number without a sign. */
export const DECIMAL_INVALID = -1;
/** The number has more decimals than the instrument: it is refused, never rounded. */
export const DECIMAL_TOO_FINE = -2;
/** The number is above 2^53 - 1 of the instrument's smallest units. */
export const DECIMAL_TOO_LARGE = -3;

const POINT = 46;

/**
 * Reads the digits between two positions as units of 10^-decimals: exact, or one of the negative
 * codes above. FIX data type float: leading and trailing zeros may stand, as may a bare point.
 */
export function readDecimal(bytes: Buffer, start: number, end: number, decimals: number): number {
  let value = 0;
  let digits = 0;
  let fraction = -1;
  for (let at = start; at < end; at += 1) {
    const byte = bytes[at] as number;
    if (byte === POINT && fraction < 0) {
      fraction = 0;
      continue;
    }
    const digit = byte - 48;
    if (digit < 0 || digit > 9) return DECIMAL_INVALID;
    digits += 1;
    if (fraction >= decimals) {
      if (digit !== 0) return DECIMAL_TOO_FINE;
      continue;
    }
    if (value >= 900_719_925_474_099 && value > (Number.MAX_SAFE_INTEGER - digit) / 10) {
      return DECIMAL_TOO_LARGE;
    }
    value = value * 10 + digit;
    if (fraction >= 0) fraction += 1;
  }
  if (digits === 0 || end - start > 64) return DECIMAL_INVALID;
  for (let missing = decimals - Math.max(0, fraction); missing > 0; missing -= 1) {
    if (value > Number.MAX_SAFE_INTEGER / 10) return DECIMAL_TOO_LARGE;
    value *= 10;
  }
  return value;
}

/** Writes units of 10^-decimals as FIX writes a number, with no zeros behind it. */
export function decimalText(value: number, decimals: number): string {
  if (!Number.isSafeInteger(value)) {
    throw new CodedError(
      'AMOUNT_NOT_EXACT',
      'An amount that is not a safe integer is not written.',
      {
        data: { value },
      },
    );
  }
  return decimals === 0 ? String(value) : formatDecimal(value, decimals);
}
