import type { Instrument, Level } from '@stoa/schema';
import type { FixFields } from '../fix/wire/fix-fields.ts';
import type { MessageWriter } from '../fix/wire/message-writer.ts';
import { TAG } from '../fix/wire/tags.ts';
import type { VenueEvent } from '../venue-adapter.ts';
import type { FixPeerSession } from './fix-peer-session.ts';

interface Levels {
  readonly bids: readonly Level[];
  readonly offers: readonly Level[];
}

/** Market data of one instrument over FIX: a snapshot, then what changed, numbered without gaps. */
export class FixMarketFeed {
  losesNext = false;
  unknownTags = false;
  readonly #session: FixPeerSession;
  readonly #symbol: string;
  readonly #instrument: Instrument;
  #marketRequest: string | undefined;
  #told: Levels = { bids: [], offers: [] };
  #book: Levels = { bids: [], offers: [] };
  #sequence = 0;
  #status: { readonly state: string; readonly reason: string } = {
    state: 'trading',
    reason: 'opened',
  };
  #statusAsked = false;

  constructor(session: FixPeerSession, symbol: string, instrument: Instrument) {
    this.#session = session;
    this.#symbol = symbol;
    this.#instrument = instrument;
  }

  /** A request for market data, or its end. */
  subscribe(fields: FixFields): void {
    if (fields.text(TAG.SubscriptionRequestType) === '2') return;
    this.#marketRequest = fields.text(TAG.MDReqID);
    this.#told = this.#book;
    this.#session.send('W', (writer) => {
      const levels = [
        ...this.#book.bids.map((level) => ({ ...level, type: '0' })),
        ...this.#book.offers.map((level) => ({ ...level, type: '1' })),
      ];
      this.#writeMarketHead(writer);
      writer.text(TAG.Symbol, this.#symbol).int(TAG.RptSeq, this.#sequence);
      writer.int(TAG.NoMDEntries, levels.length);
      for (const { type, price, quantity } of levels) {
        writer.text(TAG.MDEntryType, type);
        this.#writeLevel(writer, price, quantity);
      }
    });
  }

  #writeMarketHead(writer: MessageWriter): void {
    writer.text(TAG.MDReqID, this.#marketRequest ?? '');
  }

  #writeLevel(writer: MessageWriter, price: number, quantity: number): void {
    const { quantityDecimals, priceDecimals } = this.#instrument;
    if (this.unknownTags) writer.text(9_002, 'nobody knows');
    writer.decimal(TAG.MDEntryPx, price, priceDecimals);
    writer.decimal(TAG.MDEntrySize, quantity, quantityDecimals);
  }

  book(book: Extract<VenueEvent, { kind: 'book' }>): void {
    this.#book = book;
    if (this.#marketRequest === undefined) return;
    const changes = [
      ...changesOf('0', this.#told.bids, book.bids),
      ...changesOf('1', this.#told.offers, book.offers),
    ];
    this.#told = book;
    if (changes.length === 0) return;
    this.#sequence += 1;
    if (this.losesNext) {
      this.losesNext = false;
      return;
    }
    this.#sendChanges(changes);
  }

  print(print: Extract<VenueEvent, { kind: 'print' }>): void {
    if (this.#marketRequest === undefined) return;
    this.#sequence += 1;
    const { executionId, price, quantity } = print;
    this.#sendChanges([{ action: '0', type: '2', price, quantity, id: executionId }]);
  }

  #sendChanges(changes: readonly Change[]): void {
    this.#session.send('X', (writer) => {
      this.#writeMarketHead(writer);
      writer.int(TAG.NoMDEntries, changes.length);
      for (const { action, type, price, quantity, id } of changes) {
        writer.text(TAG.MDUpdateAction, action).text(TAG.MDEntryType, type);
        if (id !== undefined) writer.text(TAG.MDEntryID, id);
        writer.text(TAG.Symbol, this.#symbol);
        this.#writeLevel(writer, price, quantity);
        writer.int(TAG.RptSeq, this.#sequence);
      }
    });
  }

  /** The trading status, once it was asked for. */
  askStatus(): void {
    this.#statusAsked = true;
    this.#sendStatus();
  }

  status(status: { readonly state: string; readonly reason: string }): void {
    this.#status = status;
    if (this.#statusAsked) this.#sendStatus();
  }

  #sendStatus(): void {
    const { state, reason } = this.#status;
    this.#session.send('f', (writer) =>
      writer
        .text(TAG.Symbol, this.#symbol)
        .text(TAG.SecurityTradingStatus, state === 'trading' ? '17' : '2')
        .text(TAG.Text, reason),
    );
  }
}

interface Change {
  readonly action: '0' | '1' | '2';
  readonly type: string;
  readonly price: number;
  readonly quantity: number;
  readonly id?: string;
}

function changesOf(type: string, before: readonly Level[], after: readonly Level[]): Change[] {
  const old = new Map(before.map(({ price, quantity }) => [price, quantity]));
  const now = new Map(after.map(({ price, quantity }) => [price, quantity]));
  const gone = before.filter(({ price }) => !now.has(price));
  return [
    ...gone.map((level) => ({ action: '2', type, ...level }) as const),
    ...after
      .filter(({ price, quantity }) => old.get(price) !== quantity)
      .map((level) => ({ action: old.has(level.price) ? '1' : '0', type, ...level }) as const),
  ];
}
