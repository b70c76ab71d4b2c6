import { type EngineListener, MatchingEngine } from '@stoa/adapters/matching-engine';
import type { FlowOperation } from './engine-flow.ts';

/** What our engine is told to make room for: about what the flow has open at its end. */
export const expectedOrders = 65_536;

type Level = readonly [price: number, quantity: number];

/** One engine, made anew for a run over a whole flow, in the terms that it takes operations in. */
export interface Contender<Operations> {
  /** Does the next part of the flow. */
  run(operations: Operations): void;
  /** Every price with its open quantity, by rising price. */
  book(): Level[];
  /** Quantity that traded, as the engine told it on the way. */
  traded(): number;
}

/** What we use of `nodejs-order-book`. */
export interface PeerOrderBook {
  limit(order: { id: string; side: 'buy' | 'sell'; price: number; size: number }): {
    readonly quantityLeft: number;
  };
  cancel(id: string): unknown;
  depth(): [asks: [number, number][], bids: [number, number][]];
}

/** The flow in our engine's terms, with the same ids or with numbers in their place. */
export function ourInput(flow: readonly FlowOperation[], ids: 'texts' | 'numbers') {
  const refOf = (id: string) => (ids === 'texts' ? id : Number(id.slice(id.indexOf('-') + 1)));
  return flow.map((operation) => {
    if (operation.kind === 'cancel') return { ref: refOf(operation.id), order: undefined };
    const { side, price, size: quantity } = operation;
    const ref = refOf(operation.id);
    return { ref, order: { ref, side, price, quantity, timeInForce: 'gtc' } as const };
  });
}

export function ourEngine(): Contender<ReturnType<typeof ourInput>> {
  let tradedQuantity = 0;
  const listener: EngineListener = {
    ...deafListener,
    traded: (_maker, _taker, _price, quantity) => {
      tradedQuantity += quantity;
    },
  };
  const engine = new MatchingEngine(listener, { expectedOrders });
  return {
    run: (operations) => {
      for (const { ref, order } of operations) {
        if (order === undefined) engine.cancel(ref);
        else engine.submit(order);
      }
    },
    book: () => {
      const { bids, offers } = engine.depth(Number.MAX_SAFE_INTEGER);
      return byPrice([...bids, ...offers].map(([price, quantity]) => [price, quantity]));
    },
    traded: () => tradedQuantity,
  };
}

export function peerEngine(book: PeerOrderBook): Contender<readonly FlowOperation[]> {
  let tradedQuantity = 0;
  return {
    run: (operations) => {
      for (const operation of operations) {
        if (operation.kind === 'cancel') book.cancel(operation.id);
        else tradedQuantity += operation.size - book.limit(operation).quantityLeft;
      }
    },
    book: () => byPrice(book.depth().flat()),
    traded: () => tradedQuantity,
  };
}

/** Hears nothing. */
export const deafListener: EngineListener = {
  accepted: () => undefined,
  traded: () => undefined,
  reduced: () => undefined,
  replaced: () => undefined,
  canceled: () => undefined,
  uncrossed: () => undefined,
  reopened: () => undefined,
  rejected: () => undefined,
};

function byPrice(levels: Level[]): Level[] {
  return levels.toSorted(([one], [other]) => one - other);
}
