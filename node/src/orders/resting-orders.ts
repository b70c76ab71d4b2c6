import type { InstrumentId, Price, Side, VenueId } from '@stoa/schema';
import { isComplete } from './life/order-state.ts';
import type { StoredOrder } from './order-rows.ts';

/** What an order has waiting: at which venues, and at which price an order against it would meet it. */
interface Waiting {
  readonly key: string;
  readonly side: Side;
  readonly prices: ReadonlyMap<VenueId, Price>;
}

/**
 * Where the orders of each wallet wait in books, so that no other order of the same wallet is sent
 * against them. It is what this process knows: filled from the open orders at the start, and told of
 * every change after its commit. Two orders that are placed in the same moment do not see each other.
 */
export class RestingOrders {
  readonly #byOrder = new Map<string, Waiting>();
  readonly #byKey = new Map<string, Set<Waiting>>();

  /** Takes note of orders as they stand now. */
  note(orders: readonly StoredOrder[]): void {
    for (const order of orders) {
      this.#forget(order.state.id);
      const prices = waitingPrices(order);
      if (prices.size === 0) continue;
      const { side, id } = order.state;
      const waiting = { key: keyOf(order.account, order.instrument, side), side, prices };
      this.#byOrder.set(id, waiting);
      const others = this.#byKey.get(waiting.key);
      if (others) others.add(waiting);
      else this.#byKey.set(waiting.key, new Set([waiting]));
    }
  }

  /** By venue, the best price at which a wallet's orders wait against an order of this side. */
  opposite(account: string, instrument: InstrumentId, side: Side): ReadonlyMap<VenueId, Price> {
    const best = new Map<VenueId, Price>();
    const other = side === 'buy' ? 'sell' : 'buy';
    for (const { prices } of this.#byKey.get(keyOf(account, instrument, other)) ?? []) {
      for (const [venue, price] of prices) {
        const known = best.get(venue);
        best.set(venue, known === undefined ? price : betterFor(side, known, price));
      }
    }
    return best;
  }

  #forget(id: string): void {
    const waiting = this.#byOrder.get(id);
    if (!waiting) return;
    this.#byOrder.delete(id);
    const others = this.#byKey.get(waiting.key);
    others?.delete(waiting);
    if (others?.size === 0) this.#byKey.delete(waiting.key);
  }
}

/** A leg that is being replaced counts at both its prices: nobody knows yet which one holds. */
function waitingPrices({ state }: StoredOrder): ReadonlyMap<VenueId, Price> {
  const prices = new Map<VenueId, Price>();
  const against = state.side === 'buy' ? 'sell' : 'buy';
  for (const leg of state.legs) {
    if (leg.purpose !== 'rest' || isComplete(leg)) continue;
    for (const price of [leg.limitPrice, leg.pending?.limitPrice, prices.get(leg.venue)]) {
      if (price === undefined) continue;
      prices.set(leg.venue, betterFor(against, prices.get(leg.venue) ?? price, price));
    }
  }
  return prices;
}

/** The price that an order of this side meets first. */
function betterFor(side: Side, one: Price, other: Price): Price {
  return side === 'buy' ? Math.min(one, other) : Math.max(one, other);
}

function keyOf(account: string, instrument: InstrumentId, side: Side): string {
  return `${side} ${account.toLowerCase()} ${instrument}`;
}
