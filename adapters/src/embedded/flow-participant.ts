import type { Price, Quantity, Side } from '@stoa/schema';
import type { FlowOrder, FlowPrint, FlowTarget } from '../flow/flow-replay.ts';
import { RECORDED_PRICE_DECIMALS } from '../flow/lobster-message.ts';
import type { VenueBook } from './venue-book.ts';

/** The reference of orders that hit and never rest; recorded orders' numbers are not negative. */
const TAKER_REF = -1;

export interface FlowNeeds {
  readonly ready: FlowTarget['ready'];
  /** Whether the venue trades at this time, halts apart. */
  readonly isOpen: () => boolean;
}

/**
 * Recorded order flow as one more participant of a book: its orders stand in the same queues as
 * members' orders and trade with them. Recorded dollars and shares become the instrument's units;
 * what the instrument cannot express is refused, never rounded.
 */
export function flowParticipant(book: VenueBook, { ready, isOpen }: FlowNeeds): FlowTarget {
  const { priceDecimals, quantityDecimals } = book.instrument;
  const quantityUnits = 10 ** quantityDecimals;
  const toPrice = (recorded: number): Price =>
    priceDecimals >= RECORDED_PRICE_DECIMALS
      ? recorded * 10 ** (priceDecimals - RECORDED_PRICE_DECIMALS)
      : recorded / 10 ** (RECORDED_PRICE_DECIMALS - priceDecimals);
  const toQuantity = (size: number): Quantity => size * quantityUnits;
  const enter = (
    ref: number,
    order: { readonly side: Side; readonly price: number; readonly size: number },
    timeInForce: 'day' | 'ioc',
  ): boolean =>
    book.enterFlow({
      ref,
      side: order.side,
      price: toPrice(order.price),
      quantity: toQuantity(order.size),
      timeInForce,
    });

  return {
    submit: (order: FlowOrder) => enter(order.orderId, order, 'day'),
    execute: (order) => enter(TAKER_REF, order, 'ioc'),
    reduce: (orderId, size) => book.reduceFlow(orderId, toQuantity(size)),
    cancel: (orderId) => book.reduceFlow(orderId, 'all'),
    print: ({ price, size }: FlowPrint) => {
      const printed = toPrice(price);
      const quantity = toQuantity(size);
      if (!Number.isSafeInteger(printed) || !Number.isSafeInteger(quantity)) return false;
      book.print(printed, quantity);
      return true;
    },
    halt: () => book.halt('flow', 'recorded halt'),
    resume: () => book.resume('flow', 'recorded resumption', isOpen()),
    ready,
  };
}
