import type { Instrument, InstrumentId, LegRejection } from '@stoa/schema';
import { rejectionOf } from '../rejections.ts';
import type { VenueCapabilities, VenueOrder } from '../venue-adapter.ts';

/** Why an order does not even go to the venue; undefined when it does. */
export function whyNotSent(
  order: VenueOrder,
  capabilities: VenueCapabilities,
  instruments: ReadonlyMap<InstrumentId, Instrument>,
): LegRejection | undefined {
  const instrument = instruments.get(order.instrument);
  if (!instrument) return rejectionOf('unknown-instrument');
  return beyond(order, capabilities) ?? offGrid(order, instrument);
}

/** Why these terms are none of this instrument's; undefined when they are. */
export function offGrid(
  { quantity, limitPrice }: Pick<VenueOrder, 'quantity' | 'limitPrice'>,
  { tickSize, lotSize }: Instrument,
): LegRejection | undefined {
  if (!isAmount(limitPrice)) return rejectionOf('invalid-price');
  if (!isAmount(quantity)) return rejectionOf('invalid-quantity');
  if (limitPrice % tickSize !== 0) return rejectionOf('off-tick');
  if (quantity % lotSize !== 0) return rejectionOf('off-lot');
  return undefined;
}

function beyond(order: VenueOrder, capabilities: VenueCapabilities): LegRejection | undefined {
  const { timeInForce, allOrNone, minQuantity, displayQuantity, expireAtMs } = order;
  const missing = [
    capabilities.timesInForce.includes(timeInForce) ? undefined : `${timeInForce} orders`,
    allOrNone === true && !capabilities.allOrNone ? 'all-or-none orders' : undefined,
    minQuantity !== undefined && !capabilities.minQuantity ? 'minimum quantities' : undefined,
    displayQuantity !== undefined && capabilities.displayQuantity !== true
      ? 'shown quantities'
      : undefined,
  ].filter((one) => one !== undefined);
  if (missing.length > 0) {
    const message = `The venue does not take ${missing.join(' and ')}.`;
    return { code: 'NOT_SUPPORTED', message };
  }
  const goodTill = (timeInForce === 'gtd') === (expireAtMs !== undefined);
  return goodTill ? undefined : rejectionOf('invalid-terms');
}

function isAmount(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}
