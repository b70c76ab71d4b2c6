import type { Price, Quantity } from '@stoa/schema';

/** A part of an order that was executed at one price. */
export interface DerivedFill {
  readonly price: Price;
  readonly quantity: Quantity;
}

/** What was executed of an order in all: how much, and price × quantity of it in the same units. */
export interface Executed {
  readonly quantity: Quantity;
  readonly amount: bigint;
}

/**
 * What was executed between two looks at an order whose venue tells only how much in all, and at
 * which average. The amount is kept to the unit: where no single price on the tick gives it, the
 * quantity is told at the two ticks around the average.
 *
 * The venue's average is rounded, so its amount is first put on the nearest one that trades on tick
 * and lot can add up to.
 *
 * @returns undefined where no prices above zero can give this
 */
export function derivedFills(
  before: Executed,
  now: Executed,
  { tickSize, lotSize }: { readonly tickSize: number; readonly lotSize: number },
): readonly DerivedFill[] | undefined {
  const quantity = now.quantity - before.quantity;
  if (quantity <= 0 || quantity % lotSize !== 0) return undefined;
  const unit = BigInt(tickSize) * BigInt(lotSize);
  const amount = nearest(now.amount - before.amount, unit);
  const lots = BigInt(quantity / lotSize);
  const units = amount / unit;
  const ticks = units / lots;
  const above = units % lots;
  if (ticks <= 0n) return undefined;
  const price = Number(ticks) * tickSize;
  const parts = [
    { price, quantity: Number(lots - above) * lotSize },
    { price: price + tickSize, quantity: Number(above) * lotSize },
  ];
  return parts.filter((part) => part.quantity > 0);
}

function nearest(amount: bigint, unit: bigint): bigint {
  if (amount <= 0n) return 0n;
  return ((amount + unit / 2n) / unit) * unit;
}
