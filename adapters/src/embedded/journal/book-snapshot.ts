import type { InstrumentId } from '@stoa/schema';
import type { RestingOrder } from '../engine-types.ts';
import type { EngineState, MatchingEngine } from '../matching-engine.ts';

type Engines = ReadonlyMap<InstrumentId, MatchingEngine>;

interface SavedBook {
  readonly instrument: InstrumentId;
  readonly state: EngineState;
  readonly orders: readonly RestingOrder[];
}

/** Every book as JSON: its state and its orders in priority order. */
export function encodeBooks(engines: Engines): Buffer {
  const books = [...engines].map(([instrument, engine]): SavedBook => {
    const orders = [...engine.orders()].map(savedOrder);
    return { instrument, state: engine.state, orders };
  });
  return Buffer.from(JSON.stringify({ version: 1, books }));
}

/** Fills empty engines with what {@link encodeBooks} wrote; answers the books nobody asked for. */
export function loadBooks(body: Buffer, engines: Engines): InstrumentId[] {
  // Written by this program and guarded by a checksum.
  const { books } = JSON.parse(body.toString()) as { books: readonly SavedBook[] };
  const unknown: InstrumentId[] = [];
  for (const { instrument, state, orders } of books) {
    const engine = engines.get(instrument);
    if (engine === undefined) unknown.push(instrument);
    else engine.load(state, orders);
  }
  return unknown;
}

function savedOrder(order: RestingOrder): RestingOrder {
  const { ref, side, price, quantity, cumulative, leaves, shown, displayQuantity } = order;
  const { timeInForce, expireAtMs, allOrNone, owner, arrival } = order;
  return {
    ...{ ref, side, price, quantity, cumulative, leaves, shown, displayQuantity },
    ...{ timeInForce, expireAtMs, allOrNone, owner, arrival },
  };
}
