import type { Instrument } from '@stoa/schema';
import { readDecimal } from '../fix/wire/decimal-field.ts';
import type { FixFields } from '../fix/wire/fix-fields.ts';
import { TAG } from '../fix/wire/tags.ts';
import { readTimestamp } from '../fix/wire/utc-timestamp.ts';
import type { VenueOrder } from '../venue-adapter.ts';
import type { PeerOrder } from './fix-reports.ts';

const TIMES = { '0': 'day', '1': 'gtc', '3': 'ioc', '4': 'fok', '6': 'gtd' } as const;
/** Reads amounts of a message by tag. */
export function amounts(fields: FixFields): (tag: number, decimals: number) => number {
  return (tag, decimals) => {
    const index = fields.find(tag);
    return readDecimal(fields.bytes, fields.starts[index] ?? 0, fields.ends[index] ?? 0, decimals);
  };
}

/** A NewOrderSingle(D) as the engine takes it. */
export function readOrder(
  order: PeerOrder,
  fields: FixFields,
  { quantityDecimals }: Instrument,
): VenueOrder {
  const amount = amounts(fields);
  const time = (fields.text(TAG.TimeInForce) ?? '0') as keyof typeof TIMES;
  const expires = readTimestamp(fields.text(TAG.ExpireTime) ?? '');
  const account = fields.text(TAG.Account) as `0x${string}`;
  return {
    ...{ orderId: order.engineId, instrument: order.instrument, homeVenue: 'peer' },
    side: order.side === '1' ? 'buy' : 'sell',
    ...{ timeInForce: TIMES[time], quantity: order.quantity, limitPrice: order.price },
    ...(expires !== undefined && { expireAtMs: expires }),
    ...(fields.text(TAG.ExecInst) === 'G' && { allOrNone: true }),
    ...(fields.has(TAG.MinQty) && { minQuantity: amount(TAG.MinQty, quantityDecimals) }),
    ...(fields.has(TAG.MaxFloor) && { displayQuantity: amount(TAG.MaxFloor, quantityDecimals) }),
    owner: { member: 'fix', account },
  };
}
