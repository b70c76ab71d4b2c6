import { formatDecimal, type Instrument } from '@stoa/schema';
import type { FixFields } from '../fix/wire/fix-fields.ts';
import { TAG } from '../fix/wire/tags.ts';
import type { FixPeerSession } from './fix-peer-session.ts';

/** What a venue lists over FIX: its instrument and one that nobody has configured, in parts. */
export class FixSecurityList {
  /** The next answer has entries that nobody can read. */
  isOdd = false;
  readonly #session: FixPeerSession;
  readonly #symbol: string;
  readonly #instrument: Instrument;

  constructor(
    session: FixPeerSession,
    { symbol, instrument }: { readonly symbol: string; readonly instrument: Instrument },
  ) {
    this.#session = session;
    this.#symbol = symbol;
    this.#instrument = instrument;
  }

  /** SecurityListRequest(x) or SecurityDefinitionRequest(c). */
  answer(fields: FixFields, msgType: 'x' | 'c'): void {
    const request = fields.text(TAG.SecurityReqID) ?? '';
    const odd = this.isOdd;
    this.isOdd = false;
    if (msgType === 'c') return this.#define(request, fields.text(TAG.Symbol) ?? '', odd);
    const oddities = odd ? ['ELSE', 'X'.repeat(1_000), 'ODD'] : [];
    const parts = [[this.#symbol], ['ELSE', ...oddities]];
    parts.forEach((symbols, part) => {
      this.#session.send('y', (writer) => {
        writer.text(TAG.SecurityReqID, request).text(TAG.SecurityResponseID, `${request}-${part}`);
        writer.text(TAG.SecurityRequestResult, '0').int(TAG.TotNoRelatedSym, 2 + oddities.length);
        writer.text(TAG.LastFragment, part === parts.length - 1 ? 'Y' : 'N');
        writer.int(TAG.NoRelatedSym, symbols.length);
        for (const symbol of symbols) {
          writer.text(TAG.Symbol, symbol).text(TAG.RoundLot, this.#lot());
          writer.text(TAG.MinPriceIncrement, symbol === 'ODD' ? '-1e9' : this.#tick());
          writer.text(TAG.SecurityStatus, '1');
        }
      });
    });
  }

  #define(request: string, symbol: string, odd: boolean): void {
    this.#session.send('d', (writer) => {
      writer.text(TAG.SecurityReqID, request).text(TAG.SecurityResponseID, `${request}-0`);
      if (symbol !== this.#symbol) writer.text(TAG.SecurityResponseType, '6');
      else {
        writer.text(TAG.SecurityResponseType, '1').text(TAG.Symbol, symbol);
        writer.text(TAG.RoundLot, odd ? '-1e9' : this.#lot());
        writer.text(TAG.MinPriceIncrement, this.#tick());
      }
    });
  }

  #tick(): string {
    return formatDecimal(this.#instrument.tickSize, this.#instrument.priceDecimals);
  }

  #lot(): string {
    return formatDecimal(this.#instrument.lotSize, this.#instrument.quantityDecimals);
  }
}
