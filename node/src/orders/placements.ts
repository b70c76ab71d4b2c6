import type { Database } from '../store/database.ts';
import type { NewCode } from './id-codes.ts';
import type { StoredOrder } from './order-rows.ts';
import { nextOrderNumbers, readUsed } from './order-store.ts';

/** Orders that are recorded in one transaction, at most. */
const MOST_AT_ONCE = 64;
/** Numbers taken from the store at once: those that a restart finds unused are never given. */
const NUMBERS_AT_ONCE = 256;

/** Records orders under their ids, as they then stand; none where a client order id was used. */
export type PlaceOrders = (orders: readonly StoredOrder[]) => Promise<readonly StoredOrder[]>;

export interface PlacementNeeds {
  readonly database: Database;
  readonly newCode: NewCode;
  readonly place: PlaceOrders;
}

interface Waiting {
  readonly draft: StoredOrder;
  readonly resolve: (placed: StoredOrder | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Orders on their way into the store. While one transaction runs the next orders gather, and the
 * transaction after it takes them together: so the cost of a commit is shared exactly when there is
 * much to do, and an order that comes alone waits for nobody.
 */
export class Placements {
  readonly #home: string;
  readonly #needs: PlacementNeeds;
  readonly #waiting: Waiting[] = [];
  readonly #numbers: number[] = [];
  #placing: Promise<void> | undefined;

  constructor(home: string, needs: PlacementNeeds) {
    this.#home = home;
    this.#needs = needs;
  }

  /** Resolves when the order is durable; undefined when its client order id was used. */
  add(draft: StoredOrder): Promise<StoredOrder | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<StoredOrder | undefined>();
    this.#waiting.push({ draft, resolve, reject });
    this.#placing ??= this.#placeAll();
    return promise;
  }

  /** Resolves when nothing is on its way. */
  async idle(): Promise<void> {
    await this.#placing;
  }

  async #placeAll(): Promise<void> {
    while (this.#waiting.length > 0) await this.#placeNext(this.#waiting.splice(0, MOST_AT_ONCE));
    this.#placing = undefined;
  }

  /**
   * All together. If that fails, without those whose client order id was used; if that is not it, one
   * by one, so that one that cannot be recorded stops no other.
   */
  async #placeNext(waiting: readonly Waiting[]): Promise<void> {
    try {
      await this.#placeTogether(waiting);
    } catch (error) {
      const unused = await this.#withoutUsed(waiting);
      if (unused.length < waiting.length) {
        if (unused.length > 0) await this.#placeNext(unused);
      } else if (waiting.length === 1) waiting[0]?.reject(error);
      else for (const one of waiting) await this.#placeNext([one]);
    }
  }

  /** Nobody looks before it is needed: nearly every order is a new one. */
  async #withoutUsed(waiting: readonly Waiting[]): Promise<readonly Waiting[]> {
    try {
      const drafts = waiting.map(({ draft }) => draft);
      const used = await readUsed(this.#needs.database, drafts);
      for (const { draft, resolve } of waiting) if (used.has(draft)) resolve(undefined);
      return waiting.filter(({ draft }) => !used.has(draft));
    } catch {
      // What failed before says why.
      return waiting;
    }
  }

  async #placeTogether(waiting: readonly Waiting[]): Promise<void> {
    const numbers = await this.#take(waiting.length);
    const orders = waiting.map(({ draft }, index): StoredOrder => {
      const id = `${this.#home}-${this.#needs.newCode()}`;
      return { ...draft, number: numbers[index] ?? 0, state: { ...draft.state, id } };
    });
    const placed = await this.#needs.place(orders);
    for (const [index, { resolve }] of waiting.entries()) resolve(placed[index]);
  }

  async #take(count: number): Promise<number[]> {
    while (this.#numbers.length < count) {
      this.#numbers.push(...(await nextOrderNumbers(this.#needs.database, NUMBERS_AT_ONCE)));
    }
    return this.#numbers.splice(0, count);
  }
}
