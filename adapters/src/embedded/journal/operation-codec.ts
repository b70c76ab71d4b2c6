import { CodedError, type InstrumentId, TIMES_IN_FORCE } from '@stoa/schema';
import type { EngineOperation } from '../engine-operation.ts';
import type { EngineOrder, OrderRef } from '../engine-types.ts';

/** Codes are written down: new ones are added at the end. */
const KINDS = [
  'submit',
  'cancel',
  'reduce',
  'reopen',
  'replace',
  'expire',
  'uncross',
  'halt',
  'resume',
  'close',
  'start-auction',
] as const satisfies readonly EngineOperation['kind'][];

const CODE_OF = Object.fromEntries(KINDS.map((kind, code) => [kind, code])) as Record<
  EngineOperation['kind'],
  number
>;

/** UTF-16 units; three bytes each still fit the length that is written. */
const MAX_TEXT = 21_845;
const FIRST_BYTES = 1 << 16;
/** What an operation takes at most, beside its texts. */
const MAX_FIXED_BYTES = 128;

const TEXT_REF = 1;
const NUMBER_REF = 0;

/** Flags of a submitted order: which of its fields follow. */
const SELL = 1;
const LIMIT = 2;
const CUMULATIVE = 4;
const EXPIRES = 8;
const DISPLAY = 16;
const MINIMUM = 32;
const ALL_OR_NONE = 64;
const OWNER = 128;

/** Writes operations behind each other, little-endian, into memory that grows as needed. */
export class OperationWriter {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  #at = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** What was written; valid until {@link reset}. */
  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  reset(): void {
    this.#at = 0;
    this.#count = 0;
  }

  /**
   * `book` is the instrument's place in the segment's list.
   *
   * @throws CodedError `JOURNAL_TEXT_TOO_LONG`, and nothing is written.
   */
  write(book: number, operation: EngineOperation): void {
    const from = this.#at;
    try {
      this.#grow(MAX_FIXED_BYTES);
      this.#at = this.#bytes.writeUInt16LE(book, this.#at);
      this.#at = this.#bytes.writeUInt8(CODE_OF[operation.kind], this.#at);
      this.#fields(operation);
      this.#count += 1;
    } catch (error) {
      this.#at = from;
      throw error;
    }
  }

  #fields(operation: EngineOperation): void {
    switch (operation.kind) {
      case 'submit':
        return this.#order(operation.order);
      case 'cancel':
        return this.#ref(operation.ref);
      case 'reduce':
      case 'reopen':
        this.#ref(operation.ref);
        return this.#number(operation.by);
      case 'replace':
        this.#ref(operation.ref);
        this.#ref(operation.by.ref);
        this.#number(operation.by.price);
        return this.#number(operation.by.quantity);
      case 'expire':
        this.#number(operation.atMs);
        return this.#number(operation.endOfDay ? 1 : 0);
      case 'uncross':
        return this.#number(operation.reference ?? 0);
      case 'halt':
      case 'resume':
      case 'close':
      case 'start-auction':
        return;
    }
  }

  #order(order: EngineOrder): void {
    const { price, cumulative, expireAtMs, displayQuantity, minQuantity, owner } = order;
    const flags =
      (order.side === 'sell' ? SELL : 0) |
      (price === undefined ? 0 : LIMIT) |
      (cumulative === undefined ? 0 : CUMULATIVE) |
      (expireAtMs === undefined ? 0 : EXPIRES) |
      (displayQuantity === undefined ? 0 : DISPLAY) |
      (minQuantity === undefined ? 0 : MINIMUM) |
      (order.allOrNone === true ? ALL_OR_NONE : 0) |
      (owner === undefined ? 0 : OWNER);
    this.#at = this.#bytes.writeUInt8(flags, this.#at);
    this.#at = this.#bytes.writeUInt8(TIMES_IN_FORCE.indexOf(order.timeInForce), this.#at);
    this.#number(order.quantity);
    if (price !== undefined) this.#number(price);
    if (cumulative !== undefined) this.#number(cumulative);
    if (expireAtMs !== undefined) this.#number(expireAtMs);
    if (displayQuantity !== undefined) this.#number(displayQuantity);
    if (minQuantity !== undefined) this.#number(minQuantity);
    this.#ref(order.ref);
    if (owner !== undefined) this.#text(owner);
  }

  #ref(ref: OrderRef): void {
    if (typeof ref === 'number') {
      this.#at = this.#bytes.writeUInt8(NUMBER_REF, this.#at);
      this.#number(ref);
    } else {
      this.#at = this.#bytes.writeUInt8(TEXT_REF, this.#at);
      this.#text(ref);
    }
  }

  #text(text: string): void {
    if (text.length > MAX_TEXT) {
      throw new CodedError('JOURNAL_TEXT_TOO_LONG', 'an order id is too long to be kept');
    }
    this.#grow(2 + text.length * 3 + MAX_FIXED_BYTES);
    const length = this.#bytes.write(text, this.#at + 2, 'utf8');
    this.#bytes.writeUInt16LE(length, this.#at);
    this.#at += 2 + length;
  }

  #number(value: number): void {
    this.#at = this.#bytes.writeDoubleLE(value, this.#at);
  }

  #grow(by: number): void {
    if (this.#at + by <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + by));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }
}

