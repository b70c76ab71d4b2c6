import type { Side } from '@stoa/schema';
import { bookDigest } from '../book-digest.ts';
import type {
  Depth,
  DepthLevel,
  EngineEvent,
  EngineOrder,
  EngineRejectReason,
  OrderRef,
  RestingOrder,
} from '../engine-types.ts';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };
type NaiveOrder = Mutable<RestingOrder> & { arrival: number };

/**
 * The matching rules written down as plainly as possible: one unordered list, sorted whenever an
 * answer needs an order. The real engine must agree with it on every event and every book.
 */
export class NaiveMatchingEngine {
  #orders: NaiveOrder[] = [];
  #arrivals = 0;
  #halted = false;

  submit(order: EngineOrder): EngineEvent[] {
    const { ref, side, quantity, timeInForce, cumulative = 0 } = order;
    const reject = (reason: EngineRejectReason): EngineEvent[] => [
      { kind: 'rejected', ref, reason },
    ];
    if (order.price !== undefined && !(Number.isSafeInteger(order.price) && order.price > 0)) {
      return reject('invalid-price');
    }
    if (!(Number.isSafeInteger(quantity) && quantity > 0)) return reject('invalid-quantity');
    if (!(Number.isSafeInteger(cumulative) && cumulative >= 0)) return reject('invalid-quantity');
    if (cumulative >= quantity) return reject('below-executed');
    if (this.order(ref) !== undefined) return reject('duplicate-order');
    if (this.#halted) return reject('halted');

    const price = order.price ?? (side === 'buy' ? Number.MAX_SAFE_INTEGER : 1);
    const leaves = quantity - cumulative;
    const taker = { ref, side, price, quantity, cumulative, leaves, arrival: 0 };
    const events: EngineEvent[] = [{ kind: 'accepted', ref, quantity }];
    const available = this.#matchable(taker).reduce((sum, maker) => sum + maker.leaves, 0);
    if (timeInForce === 'fok' && available < leaves) {
      events.push({ kind: 'canceled', ref, canceled: leaves, reason: 'unfillable' });
      return events;
    }
    this.#trade(taker, events);
    const rests = order.price !== undefined && ['day', 'gtc'].includes(timeInForce);
    if (rests) this.#rest(taker, events);
    else if (taker.leaves > 0) {
      events.push({ kind: 'canceled', ref, canceled: taker.leaves, reason: 'remainder' });
    }
    return events;
  }

  cancel(ref: OrderRef): EngineEvent[] {
    const order = this.#find(ref);
    if (order === undefined) return [{ kind: 'rejected', ref, reason: 'unknown-order' }];
    this.#orders = this.#orders.filter((other) => other !== order);
    return [{ kind: 'canceled', ref, canceled: order.leaves, reason: 'requested' }];
  }

  reduce(ref: OrderRef, by: number): EngineEvent[] {
    const order = this.#find(ref);
    if (order === undefined) return [{ kind: 'rejected', ref, reason: 'unknown-order' }];
    if (!(Number.isSafeInteger(by) && by > 0)) {
      return [{ kind: 'rejected', ref, reason: 'invalid-quantity' }];
    }
    if (by >= order.leaves) return this.cancel(ref);
    order.quantity -= by;
    order.leaves -= by;
    return [{ kind: 'reduced', ref, quantity: order.quantity, leaves: order.leaves }];
  }

  replace(
    previous: OrderRef,
    by: { readonly ref: OrderRef; readonly price: number; readonly quantity: number },
  ): EngineEvent[] {
    const { ref, price, quantity } = by;
    const reject = (reason: EngineRejectReason): EngineEvent[] => [
      { kind: 'rejected', ref, reason },
    ];
    const order = this.#find(previous);
    if (order === undefined) return reject('unknown-order');
    if (ref !== previous && this.order(ref) !== undefined) return reject('duplicate-order');
    if (!(Number.isSafeInteger(price) && price > 0)) return reject('invalid-price');
    if (!(Number.isSafeInteger(quantity) && quantity > 0)) return reject('invalid-quantity');
    if (quantity <= order.cumulative) return reject('below-executed');
    const keptPriority = price === order.price && quantity <= order.quantity;
    if (!keptPriority && this.#halted) return reject('halted');

    Object.assign(order, { ref, price, quantity, leaves: quantity - order.cumulative });
    const { leaves } = order;
    const events: EngineEvent[] = [
      { kind: 'replaced', ref, previous, price, quantity, leaves, keptPriority },
    ];
    if (!keptPriority) {
      this.#orders = this.#orders.filter((other) => other !== order);
      this.#trade(order, events);
      this.#rest(order, events);
    }
    return events;
  }

  halt(): void {
    this.#halted = true;
  }

  resume(): void {
    this.#halted = false;
  }

  order(ref: OrderRef): RestingOrder | undefined {
    return this.#find(ref);
  }

  depth(levels: number): Depth {
    return { bids: this.#depth('buy', levels), offers: this.#depth('sell', levels) };
  }

  digest(): string {
    return bookDigest([...this.#sorted('buy'), ...this.#sorted('sell')], this.#halted);
  }

  #find(ref: OrderRef): NaiveOrder | undefined {
    return this.#orders.find((order) => order.ref === ref);
  }

  #sorted(side: Side): NaiveOrder[] {
    const sign = side === 'buy' ? -1 : 1;
    return this.#orders
      .filter((order) => order.side === side)
      .sort((a, b) => sign * (a.price - b.price) || a.arrival - b.arrival);
  }

  #matchable(taker: RestingOrder): NaiveOrder[] {
    return this.#sorted(taker.side === 'buy' ? 'sell' : 'buy').filter((maker) =>
      taker.side === 'buy' ? maker.price <= taker.price : maker.price >= taker.price,
    );
  }

  #trade(taker: NaiveOrder, events: EngineEvent[]): void {
    for (const maker of this.#matchable(taker)) {
      if (taker.leaves === 0) break;
      const quantity = Math.min(maker.leaves, taker.leaves);
      for (const order of [maker, taker]) {
        order.leaves -= quantity;
        order.cumulative += quantity;
      }
      events.push({
        kind: 'trade',
        maker: maker.ref,
        taker: taker.ref,
        takerSide: taker.side,
        price: maker.price,
        quantity,
        makerLeaves: maker.leaves,
        takerLeaves: taker.leaves,
      });
    }
    this.#orders = this.#orders.filter((order) => order.leaves > 0);
  }

  #rest(order: NaiveOrder, events: EngineEvent[]): void {
    if (order.leaves === 0) return;
    const level = this.#sorted(order.side).filter((other) => other.price === order.price);
    const total = level.reduce((sum, other) => sum + other.leaves, order.leaves);
    if (!Number.isSafeInteger(total)) {
      const { ref, leaves } = order;
      events.push({ kind: 'canceled', ref, canceled: leaves, reason: 'level-full' });
      return;
    }
    this.#arrivals += 1;
    order.arrival = this.#arrivals;
    this.#orders.push(order);
  }

  #depth(side: Side, levels: number): DepthLevel[] {
    const totals = new Map<number, [number, number]>();
    for (const { price, leaves } of this.#sorted(side)) {
      const [quantity, orders] = totals.get(price) ?? [0, 0];
      totals.set(price, [quantity + leaves, orders + 1]);
    }
    return [...totals]
      .slice(0, levels)
      .map(([price, [quantity, orders]]): DepthLevel => [price, quantity, orders]);
  }
}
