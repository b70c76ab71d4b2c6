import { type Refusal, refuse } from '@stoa/schema';

/**
 * A quantity in the instrument's units as an amount of the token's smallest unit:
 * `quantity × 10^(tokenDecimals − quantityDecimals)`.
 *
 * @returns the amount, or a refusal when the token cannot express it: nothing is ever rounded
 */
export function tokenAmount(input: {
  readonly quantity: bigint | number;
  readonly quantityDecimals: number;
  readonly tokenDecimals: number;
}): bigint | Refusal<'AMOUNT_NOT_EXACT'> {
  return scaleExactly(
    BigInt(input.quantity),
    input.tokenDecimals - input.quantityDecimals,
    `${input.tokenDecimals} decimals of the token`,
  );
}

/**
 * What a trade costs, in the cash token's smallest unit:
 * `price × quantity × 10^(cashDecimals − priceDecimals − quantityDecimals)`.
 *
 * The rule: an amount that is not exact in the cash token's decimals is refused, never rounded.
 * A rounded amount would differ between two implementations, and the two venues' signatures with it.
 */
export function cashAmount(input: {
  readonly price: bigint | number;
  readonly quantity: bigint | number;
  readonly priceDecimals: number;
  readonly quantityDecimals: number;
  readonly cashDecimals: number;
}): bigint | Refusal<'AMOUNT_NOT_EXACT'> {
  return scaleExactly(
    BigInt(input.price) * BigInt(input.quantity),
    input.cashDecimals - input.priceDecimals - input.quantityDecimals,
    `${input.cashDecimals} decimals of the cash token`,
  );
}

function scaleExactly(
  value: bigint,
  exponent: number,
  unit: string,
): bigint | Refusal<'AMOUNT_NOT_EXACT'> {
  if (exponent >= 0) return value * 10n ** BigInt(exponent);
  const divisor = 10n ** BigInt(-exponent);
  if (value % divisor === 0n) return value / divisor;
  return refuse(
    'AMOUNT_NOT_EXACT',
    `The amount cannot be expressed exactly in the ${unit}.`,
    'Choose a price and quantity whose product needs no more decimals.',
  );
}
