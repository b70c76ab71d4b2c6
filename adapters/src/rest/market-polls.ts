import type { Instrument } from '@stoa/schema';
import { type ExactJson, listAt, textAt } from '../external/exact-json.ts';
import type { WireEars } from '../external/venue-wire.ts';
import type { AnswerReader } from './answer-reader.ts';
import type { Mapping } from './mapping.ts';
import type { VenueHttp } from './venue-http.ts';
import { whyNotAsked } from './why-not-asked.ts';

export interface MarketPollsNeeds {
  readonly http: VenueHttp;
  readonly reader: AnswerReader;
  readonly instruments: readonly { readonly instrument: Instrument; readonly symbol: string }[];
}

/** Trades asked for in one go before the venue is asked for the rest later. */
const MAX_PAGES = 20;

/** The market of a venue without a stream: its books and trades, asked for again and again. */
export class MarketPolls {
  readonly #mapping: Mapping;
  readonly #needs: MarketPollsNeeds;
  /** The number of the last trade seen, by symbol. */
  readonly #after = new Map<string, string>();
  readonly #shown = new Map<string, string>();

  constructor(mapping: Mapping, needs: MarketPollsNeeds) {
    this.#mapping = mapping;
    this.#needs = needs;
  }

  /** Where the market stands now; trades of before are nobody's news. */
  async first(ears: WireEars): Promise<void> {
    this.#shown.clear();
    await this.books(ears);
    const known = this.#after.size > 0;
    await this.trades(known ? ears : undefined);
  }

  async books(ears: WireEars): Promise<void> {
    const { book } = this.#mapping.requests;
    if (!book) return;
    for (const { instrument, symbol } of this.#needs.instruments) {
      const asked = await this.#needs.http.ask(book, { symbol });
      if (asked.kind !== 'ok') throw new Error(whyNotAsked(asked));
      const { json } = asked;
      const { reader } = this.#needs;
      if (book.trading) {
        const { state, reason } = reader.trading(json, book.trading);
        ears.trading(instrument.id, state, reason);
      }
      const bids = reader.levels(json, book.bids, book.level, instrument);
      const offers = reader.levels(json, book.offers, book.level, instrument);
      const shown = JSON.stringify([bids, offers]);
      if (this.#shown.get(symbol) === shown) continue;
      this.#shown.set(symbol, shown);
      ears.book(instrument.id, bids, offers);
    }
  }

  /** New trades; without ears they are passed over. */
  async trades(ears: WireEars | undefined): Promise<void> {
    for (const { instrument, symbol } of this.#needs.instruments) {
      for (let page = 0; page < MAX_PAGES; page += 1) {
        const found = await this.#page(symbol);
        for (const one of found) this.#trade(one, symbol, instrument, ears);
        if (found.length === 0) break;
      }
    }
  }

  async #page(symbol: string): Promise<readonly ExactJson[]> {
    const { trades } = this.#mapping.requests;
    if (!trades) return [];
    const after = this.#after.get(symbol) ?? '0';
    const asked = await this.#needs.http.ask(trades, { symbol, after });
    if (asked.kind !== 'ok') throw new Error(whyNotAsked(asked));
    const found = listAt(asked.json, trades.list);
    if (!found) throw new Error(`The venue answered without ${trades.list}.`);
    if (found.length === 0) this.#after.set(symbol, after);
    return found;
  }

  #trade(
    json: ExactJson,
    symbol: string,
    instrument: Instrument,
    ears: WireEars | undefined,
  ): void {
    const { trades } = this.#mapping.requests;
    if (!trades) return;
    const sequence = textAt(json, trades.sequence);
    if (sequence === undefined) throw new Error('The venue told a trade without its number.');
    this.#after.set(symbol, sequence);
    ears?.print(instrument.id, this.#needs.reader.print(json, trades.trade, instrument));
  }
}
