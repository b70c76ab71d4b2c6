import type { Instrument, InstrumentId } from '@stoa/schema';
import type { VenueEvent, VenueMarketEvent } from '../../venue-adapter.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { SessionRunner } from '../session/session-runner.ts';
import type { Delivery } from '../session/session-settings.ts';
import { TAG } from '../wire/tags.ts';
import { MarketBooks } from './market-books.ts';

/** Books that break so often in a row are not asked for at once again. */
const RESNAPSHOT_AFTER_MS = 50;

export interface MarketDeskNeeds {
  readonly dialect: Dialect;
  /** By the venue's symbols. */
  readonly symbols: ReadonlyMap<string, Instrument>;
  readonly runner: SessionRunner;
  readonly push: (events: readonly VenueEvent[]) => void;
  readonly onBookChanged: () => void;
  readonly onProblem: (code: string, text: string) => void;
}

/** TradSesStatus(340): 2 is open. */
const SESSION_REASONS: Readonly<Record<string, string>> = {
  '1': 'halted',
  '3': 'closed',
  '4': 'before the opening',
  '5': 'before the close',
};

/** SecurityTradingStatus(326). */
const SECURITY_REASONS: Readonly<Record<string, string>> = {
  '1': 'opening delayed',
  '2': 'halted',
  '18': 'not available for trading',
  '20': 'unknown',
  '21': 'before the opening',
};

/** Asks for market data and trading status, and keeps the books that come. */
export class MarketDesk {
  readonly #needs: MarketDeskNeeds;
  readonly #books: MarketBooks | undefined;
  readonly #changed = new Set<string>();
  readonly #requests = new Map<string, string>();
  readonly #states = new Map<InstrumentId, 'trading' | 'halted'>();
  #asked = 0;

  constructor(needs: MarketDeskNeeds) {
    this.#needs = needs;
    const { marketData } = needs.dialect;
    this.#books = marketData && new MarketBooks(marketData, needs.symbols);
  }

  isHalted(instrument: InstrumentId): boolean {
    return this.#states.get(instrument) === 'halted';
  }

