import type { Instrument, InstrumentId, Level } from '@stoa/schema';
import type { VenueMarketEvent } from '../../venue-adapter.ts';
import type { Dialect } from '../dialect/dialect.ts';
import { readDecimal } from '../wire/decimal-field.ts';
import type { FixFields } from '../wire/fix-fields.ts';
import { readGroup } from '../wire/repeating-group.ts';
import { TAG } from '../wire/tags.ts';
import { readTimestamp } from '../wire/utc-timestamp.ts';

const DEPTH_LEVELS = 10;
const MAX_ENTRIES = 8_192;
/** More entries of one instrument than this are a fault of the feed's, not a book. */
const MAX_BOOK_ENTRIES = 100_000;
/** MDEntryType(269). */
const BID = 48;
const OFFER = 49;
const TRADE = 50;
const EMPTY_BOOK = 74;
/** MDUpdateAction(279). */
const DELETE = 50;

/** Why a book cannot be trusted any more. */
export type BookFault = 'gap' | 'malformed' | 'not exact' | 'too large';

interface Entry {
  readonly bid: boolean;
  readonly price: number;
  readonly quantity: number;
}

interface Book {
  readonly instrument: Instrument;
  readonly entries: Map<string, Entry>;
  /** Whether a snapshot came since the book was last lost. */
  valid: boolean;
  sequence: number | undefined;
}

/**
 * Books as a FIX feed tells them: a snapshot (W), then changes (X). Every change is checked against the
 * feed's own numbering where it has one; after a fault a book says nothing until its next snapshot.
 */
export class MarketBooks {
  readonly #feed: NonNullable<Dialect['marketData']>;
  readonly #books = new Map<string, Book>();
  readonly #symbols = new Map<InstrumentId, string>();
  readonly #bounds = new Int32Array(MAX_ENTRIES + 1);

