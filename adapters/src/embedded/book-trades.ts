import type { Price, Quantity } from '@stoa/schema';
import type { EngineEvent, EngineTrade, OrderRef } from './engine-types.ts';

/** What one order traded with the recorded flow at one price, or one trade of two others. */
export interface JoinedTrades {
  readonly kind: 'trades';
  readonly trades: [EngineTrade, ...EngineTrade[]];
}

/** An engine's events with joined trades. */
export type BookEvent = Exclude<EngineEvent, EngineTrade> | JoinedTrades;

/**
 * Joins what one order took from the recorded flow at one price: the flow is one participant with
 * one wallet, so that many of its orders settle as one trade. Each is printed for itself all the
 * same: what is public must not tell the flow's orders from members'.
 */
export function joinFlowTrades(events: readonly EngineEvent[]): BookEvent[] {
  const joined: BookEvent[] = [];
  for (const event of events) {
    const last = joined.at(-1);
    if (event.kind !== 'trade') joined.push(event);
    else if (last?.kind === 'trades' && isSameCounterparty(last.trades[0], event)) {
      last.trades.push(event);
    } else joined.push({ kind: 'trades', trades: [event] });
  }
  return joined;
}

/** Members' orders have text references, recorded ones numbers. */
export function isOfFlow(ref: OrderRef): ref is number {
  return typeof ref === 'number';
}

/** The last price that the events tell of. */
export function lastPriceOf(events: readonly EngineEvent[]): Price | undefined {
  return events.findLast((event) => event.kind === 'trade')?.price;
}

export function quantityOf(trades: readonly EngineTrade[]): Quantity {
  return trades.reduce((sum, { quantity }) => sum + quantity, 0);
}

function isSameCounterparty(one: EngineTrade, other: EngineTrade): boolean {
  return (
    isOfFlow(one.maker) &&
    isOfFlow(other.maker) &&
    one.taker === other.taker &&
    one.price === other.price
  );
}
