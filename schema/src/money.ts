import { type Refusal, refuse } from './refusal.ts';

/** Price in units of 10^-priceDecimals of the cash currency: a safe integer. */
export type Price = number;
/** Quantity in units of 10^-quantityDecimals of the instrument: a safe integer. */
export type Quantity = number;

const DECIMAL = /^(-?)(\d{1,40})(?:\.(\d{1,40}))?$/;

/**
 * Reads a decimal string as an integer of 10^-decimals units.
 *
 * Nothing is rounded: more decimals than the instrument has is a refusal.
 */
export function parseDecimal(
  text: string,
  decimals: number,
): bigint | Refusal<'DECIMAL_INVALID' | 'TOO_MANY_DECIMALS'> {
  const match = DECIMAL.exec(text);
  if (!match) {
    return refuse(
      'DECIMAL_INVALID',
      `"${text.slice(0, 64)}" is not a decimal number.`,
      'Send digits with at most one point, such as "100.25".',
    );
  }
  const [, sign = '', whole = '', fraction = ''] = match;
  const significant = fraction.replace(/0+$/, '');
  if (significant.length > decimals) {
    return refuse(
      'TOO_MANY_DECIMALS',
      `"${text.slice(0, 64)}" has more than ${decimals} decimals.`,
      `Send at most ${decimals} decimals.`,
    );
  }
  const value = BigInt(whole + significant.padEnd(decimals, '0'));
  return sign === '-' ? -value : value;
}

/** Writes an integer of 10^-decimals units as a plain decimal string, without trailing zeros. */
export function formatDecimal(value: bigint | number, decimals: number): string {
  const integer = BigInt(value);
  const digits = (integer < 0n ? -integer : integer).toString().padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = decimals === 0 ? '' : digits.slice(-decimals).replace(/0+$/, '');
  return `${integer < 0n ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

/** Reads a decimal string as a non-negative safe integer of 10^-decimals units (the hot path's form). */
export function parseSafeDecimal(
  text: string,
  decimals: number,
): number | Refusal<'DECIMAL_INVALID' | 'TOO_MANY_DECIMALS' | 'OUT_OF_RANGE'> {
  const value = parseDecimal(text, decimals);
  if (typeof value !== 'bigint') return value;
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) {
    return refuse(
      'OUT_OF_RANGE',
      `"${text.slice(0, 64)}" is out of range.`,
      "Send a number between zero and 2^53 in the instrument's smallest unit.",
    );
  }
  return Number(value);
}
