import type { BookOrder } from './book-order.ts';
import type { OrderRef } from './engine-types.ts';

const FEWEST_BUCKETS = 1_024;
/** A longer chain means that names meet in one bucket which the hash does not tell apart. */
const MAX_CHAIN = 32;
/** Names of one client differ at their end, where it counts; the rest of a text is read in need alone. */
const TELLING_CHARACTERS = 8;

/**
 * Open orders by their name. It does what a `Map` does in less than half the time, which is most of
 * what an engine's operation costs: the chains run through the orders themselves, so that finding,
 * adding and removing touch one bucket and the order.
 *
 * The hash is seeded and reads the end of a text. Where a chain grows beyond all chance it is seeded
 * anew and reads all of it from then on, so that names which a stranger chose cannot slow it down.
 * Nothing depends on its order.
 */
export class OrderIndex {
  #buckets: (BookOrder | undefined)[];
  #mask: number;
  #size = 0;
  #seed = randomSeed();
  #telling = TELLING_CHARACTERS;
  /** The name that was last asked for: whoever adds an order has asked whether there is one. */
  #asked: OrderRef = 0;
  #askedHash = this.#hash(0);

  /** Has room for so many orders before it grows. */
  constructor(expected: number) {
    const buckets = 2 ** Math.ceil(Math.log2(Math.max(expected, FEWEST_BUCKETS)));
    this.#buckets = Array.from<BookOrder | undefined>({ length: buckets });
    this.#mask = buckets - 1;
  }

  get size(): number {
    return this.#size;
  }

  get(ref: OrderRef): BookOrder | undefined {
    const hash = this.#hash(ref);
    this.#asked = ref;
    this.#askedHash = hash;
    let order = this.#buckets[hash & this.#mask];
    while (order !== undefined && (order.hash !== hash || order.ref !== ref)) {
      order = order.sameBucket;
    }
    return order;
  }

  /** Adds an order whose name is not in the index. */
  add(order: BookOrder): void {
    if (this.#size > this.#mask) this.#rebuild((this.#mask + 1) * 2);
    order.hash = order.ref === this.#asked ? this.#askedHash : this.#hash(order.ref);
    this.#link(order);
    this.#size += 1;
    let chain = 0;
    for (let next = order.sameBucket; next !== undefined; next = next.sameBucket) chain += 1;
    if (chain <= MAX_CHAIN) return;
    this.#seed = randomSeed();
    this.#telling = Number.MAX_SAFE_INTEGER;
    this.#askedHash = this.#hash(this.#asked);
    this.#rebuild(this.#mask + 1, true);
  }

  /** Removes an order that is in the index. */
  remove(order: BookOrder): void {
    const at = order.hash & this.#mask;
    let before: BookOrder | undefined;
    let found = this.#buckets[at];
    while (found !== order) {
      if (found === undefined) throw new RangeError('the order is not in the index');
      before = found;
      found = found.sameBucket;
    }
    if (before === undefined) this.#buckets[at] = order.sameBucket;
    else before.sameBucket = order.sameBucket;
    order.sameBucket = undefined;
    this.#size -= 1;
  }

  #link(order: BookOrder): void {
    const at = order.hash & this.#mask;
    order.sameBucket = this.#buckets[at];
    this.#buckets[at] = order;
  }

  #rebuild(buckets: number, hashAnew = false): void {
    const old = this.#buckets;
    this.#buckets = Array.from<BookOrder | undefined>({ length: buckets });
    this.#mask = buckets - 1;
    for (const first of old) {
      let order = first;
      while (order !== undefined) {
        const next: BookOrder | undefined = order.sameBucket;
        if (hashAnew) order.hash = this.#hash(order.ref);
        this.#link(order);
        order = next;
      }
    }
  }

  #hash(ref: OrderRef): number {
    let hash = this.#seed;
    if (typeof ref === 'number') hash ^= ref;
    else {
      const { length } = ref;
      let at = length > this.#telling ? length - this.#telling : 0;
      if (((length - at) & 1) === 1) {
        hash = Math.imul(hash ^ ref.charCodeAt(at), FNV_PRIME);
        at += 1;
      }
      // Two characters a step: each step waits for the one before it.
      for (; at < length; at += 2) {
        hash ^= ref.charCodeAt(at) | (ref.charCodeAt(at + 1) << 16);
        hash = Math.imul(hash, FNV_PRIME);
        hash ^= hash >>> 15;
      }
    }
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c_1b_3c_6d);
    // 31 bits, which are kept unboxed.
    return (hash ^ (hash >>> 13)) & 0x7f_ff_ff_ff;
  }
}

const FNV_PRIME = 0x01_00_01_93;

function randomSeed(): number {
  return Math.floor(Math.random() * 2 ** 32) | 0;
}