  constructor(feed: NonNullable<Dialect['marketData']>, symbols: ReadonlyMap<string, Instrument>) {
    this.#feed = feed;
    for (const [symbol, instrument] of symbols) {
      this.#books.set(symbol, {
        instrument,
        entries: new Map(),
        valid: false,
        sequence: undefined,
      });
      this.#symbols.set(instrument.id, symbol);
    }
  }

  /** The whole book as it is to be told: empty while it is not known. */
  book(symbol: string): VenueMarketEvent | undefined {
    const book = this.#books.get(symbol);
    if (book === undefined) return undefined;
    const entries = book.valid ? [...book.entries.values()] : [];
    return {
      ...{ kind: 'book', instrument: book.instrument.id },
      bids: levelsOf(entries.filter(({ bid }) => bid))
        .reverse()
        .slice(0, DEPTH_LEVELS),
      offers: levelsOf(entries.filter(({ bid }) => !bid)).slice(0, DEPTH_LEVELS),
    };
  }

  /** The book is not known until its next snapshot. */
  lose(symbol: string): void {
    const book = this.#books.get(symbol);
    if (book === undefined) return;
    book.valid = false;
    book.entries.clear();
    book.sequence = undefined;
  }

  /** MarketDataSnapshotFullRefresh(W). */
  snapshot(fields: FixFields, symbol: string): BookFault | undefined {
    const book = this.#books.get(symbol);
    if (book === undefined) return undefined;
    book.entries.clear();
    book.valid = true;
    book.sequence = this.#sequenceOf(fields, 0, fields.count);
    const count = readGroup(fields, TAG.NoMDEntries, this.#bounds);
    if (count < 0) return 'malformed';
    for (let at = 0; at < count; at += 1) {
      const [from, to] = [this.#bounds[at] as number, this.#bounds[at + 1] as number];
      const type = fields.letterAt(fields.find(TAG.MDEntryType, from, to));
      if (type !== BID && type !== OFFER) continue;
      const fault = this.#put(book, fields, from, to, type === BID);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  /**
   * MarketDataIncrementalRefresh(X). Prints go to `prints`; answers which books changed, and which
   * were lost, by symbol. An entry without Symbol(55) is of the one before it, the first of `symbol`.
   */
  change(
    fields: FixFields,
    symbol: string,
    prints: VenueMarketEvent[],
  ): ReadonlyMap<string, BookFault | undefined> {
    const changed = new Map<string, BookFault | undefined>();
    const count = readGroup(fields, TAG.NoMDEntries, this.#bounds);
    if (count < 0) return changed.set(symbol, 'malformed');
    let current = symbol;
    for (let at = 0; at < count; at += 1) {
      const [from, to] = [this.#bounds[at] as number, this.#bounds[at + 1] as number];
      current = fields.text(TAG.Symbol, from, to) ?? current;
      const book = this.#books.get(current);
      if (book === undefined) continue;
      const type = fields.letterAt(fields.find(TAG.MDEntryType, from, to));
      if (type === TRADE) this.#print(book, fields, from, to, prints);
      if (!book.valid || changed.get(current) !== undefined) continue;
      const fault = this.#isInOrder(book, fields, from, to)
        ? this.#changeEntry(book, fields, from, to, type)
        : 'gap';
      if (fault !== undefined || type !== TRADE) changed.set(current, fault);
    }
    return changed;
  }

  #changeEntry(
    book: Book,
    fields: FixFields,
    from: number,
    to: number,
    type: number,
  ): BookFault | undefined {
    if (type === EMPTY_BOOK) book.entries.clear();
    if (type !== BID && type !== OFFER) return undefined;
    if (fields.letterAt(fields.find(TAG.MDUpdateAction, from, to)) !== DELETE) {
      return this.#put(book, fields, from, to, type === BID);
    }
    const key = this.#keyOf(book, fields, from, to, type === BID);
    if (key === undefined) return 'malformed';
    book.entries.delete(key);
    return undefined;
  }

  #put(
    book: Book,
    fields: FixFields,
    from: number,
    to: number,
    bid: boolean,
  ): BookFault | undefined {
    const { priceDecimals, quantityDecimals } = book.instrument;
    const price = amount(fields, TAG.MDEntryPx, from, to, priceDecimals);
    const quantity = amount(fields, TAG.MDEntrySize, from, to, quantityDecimals);
    const key = this.#keyOf(book, fields, from, to, bid);
    if (key === undefined) return 'malformed';
    if (price < 0 || quantity < 0) return 'not exact';
    const replaced = fields.text(TAG.MDEntryRefID, from, to);
    if (replaced !== undefined && replaced !== key) book.entries.delete(replaced);
    if (quantity === 0) book.entries.delete(key);
    else book.entries.set(key, { bid, price, quantity });
    return book.entries.size > MAX_BOOK_ENTRIES ? 'too large' : undefined;
  }

  #keyOf(
    { instrument }: Book,
    fields: FixFields,
    from: number,
    to: number,
    bid: boolean,
  ): string | undefined {
    if (this.#feed.topOfBook) return bid ? 'b' : 'o';
    if (this.#feed.keyedBy === 'entry-id') return fields.text(TAG.MDEntryID, from, to);
    const price = amount(fields, TAG.MDEntryPx, from, to, instrument.priceDecimals);
    return price < 0 ? undefined : `${bid ? 'b' : 'o'}${price}`;
  }

  #isInOrder(book: Book, fields: FixFields, from: number, to: number): boolean {
    const sequence = this.#sequenceOf(fields, from, to);
    const last = book.sequence;
    if (sequence === undefined) return true;
    book.sequence = sequence;
    return last === undefined || sequence === last + 1 || sequence === last;
  }

  #sequenceOf(fields: FixFields, from: number, to: number): number | undefined {
    const { sequenceTag } = this.#feed;
    const sequence = sequenceTag === undefined ? undefined : fields.int(sequenceTag, from, to);
    return sequence === undefined || sequence < 0 ? undefined : sequence;
  }

  #print(
    { instrument }: Book,
    fields: FixFields,
    from: number,
    to: number,
    prints: VenueMarketEvent[],
  ): void {
    const price = amount(fields, TAG.MDEntryPx, from, to, instrument.priceDecimals);
    const quantity = amount(fields, TAG.MDEntrySize, from, to, instrument.quantityDecimals);
    const executionId = fields.text(this.#feed.tradeIdTag, from, to);
    if (price < 0 || quantity <= 0 || executionId === undefined) return;
    const date = fields.text(TAG.MDEntryDate, from, to);
    const time = fields.text(TAG.MDEntryTime, from, to);
    const sentAt = fields.text(TAG.SendingTime) ?? '';
    const executedAtMs = readTimestamp(`${date}-${time}`) ?? readTimestamp(sentAt) ?? 0;
    prints.push({
      ...{ kind: 'print', instrument: instrument.id, executionId, price, quantity, executedAtMs },
    });
  }
}

function amount(
  fields: FixFields,
  tag: number,
  from: number,
  to: number,
  decimals: number,
): number {
  const index = fields.find(tag, from, to);
  if (index < 0) return -1;
  const { bytes, starts, ends } = fields;
  return readDecimal(bytes, starts[index] as number, ends[index] as number, decimals);
}

/** Entries of one side joined by price, lowest first. */
function levelsOf(entries: readonly Entry[]): Level[] {
  const byPrice = new Map<number, number>();
  for (const { price, quantity } of entries) {
    byPrice.set(price, (byPrice.get(price) ?? 0) + quantity);
  }
  return [...byPrice]
    .map(([price, quantity]) => ({ price, quantity }))
    .sort((a, b) => a.price - b.price);
}
