import { type Instrument, isRefusal, parseDecimal, parseSafeDecimal } from '@stoa/schema';

/** Something a venue said that has no meaning here: an amount that does not fit, a word nobody knows. */
export class AnswerFault extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'AnswerFault';
  }
}

const AVERAGE_DECIMALS = 18;

/**
 * A decimal of a venue's in units of 10^-decimals, exactly.
 *
 * @throws AnswerFault where it is none, or has more decimals than that
 */
export function exactUnits(text: string | undefined, decimals: number): bigint {
  const value = parseDecimal(text ?? '', decimals);
  if (isRefusal(value)) throw new AnswerFault(value.message);
  return value;
}

/**
 * The same as a safe integer of zero or more.
 *
 * @throws AnswerFault
 */
export function safeUnits(text: string | undefined, decimals: number): number {
  const value = parseSafeDecimal(text ?? '', decimals);
  if (isRefusal(value)) throw new AnswerFault(value.message);
  return value;
}

/** Price × quantity of what was executed at this average, in the instrument's units, rounded once. */
export function amountAtAverage(
  average: string | undefined,
  cumulative: number,
  { priceDecimals }: Instrument,
): bigint {
  const unit = 10n ** BigInt(AVERAGE_DECIMALS - priceDecimals);
  return (exactUnits(average, AVERAGE_DECIMALS) * BigInt(cumulative) + unit / 2n) / unit;
}