/** One operation and the instrument whose book it is for. */
export interface JournalledOperation {
  readonly instrument: InstrumentId;
  readonly operation: EngineOperation;
}

/**
 * Reads what {@link OperationWriter} wrote.
 *
 * @throws RangeError where the bytes end too soon or say what no writer writes.
 */
export function* readOperations(
  bytes: Buffer,
  instruments: readonly InstrumentId[],
): Generator<JournalledOperation> {
  const reader = new OperationReader(bytes);
  while (!reader.done) {
    const instrument = instruments[reader.book()];
    if (instrument === undefined) throw new RangeError('an operation of an unknown book');
    yield { instrument, operation: reader.operation() };
  }
}

class OperationReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  book(): number {
    this.#at += 2;
    return this.#bytes.readUInt16LE(this.#at - 2);
  }

  operation(): EngineOperation {
    const kind = KINDS[this.#byte()];
    switch (kind) {
      case 'submit':
        return { kind, order: this.#order() };
      case 'cancel':
        return { kind, ref: this.#ref() };
      case 'reduce':
      case 'reopen':
        return { kind, ref: this.#ref(), by: this.#number() };
      case 'replace': {
        const previous = this.#ref();
        const ref = this.#ref();
        return {
          kind,
          ref: previous,
          by: { ref, price: this.#number(), quantity: this.#number() },
        };
      }
      case 'expire':
        return { kind, atMs: this.#number(), endOfDay: this.#number() === 1 };
      case 'uncross': {
        const reference = this.#number();
        return { kind, reference: reference === 0 ? undefined : reference };
      }
      case 'halt':
      case 'resume':
      case 'close':
      case 'start-auction':
        return { kind };
      case undefined:
        break;
    }
    throw new RangeError('an unknown operation');
  }

  #order(): EngineOrder {
    const flags = this.#byte();
    const timeInForce = TIMES_IN_FORCE[this.#byte()];
    if (timeInForce === undefined) throw new RangeError('an unknown time in force');
    const side = (flags & SELL) === 0 ? 'buy' : 'sell';
    const numberIf = (flag: number): number | undefined =>
      (flags & flag) === 0 ? undefined : this.#number();
    const quantity = this.#number();
    const price = numberIf(LIMIT);
    const cumulative = numberIf(CUMULATIVE);
    const expireAtMs = numberIf(EXPIRES);
    const displayQuantity = numberIf(DISPLAY);
    const minQuantity = numberIf(MINIMUM);
    const ref = this.#ref();
    const owner = (flags & OWNER) === 0 ? undefined : this.#text();
    return {
      ...{ ref, side, price, quantity, timeInForce, cumulative, expireAtMs, displayQuantity },
      ...{ minQuantity, allOrNone: (flags & ALL_OR_NONE) !== 0, owner },
    };
  }

  #ref(): OrderRef {
    return this.#byte() === NUMBER_REF ? this.#number() : this.#text();
  }

  #text(): string {
    const length = this.#bytes.readUInt16LE(this.#at);
    const from = this.#at + 2;
    this.#at = from + length;
    if (this.#at > this.#bytes.length) throw new RangeError('a text beyond the end');
    return this.#bytes.toString('utf8', from, this.#at);
  }

  #number(): number {
    this.#at += 8;
    return this.#bytes.readDoubleLE(this.#at - 8);
  }

  #byte(): number {
    this.#at += 1;
    return this.#bytes.readUInt8(this.#at - 1);
  }
}
