import type { BookOrder, BookOrders } from './book-order.ts';
import type { OrderRef } from './engine-types.ts';

const FEWEST_BUCKETS = 1_024;
/** A longer chain means that names meet in one bucket which the hash does not tell apart. */
const MAX_CHAIN = 32;
/** Names of one client differ at their end, where it counts; the rest of a text is read in need alone. */
const TELLING_CHARACTERS = 8;

/**
 * Open orders by their name. It does what a `Map` does in less than half the time, which is much of what
 * an engine's operation costs: buckets and chains are numbers of orders, and an order is read only where
 * its hash is the one looked for.
 *
 * The hash is seeded and reads the end of a text. Where a chain grows beyond all chance it is seeded
 * anew and reads all of it from then on, so that names which a stranger chose cannot slow it down.
 * Nothing depends on its order.
 */
export class OrderIndex {
  readonly #orders: BookOrders;
  /** The first order of each; the others follow by `sameBucket`. */
  #buckets: Int32Array;
  #mask: number;
  #size = 0;
  #seed = randomSeed();
  #telling = TELLING_CHARACTERS;
  /** The name that was last asked for: whoever adds an order has asked whether there is one. */
  #asked: OrderRef = 0;
  #askedHash = 0;

  /** Has room for so many orders before it grows. */
  constructor(orders: BookOrders, expected: number) {
    const buckets = 2 ** Math.ceil(Math.log2(Math.max(expected, FEWEST_BUCKETS)));
    this.#orders = orders;
    this.#buckets = new Int32Array(buckets);
    this.#mask = buckets - 1;
    this.#askedHash = this.#hash(0);
  }

  get size(): number {
    return this.#size;
  }

  get(ref: OrderRef): BookOrder | undefined {
    const hash = this.#hash(ref);
    this.#asked = ref;
    this.#askedHash = hash;
    const { hash: hashes, sameBucket } = this.#orders;
    let number = this.#buckets[hash & this.#mask] ?? 0;
    while (number !== 0) {
      if (hashes[number] === hash) {
        const order = this.#orders.at(number);
        if (order !== undefined && order.ref === ref) return order;
      }
      number = sameBucket[number] ?? 0;
    }
    return undefined;
  }

  /** Adds an order whose name is not in the index. */
  add({ ref, number }: BookOrder): void {
    if (this.#size > this.#mask) this.#rebuild((this.#mask + 1) * 2);
    const { hash, sameBucket } = this.#orders;
    hash[number] = ref === this.#asked ? this.#askedHash : this.#hash(ref);
    this.#link(number);
    this.#size += 1;
    let chain = 0;
    for (let next = sameBucket[number] ?? 0; next !== 0; next = sameBucket[next] ?? 0) chain += 1;
    if (chain <= MAX_CHAIN) return;
    this.#seed = randomSeed();
    this.#telling = Number.MAX_SAFE_INTEGER;
    this.#askedHash = this.#hash(this.#asked);
    this.#rebuild(this.#mask + 1, true);
  }

  /** Removes an order that is in the index. */
  remove({ number }: BookOrder): void {
    const { hash, sameBucket } = this.#orders;
    const bucket = (hash[number] ?? 0) & this.#mask;
    let before = 0;
    let found = this.#buckets[bucket] ?? 0;
    while (found !== number) {
      if (found === 0) throw new RangeError('the order is not in the index');
      before = found;
      found = sameBucket[found] ?? 0;
    }
    const next = sameBucket[number] ?? 0;
    if (before === 0) this.#buckets[bucket] = next;
    else sameBucket[before] = next;
    this.#size -= 1;
  }

  #link(number: number): void {
    const { hash, sameBucket } = this.#orders;
    const bucket = (hash[number] ?? 0) & this.#mask;
    sameBucket[number] = this.#buckets[bucket] ?? 0;
    this.#buckets[bucket] = number;
  }

  #rebuild(buckets: number, hashAnew = false): void {
    const { hash, sameBucket } = this.#orders;
    const old = this.#buckets;
    this.#buckets = new Int32Array(buckets);
    this.#mask = buckets - 1;
    for (const first of old) {
      for (let number = first; number !== 0; ) {
        const next = sameBucket[number] ?? 0;
        const order = this.#orders.at(number);
        if (hashAnew && order !== undefined) hash[number] = this.#hash(order.ref);
        this.#link(number);
        number = next;
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
