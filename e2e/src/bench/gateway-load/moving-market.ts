import type { ConsolidatedBook, MarketView } from '@stoa/node/observer';
import { memoryDirectory, testInstrument } from '@stoa/node/testing/memory-directory';
import { nowNs } from '../quotes/clock.ts';

const venues = ['alpha', 'beta', 'gamma'];
const levels = 10;

/** What the fan-out trades: one instrument that three venues list. */
export const fanoutInstrument = testInstrument(1);
export const fanoutDirectory = memoryDirectory(venues, ['gateway'], [fanoutInstrument]);

/** A market of one book that moves when it is told to: version n shows n units at the best bid. */
export interface MovingMarket extends MarketView {
  move(): void;
  readonly version: () => number;
  /** When each version was made, by version, on the machine's one clock. */
  readonly madeAtNs: () => Float64Array;
}

/** Creates a {@link MovingMarket}; a watcher that is busy gets the latest, as of a node's market. */
export function createMovingMarket(): MovingMarket {
  let book = bookOf(1);
  const madeAtNs: number[] = [0, nowNs()];
  const wakers = new Set<() => void>();

  async function* watch(_instrument: string, signal: AbortSignal) {
    let seen = 0;
    let wake = (): void => undefined;
    const waker = (): void => wake();
    wakers.add(waker);
    signal.addEventListener('abort', waker);
    try {
      while (!signal.aborted) {
        if (book.version > seen) {
          seen = book.version;
          yield book;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      wakers.delete(waker);
    }
  }

  return {
    book: () => book,
    watch,
    evidence: () => [],
    feeds: () => [],
    lastTrade: () => undefined,
    statistics() {
      throw new Error('this market has no trades');
    },
    proofs: () => [],
    move() {
      book = bookOf(book.version + 1);
      madeAtNs.push(nowNs());
      for (const waker of wakers) waker();
    },
    version: () => book.version,
    madeAtNs: () => Float64Array.from(madeAtNs),
  };
}

function bookOf(version: number): ConsolidatedBook {
  const side = (sign: number) =>
    Array.from({ length: levels }, (_, level) => {
      const quantity = level === 0 ? version : 100 + level;
      const shares = venues.map((venue) => ({ venue, quantity }));
      return { price: 10_000 + sign * (level + 1), quantity, venues: shares };
    });
  return {
    instrument: fanoutInstrument.id,
    ...{ version, asOfMs: Date.now(), bids: side(-1), offers: side(1) },
    ...{ locked: false, crossed: false, venues: [] },
  };
}
