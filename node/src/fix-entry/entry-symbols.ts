import { CodedError, type DirectorySource, type Instrument, type InstrumentId } from '@stoa/schema';

/** An instrument by the name that members call it. */
export interface NamedInstrument {
  /** Symbol(55). */
  readonly symbol: string;
  readonly instrument: Instrument;
}

/** What members can trade over FIX, by its Symbol(55). */
export class EntrySymbols {
  readonly #bySymbol = new Map<string, Instrument>();
  readonly #symbols: Readonly<Record<string, string>>;
  readonly #directory: DirectorySource;

  /**
   * @param symbols by instrument id, where they are not the instruments' own
   * @throws CodedError `FIX_ENTRY_INVALID` where two could not be told apart
   */
  constructor(
    instruments: readonly Instrument[],
    symbols: Readonly<Record<string, string>>,
    directory: DirectorySource,
  ) {
    this.#symbols = symbols;
    this.#directory = directory;
    for (const instrument of instruments) {
      const symbol = symbols[instrument.id] ?? instrument.symbol;
      if (this.#bySymbol.has(symbol)) {
        const message = `Two instruments have the symbol ${symbol}: name one in symbols.`;
        throw new CodedError('FIX_ENTRY_INVALID', message);
      }
      this.#bySymbol.set(symbol, instrument);
    }
  }

  find(symbol: string): Instrument | undefined {
    return this.#bySymbol.get(symbol);
  }

  /** What an order that was entered is in, also where the venue has not listed it since. */
  of(id: InstrumentId): NamedInstrument {
    const instrument = this.#directory.current().instruments.get(id);
    if (!instrument) throw new CodedError('INSTRUMENT_LOST', 'An order’s instrument is not known.');
    return { symbol: this.#symbols[id] ?? instrument.symbol, instrument };
  }
}
