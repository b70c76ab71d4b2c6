import { formatDecimal, parseDecimal } from '@stoa/schema/money';
import { StoaClientError } from './client-error.ts';

/** More decimals than any price or quantity of the API has. */
const MOST_DECIMALS = 40;

/**
 * Reads a decimal of the API ("100.25") as an integer of 10^-decimals units, to reckon with. Nothing is
 * rounded. An instrument says its decimals: `priceDecimals`, `quantityDecimals`.
 *
 * @throws StoaClientError AMOUNT_INVALID
 */
export function toUnits(amount: string, decimals: number): bigint {
  const units = parseDecimal(amount, decimals);
  if (typeof units !== 'bigint') throw new StoaClientError('AMOUNT_INVALID', units.message);
  return units;
}

/** Writes an integer of 10^-decimals units as the API takes it, without trailing zeros. */
export function fromUnits(units: bigint, decimals: number): string {
  return formatDecimal(units, decimals);
}

/**
 * Compares two decimals: negative, zero or positive, as `Array.sort` takes it.
 *
 * @throws StoaClientError AMOUNT_INVALID
 */
export function compareAmounts(one: string, other: string): number {
  const difference = toUnits(one, MOST_DECIMALS) - toUnits(other, MOST_DECIMALS);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/**
 * Adds decimals, exactly.
 *
 * @throws StoaClientError AMOUNT_INVALID
 */
export function sumAmounts(amounts: Iterable<string>): string {
  let sum = 0n;
  for (const amount of amounts) sum += toUnits(amount, MOST_DECIMALS);
  return fromUnits(sum, MOST_DECIMALS);
}
