import type { Level, Price, Quantity } from '@stoa/schema';

/** Both sides of a book, best first. */
export interface BookSides {
  readonly bids: readonly Level[];
  readonly offers: readonly Level[];
}

/** A book that is told as a snapshot and numbered changes. Pure bookkeeping. */
export class StreamBook {
  readonly #bids = new Map<Price, Quantity>();
  readonly #offers = new Map<Price, Quantity>();
  #sequence: number | undefined;

  /** Undefined while it waits for a snapshot. */
  get sides(): BookSides | undefined {
    if (this.#sequence === undefined) return undefined;
    return {
      bids: levelsOf(this.#bids).toSorted((a, b) => b.price - a.price),
      offers: levelsOf(this.#offers).toSorted((a, b) => a.price - b.price),
    };
  }

  snapshot(sequence: number, { bids, offers }: BookSides): void {
    this.#bids.clear();
    this.#offers.clear();
    put(this.#bids, bids);
    put(this.#offers, offers);
    this.#sequence = sequence;
  }

  /** Takes the changes of one message; `gap` where one before it is missing: then it waits for a snapshot. */
  update(sequence: number, { bids, offers }: BookSides): 'taken' | 'old' | 'waiting' | 'gap' {
    if (this.#sequence === undefined) return 'waiting';
    if (sequence <= this.#sequence) return 'old';
    if (sequence !== this.#sequence + 1) {
      this.#sequence = undefined;
      return 'gap';
    }
    this.#sequence = sequence;
    put(this.#bids, bids);
    put(this.#offers, offers);
    return 'taken';
  }
}

/** A level without quantity is gone. */
function put(side: Map<Price, Quantity>, levels: readonly Level[]): void {
  for (const { price, quantity } of levels) {
    if (quantity === 0) side.delete(price);
    else side.set(price, quantity);
  }
}

function levelsOf(side: ReadonlyMap<Price, Quantity>): Level[] {
  return [...side].map(([price, quantity]) => ({ price, quantity }));
}
