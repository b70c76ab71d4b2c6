import { type Instrument, isRefusal, type Price, parseDecimal, type Quantity } from '@stoa/schema';

/** Limits are compared with so many decimals, whatever an instrument has: nothing is rounded. */
const DECIMALS = 36;

/** A decimal limit as an integer of 10^-36 units; undefined for text that is none. */
export function limitUnits(text: string): bigint | undefined {
  const units = parseDecimal(text, DECIMALS);
  return isRefusal(units) || units <= 0n ? undefined : units;
}

/** A quantity in the units of limits. */
export function quantityUnits(
  { quantityDecimals }: Pick<Instrument, 'quantityDecimals'>,
  quantity: Quantity,
): bigint {
  return scaled(BigInt(quantity), quantityDecimals);
}

/** Price × quantity in the units of limits: 10^-36 of the instrument's cash. */
export function notionalUnits(
  instrument: Pick<Instrument, 'priceDecimals' | 'quantityDecimals'>,
  price: Price,
  quantity: Quantity,
): bigint {
  return limitOfProduct(instrument, BigInt(price) * BigInt(quantity));
}

/** A sum of prices × quantities of one instrument in the units of limits. */
export function limitOfProduct(
  { priceDecimals, quantityDecimals }: Pick<Instrument, 'priceDecimals' | 'quantityDecimals'>,
  product: bigint,
): bigint {
  return scaled(product, priceDecimals + quantityDecimals);
}

/** An instrument with more decimals than limits have is held to the next unit above. */
function scaled(value: bigint, decimals: number): bigint {
  if (decimals <= DECIMALS) return value * 10n ** BigInt(DECIMALS - decimals);
  const unit = 10n ** BigInt(decimals - DECIMALS);
  return (value + unit - 1n) / unit;
}

/** An amount in the units of limits as units of 10^-decimals, rounded up: no less than it is. */
export function atLeastUnits(amount: bigint, decimals: number): bigint {
  if (decimals >= DECIMALS) return amount * 10n ** BigInt(decimals - DECIMALS);
  const unit = 10n ** BigInt(DECIMALS - decimals);
  return (amount + unit - 1n) / unit;
}
