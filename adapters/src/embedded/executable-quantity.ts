import type { Quantity } from '@stoa/schema';
import type { BookOrder } from './book-order.ts';
import type { BookSide, PriceLevel } from './book-side.ts';
import type { SelfTradeAction } from './engine-types.ts';
import type { WaitingOrders } from './waiting-orders.ts';

/** What an order would trade with. */
export interface OtherSide {
  readonly shown: BookSide;
  readonly waiting: WaitingOrders;
}

/**
 * How much of an order would trade if it came now: exactly what matching would do, without doing it.
 * Stops counting at `enough`.
 */
export function executableQuantity(
  taker: BookOrder,
  against: OtherSide,
  onSelfTrade: SelfTradeAction,
  enough: Quantity,
): Quantity {
  const { shown, waiting } = against;
  let behind = 0;
  let place = 0;
  let found = 0;
  while (found < enough) {
    const level = shown.level(behind);
    const next = waiting.at(place);
    // What is shown at a price trades before what waits at it.
    if (level !== undefined && (next === undefined || shown.reaches(level.price, next.price))) {
      if (!shown.reaches(level.price, taker.price)) break;
      const part = executableAt(shown, level, taker, onSelfTrade);
      found += part.quantity;
      if (part.ends) break;
      behind += 1;
    } else {
      if (next === undefined || !waiting.reaches(next.price, taker.price)) break;
      place += 1;
      if (next.leaves > taker.leaves - found) continue;
      if (next.owner === undefined || next.owner !== taker.owner) found += next.leaves;
      else if (onSelfTrade !== 'cancel-oldest') break;
    }
  }
  return Math.min(found, taker.leaves);
}

function executableAt(
  shown: BookSide,
  level: PriceLevel,
  taker: BookOrder,
  onSelfTrade: SelfTradeAction,
): { readonly quantity: Quantity; readonly ends: boolean } {
  const { owner } = taker;
  if (owner === undefined) return { quantity: level.total, ends: false };
  let slices = 0;
  let all = 0;
  for (const order of shown.queue(level)) {
    if (order.owner === owner) {
      // Hidden slices trade after the whole queue has shown its first, so never before this order.
      if (onSelfTrade !== 'cancel-oldest') return { quantity: slices, ends: true };
      continue;
    }
    slices += order.shown;
    all += order.leaves;
  }
  return { quantity: all, ends: false };
}
