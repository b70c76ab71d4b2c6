import { MatchingEngine } from '@stoa/adapters/matching-engine';
import { type SeededRandom, seededRandom } from '@stoa/adapters/seeded-random';
import type { Bench } from './bench.ts';

const seed = 20_250_301;
const operations = 200_000;
const rounds = 7;
const midPrice = 10_000;
const deepestPrice = 500;

type Operation =
  | {
      readonly kind: 'add';
      readonly id: string;
      readonly side: 'buy' | 'sell';
      readonly price: number;
      readonly size: number;
    }
  | { readonly kind: 'cancel'; readonly id: string };

type Level = readonly [price: number, quantity: number];

/** The two engines behind one shape, which does nothing but translate names. */
interface Contender {
  apply(operation: Operation): void;
  /** Every price with its open quantity, by rising price. */
  book(): Level[];
}

/** What we use of `nodejs-order-book`. */
interface PeerOrderBook {
  limit(order: { id: string; side: 'buy' | 'sell'; price: number; size: number }): unknown;
  cancel(id: string): unknown;
  depth(): [asks: [number, number][], bids: [number, number][]];
}

/**
 * Operations per second of our matching engine and of npm's `nodejs-order-book` (MIT): three adds
 * to two cancels; the adds lie around one price, so that part of them trades. Both get the same
 * operations, and the bench fails unless both books are equal, level by level, at the end.
 */
export const engineBench: Bench = {
  name: 'engine',
  about: 'matching engine: adds, cancels and trades a second, beside nodejs-order-book',
  run: async ({ peer, say }) => {
    const { OrderBook } = (await peer('nodejs-order-book')) as {
      OrderBook: new () => PeerOrderBook;
    };
    const flow = makeFlow(seededRandom(seed));
    const contenders = {
      stoa: ourEngine,
      'nodejs-order-book': () => peerEngine(new OrderBook()),
    };
    say(`engine: ${operations} operations, ${rounds} rounds`);
    const trades = countTrades(flow);
    const rates: Record<keyof typeof contenders, number[]> = { stoa: [], 'nodejs-order-book': [] };
    // One warm-up round, not counted; then in turns, so that a change of the machine's speed
    // meets both.
    for (let round = 0; round <= rounds; round += 1) {
      const books: string[] = [];
      for (const name of ['stoa', 'nodejs-order-book'] as const) {
        const contender = contenders[name]();
        const begun = performance.now();
        for (const operation of flow) contender.apply(operation);
        const seconds = (performance.now() - begun) / 1_000;
        if (round > 0) rates[name].push(operations / seconds);
        books.push(JSON.stringify(contender.book()));
      }
      if (books[0] !== books[1]) throw new Error('the two engines disagree about the final book');
    }
    const stoa = summary(rates.stoa);
    const other = summary(rates['nodejs-order-book']);
    const ratio = Number((stoa.median / other.median).toFixed(2));
    return {
      unit: 'operations per second',
      flow: { seed, operations, addShare: 0.6, trades },
      rounds,
      stoa,
      peer: { name: 'nodejs-order-book', ...other },
      ratio,
    };
  },
};

/** A flow of 60 % adds and 40 % cancels, each cancel of an order added before, maybe filled since. */
function makeFlow(random: SeededRandom): Operation[] {
  const flow: Operation[] = [];
  const cancellable: string[] = [];
  while (flow.length < operations) {
    if (random.next() < 0.6 || cancellable.length === 0) {
      const side = random.pick(['buy', 'sell'] as const);
      // Densest at the middle, where it crosses at times, and thin over hundreds of prices: long
      // queues at few prices alone would measure no more than how an engine cancels within one.
      const away = Math.floor(random.next() ** 3 * deepestPrice) - 3;
      const price = side === 'buy' ? midPrice - away : midPrice + away;
      const id = `order-${flow.length}`;
      flow.push({ kind: 'add', id, side, price, size: random.between(1, 500) });
      cancellable.push(id);
    } else {
      const at = random.between(0, cancellable.length - 1);
      const id = cancellable[at] ?? '';
      cancellable[at] = cancellable.at(-1) ?? '';
      cancellable.pop();
      flow.push({ kind: 'cancel', id });
    }
  }
  return flow;
}

function ourEngine(): Contender {
  const engine = new MatchingEngine();
  return {
    apply: (operation) => {
      if (operation.kind === 'cancel') {
        engine.cancel(operation.id);
        return;
      }
      const { id: ref, side, price, size: quantity } = operation;
      engine.submit({ ref, side, price, quantity, timeInForce: 'gtc' });
    },
    book: () => {
      const { bids, offers } = engine.depth(Number.MAX_SAFE_INTEGER);
      return byPrice([...bids, ...offers].map(([price, quantity]) => [price, quantity]));
    },
  };
}

function peerEngine(book: PeerOrderBook): Contender {
  return {
    apply: (operation) => {
      if (operation.kind === 'cancel') {
        book.cancel(operation.id);
        return;
      }
      const { id, side, price, size } = operation;
      book.limit({ id, side, price, size });
    },
    book: () => byPrice(book.depth().flat()),
  };
}

function byPrice(levels: Level[]): Level[] {
  return levels.toSorted(([one], [other]) => one - other);
}

function countTrades(flow: readonly Operation[]): number {
  const engine = new MatchingEngine();
  let trades = 0;
  for (const operation of flow) {
    if (operation.kind === 'cancel') {
      engine.cancel(operation.id);
      continue;
    }
    const { id: ref, side, price, size: quantity } = operation;
    const events = engine.submit({ ref, side, price, quantity, timeInForce: 'gtc' });
    trades += events.filter((event) => event.kind === 'trade').length;
  }
  return trades;
}

function summary(rates: readonly number[]) {
  const sorted = rates.map(Math.round).toSorted((one, other) => one - other);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return { median, lowest: sorted[0] ?? 0, highest: sorted.at(-1) ?? 0 };
}
