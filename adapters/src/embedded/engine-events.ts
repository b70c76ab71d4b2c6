import type { Price, Quantity } from '@stoa/schema';
import type {
  EngineCancelReason,
  EngineEvent,
  EngineListener,
  EngineRejectReason,
  OrderRef,
  RestingOrder,
} from './engine-types.ts';

/** Keeps what an engine does as events, for whoever prefers them to calls. */
export class EngineEvents implements EngineListener {
  #events: EngineEvent[] = [];

  /** What happened since it was last asked. */
  take(): EngineEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  accepted({ ref, quantity }: RestingOrder): void {
    this.#events.push({ kind: 'accepted', ref, quantity });
  }

  traded(maker: RestingOrder, taker: RestingOrder, price: Price, quantity: Quantity): void {
    this.#events.push({
      kind: 'trade',
      maker: maker.ref,
      taker: taker.ref,
      takerSide: taker.side,
      price,
      quantity,
      makerLeaves: maker.leaves,
      takerLeaves: taker.leaves,
    });
  }

  reduced({ ref, quantity, leaves }: RestingOrder): void {
    this.#events.push({ kind: 'reduced', ref, quantity, leaves });
  }

  replaced(order: RestingOrder, previous: OrderRef, keptPriority: boolean): void {
    const { ref, price, quantity, leaves } = order;
    this.#events.push({ kind: 'replaced', ref, previous, price, quantity, leaves, keptPriority });
  }

  canceled({ ref }: RestingOrder, quantity: Quantity, reason: EngineCancelReason): void {
    this.#events.push({ kind: 'canceled', ref, canceled: quantity, reason });
  }

  uncrossed(price: Price, quantity: Quantity): void {
    this.#events.push({ kind: 'uncrossed', price, quantity });
  }

  reopened({ ref, quantity, leaves }: RestingOrder): void {
    this.#events.push({ kind: 'reopened', ref, quantity, leaves });
  }

  rejected(ref: OrderRef, reason: EngineRejectReason): void {
    this.#events.push({ kind: 'rejected', ref, reason });
  }
}
