import type { Instrument, LegRejection, OrderOwner, Price, Quantity } from '@stoa/schema';
import { rejectionOf } from '../rejections.ts';
import type { VenueOrder } from '../venue-adapter.ts';

/** Why a price and a quantity are none of the instrument's. */
export function offGrid(
  { tickSize, lotSize }: Instrument,
  price: Price,
  quantity: Quantity,
): LegRejection | undefined {
  if (price % tickSize !== 0) return rejectionOf('off-tick');
  return quantity % lotSize === 0 ? undefined : rejectionOf('off-lot');
}

/** Why an order is none that the instrument's book takes, whatever is in the book. */
export function orderRejection(
  instrument: Instrument,
  order: VenueOrder,
  nowMs: number,
): LegRejection | undefined {
  const { limitPrice, quantity, minQuantity = 0, displayQuantity = 0, expireAtMs } = order;
  const { lotSize } = instrument;
  if (minQuantity % lotSize !== 0 || displayQuantity % lotSize !== 0) return rejectionOf('off-lot');
  if (expireAtMs !== undefined && expireAtMs < nowMs) return rejectionOf('expired');
  return offGrid(instrument, limitPrice, quantity);
}

/** Why two orders are no agreement: they have to say the same, from both sides, and be of two owners. */
export function agreementRejection(
  instrument: Instrument,
  taker: VenueOrder,
  maker: VenueOrder | undefined,
  ownerOf: (owner: OrderOwner) => string | undefined,
): LegRejection | undefined {
  const owner = ownerOf(taker.owner);
  if (maker && owner !== undefined && owner === ownerOf(maker.owner)) {
    return rejectionOf('self-trade');
  }
  const agrees =
    maker === undefined ||
    (maker.side !== taker.side &&
      maker.instrument === taker.instrument &&
      maker.limitPrice === taker.limitPrice &&
      maker.quantity === taker.quantity);
  if (!agrees) return rejectionOf('quote-terms');
  return offGrid(instrument, taker.limitPrice, taker.quantity);
}