  /** The session is up: everything is asked for, because nothing is known. */
  subscribe(): void {
    const { dialect, symbols, runner } = this.#needs;
    for (const [symbol, { id }] of symbols) {
      this.#request(symbol);
      if (dialect.securityStatus) this.#requestStatus(symbol);
      else if (!dialect.sessionStatus) this.#tellState(id, 'trading', 'the venue tells no status');
    }
    if (!dialect.sessionStatus) return;
    runner.send('g', (writer) =>
      writer.text(TAG.TradSesReqID, this.#nextId()).text(TAG.SubscriptionRequestType, '1'),
    );
  }

  /** Nothing is known any more: books are empty until they are told anew. */
  lose(): void {
    for (const symbol of this.#needs.symbols.keys()) {
      this.#books?.lose(symbol);
      this.#bookChanged(symbol);
    }
    this.#requests.clear();
  }

  /** Books that changed since the last call. */
  changedBooks(): VenueEvent[] {
    const books = [...this.#changed].map((symbol) => this.#books?.book(symbol));
    this.#changed.clear();
    return books.filter((book) => book !== undefined);
  }

  /** Takes what is about the market; false where it is not. */
  take({ fields, msgType }: Delivery): boolean {
    if (msgType === 'W' || msgType === 'X') this.#takeBook(fields, msgType);
    else if (msgType === 'f') this.#takeSecurityStatus(fields);
    else if (msgType === 'h') this.#takeSessionStatus(fields);
    else if (msgType === 'Y') {
      const text = fields.text(TAG.Text) ?? `reason ${fields.text(281)}`;
      this.#needs.onProblem('MARKET_DATA_REFUSED', `The venue gives no market data: ${text}`);
    } else return false;
    return true;
  }

  #takeBook(fields: Delivery['fields'], msgType: 'W' | 'X'): void {
    const requestId = fields.text(TAG.MDReqID);
    const symbol = this.#requests.get(requestId ?? '') ?? fields.text(TAG.Symbol) ?? '';
    // What a request that was given up still brings is of no use.
    if (requestId !== undefined && !this.#requests.has(requestId)) return;
    if (msgType === 'W') {
      const fault = this.#books?.snapshot(fields, symbol);
      if (fault === undefined) this.#bookChanged(symbol);
      else this.#lost(symbol, fault);
      return;
    }
    const prints: VenueMarketEvent[] = [];
    for (const [changed, fault] of this.#books?.change(fields, symbol, prints) ?? []) {
      if (fault === undefined) this.#bookChanged(changed);
      else this.#lost(changed, fault);
    }
    if (prints.length > 0) this.#needs.push(prints);
  }

  /** A book that cannot be trusted is asked for again, whole. */
  #lost(symbol: string, fault: string): void {
    this.#needs.onProblem('BOOK_LOST', `Market data of ${symbol}: ${fault}`);
    this.#books?.lose(symbol);
    this.#bookChanged(symbol);
    for (const [id, of] of this.#requests) {
      if (of !== symbol) continue;
      this.#requests.delete(id);
      this.#send(symbol, id, '2');
    }
    setTimeout(() => this.#needs.runner.isUp && this.#request(symbol), RESNAPSHOT_AFTER_MS).unref();
  }

  #takeSecurityStatus(fields: Delivery['fields']): void {
    const instrument = this.#needs.symbols.get(fields.text(TAG.Symbol) ?? '');
    const status = fields.text(TAG.SecurityTradingStatus) ?? '';
    if (instrument === undefined || status === '') return;
    const trades = this.#needs.dialect.tradingStatuses.includes(status);
    const reason = fields.text(TAG.Text) ?? SECURITY_REASONS[status] ?? `status ${status}`;
    this.#tellState(instrument.id, trades ? 'trading' : 'halted', trades ? 'opened' : reason);
  }

  #takeSessionStatus(fields: Delivery['fields']): void {
    const status = fields.text(TAG.TradSesStatus) ?? '';
    const reason = SESSION_REASONS[status];
    for (const { id } of this.#needs.symbols.values()) {
      if (status === '2') this.#tellState(id, 'trading', 'opened');
      else if (reason !== undefined) this.#tellState(id, 'halted', reason);
    }
  }

  #tellState(instrument: InstrumentId, state: 'trading' | 'halted', reason: string): void {
    if (this.#states.get(instrument) === state) return;
    this.#states.set(instrument, state);
    this.#needs.push([{ kind: 'trading-status', instrument, state, reason: reason.slice(0, 200) }]);
  }

  #bookChanged(symbol: string): void {
    this.#changed.add(symbol);
    this.#needs.onBookChanged();
  }

  #request(symbol: string): void {
    if (this.#books === undefined) return;
    const id = this.#nextId();
    this.#requests.set(id, symbol);
    this.#send(symbol, id, '1');
  }

  #send(symbol: string, id: string, subscription: '1' | '2'): void {
    const { marketData } = this.#needs.dialect;
    if (marketData === undefined) return;
    this.#needs.runner.send('V', (writer) => {
      writer.text(TAG.MDReqID, id).text(TAG.SubscriptionRequestType, subscription);
      writer.int(TAG.MarketDepth, marketData.depth).text(TAG.MDUpdateType, '1');
      writer.int(TAG.NoMDEntryTypes, 3);
      for (const type of ['0', '1', '2']) writer.text(TAG.MDEntryType, type);
      writer.int(TAG.NoRelatedSym, 1).text(TAG.Symbol, symbol);
      for (const [tag, value] of marketData.requestFields) writer.text(tag, value);
    });
  }

  #requestStatus(symbol: string): void {
    this.#needs.runner.send('e', (writer) =>
      writer
        .text(TAG.SecurityStatusReqID, this.#nextId())
        .text(TAG.Symbol, symbol)
        .text(TAG.SubscriptionRequestType, '1'),
    );
  }

  #nextId(): string {
    this.#asked += 1;
    return `Q${this.#asked}`;
  }
}
