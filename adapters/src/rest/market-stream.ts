import type { Instrument, InstrumentId } from '@stoa/schema';
import { type RawData, WebSocket } from 'ws';
import { type ExactJson, parseExactJson, textAt, valueAt } from '../external/exact-json.ts';
import type { WireEars } from '../external/venue-wire.ts';
import { type AnswerReader, matches } from './answer-reader.ts';
import type { ClockSpec, StreamMessage, StreamSpec } from './mapping.ts';
import type { RequestSigner } from './request-signer.ts';
import { jsonOf, type Variables } from './request-template.ts';
import { StreamBook } from './stream-book.ts';

export interface MarketStreamNeeds {
  readonly url: string;
  readonly variables: Variables;
  readonly instruments: readonly { readonly instrument: Instrument; readonly symbol: string }[];
  readonly reader: AnswerReader;
  readonly signer: RequestSigner | undefined;
  readonly clock: ClockSpec;
  readonly ears: WireEars;
}

type MessageOf<Is extends StreamMessage['is']> = Extract<StreamMessage, { is: Is }>;

const OPEN_WITHIN_MS = 5_000;

/** A venue's WebSocket, as its mapping says: login, books without gaps, orders, trades, status. */
export class MarketStream {
  readonly #spec: StreamSpec;
  readonly #needs: MarketStreamNeeds;
  readonly #books = new Map<InstrumentId, StreamBook>();
  readonly #missing = new Set<InstrumentId>();
  #socket: WebSocket | undefined;
  #heardAtMs = 0;
  #loggedIn = Promise.withResolvers<void>();
  #complete = Promise.withResolvers<void>();

  constructor(spec: StreamSpec, needs: MarketStreamNeeds) {
    this.#spec = spec;
    this.#needs = needs;
    for (const { instrument } of needs.instruments) {
      this.#books.set(instrument.id, new StreamBook());
      this.#missing.add(instrument.id);
    }
  }

  /** Resolves when every book is there; rejects with why not. Its later end is told to the ears. */
  async open(signal: AbortSignal): Promise<void> {
    const socket = new WebSocket(this.#needs.url, {
      maxPayload: this.#spec.maxMessageBytes,
      handshakeTimeout: OPEN_WITHIN_MS,
      perMessageDeflate: false,
    });
    this.#socket = socket;
    const timeout = setTimeout(() => this.#end('The stream did not open in time.'), OPEN_WITHIN_MS);
    const ping = setInterval(() => this.#ping(), this.#spec.ping.everyMs);
    signal.addEventListener('abort', () => socket.terminate(), { once: true });
    // Whoever waits for neither any more must not be surprised by their failure.
    this.#loggedIn.promise.catch(() => undefined);
    this.#complete.promise.catch(() => undefined);
    socket.on('error', (error) => this.#end(error.message));
    socket.on('message', (data) => this.#heard(textIn(data)));
    socket.on('close', (code, reason) => {
      clearInterval(ping);
      clearTimeout(timeout);
      this.#end(
        `The stream was closed (${code}${reason.length > 0 ? `: ${reason.toString('utf8')}` : ''}).`,
      );
    });
    const opened = new Promise<void>((resolve) => socket.once('open', resolve));
    await Promise.race([opened, this.#loggedIn.promise]);
    await this.#logIn();
    const { instruments } = this.#needs;
    for (const { symbol } of instruments) {
      for (const one of this.#spec.subscribe) this.#send(one, { symbol });
    }
    await this.#complete.promise;
    clearTimeout(timeout);
  }

  async #logIn(): Promise<void> {
    const { login } = this.#spec;
    if (!login) return;
    this.#needs.ears.step('authenticating');
    const { payload } = login;
    const signed = payload === undefined ? {} : this.#needs.signer?.sign(payload, {});
    this.#send(login.send, { ...signed });
    await this.#loggedIn.promise;
  }

  #send(template: StreamSpec['snapshot'], variables: Variables): void {
    this.#socket?.send(jsonOf(template, { ...this.#needs.variables, ...variables }));
  }

  /** Once: whoever waits, and the ears, hear why. */
  #end(reason: string): void {
    const error = new Error(reason);
    this.#loggedIn.reject(error);
    this.#complete.reject(error);
    this.#needs.ears.lost(reason);
    this.#socket?.terminate();
  }

  #ping(): void {
    const { ping } = this.#spec;
    if (this.#heardAtMs > 0 && performance.now() - this.#heardAtMs > ping.silentMs) {
      return this.#end('The stream is silent.');
    }
    if (this.#socket?.readyState === WebSocket.OPEN) this.#send(ping.send, {});
  }

  #heard(text: string): void {
    this.#heardAtMs = performance.now();
    try {
      const json = parseExactJson(text);
      const { login } = this.#spec;
      if (login && matches(json, login.ok)) return this.#loggedIn.resolve();
      const message = this.#spec.messages.find(({ when }) => matches(json, when));
      if (message) this.#take(message, json);
    } catch (error) {
      // What was lost with it nobody knows: everything is asked for anew.
      this.#end(`The stream said what cannot be read: ${(error as Error).message}.`);
    }
  }

  #take(message: StreamMessage, json: ExactJson): void {
    switch (message.is) {
      case 'book-snapshot':
      case 'book-update':
        return this.#book(message, json);
      case 'order':
        return this.#order(message, json);
      case 'trade': {
        const instrument = this.#needs.reader.instrumentOf(json, message.symbol);
        if (!instrument) return;
        const print = this.#needs.reader.print(json, message.trade, instrument);
        return this.#needs.ears.print(instrument.id, print);
      }
      case 'trading': {
        const instrument = this.#needs.reader.instrumentOf(json, message.symbol);
        if (!instrument) return;
        const { state, reason } = this.#needs.reader.trading(json, message);
        return this.#needs.ears.trading(instrument.id, state, reason);
      }
      case 'bust':
      case 'correct':
        return this.#changed(message, json);
      case 'error': {
        const serverMs = Number(textAt(json, this.#needs.clock?.serverTime ?? '/'));
        if (Number.isFinite(serverMs)) this.#needs.signer?.setTime(serverMs);
        return this.#end('The venue answers with an error.');
      }
      case 'pong':
      case 'nothing':
    }
  }

  #book(message: MessageOf<'book-snapshot' | 'book-update'>, json: ExactJson): void {
    const { reader, ears } = this.#needs;
    const instrument = reader.instrumentOf(json, message.symbol);
    const book = this.#books.get(instrument?.id ?? '');
    if (!instrument || !book) return;
    const sides = {
      bids: reader.levels(json, message.bids, message.level, instrument),
      offers: reader.levels(json, message.offers, message.level, instrument),
    };
    const sequence = message.sequence === undefined ? 0 : Number(textAt(json, message.sequence));
    if (!Number.isSafeInteger(sequence)) throw new Error('a book without its number');
    if (message.is === 'book-snapshot') {
      book.snapshot(sequence, sides);
      this.#missing.delete(instrument.id);
    } else if (book.update(sequence, sides) === 'gap') {
      // Until the whole is here again there is no book.
      ears.book(instrument.id, [], []);
      const symbol = reader.symbolOf(instrument.id);
      return this.#send(this.#spec.snapshot, { symbol });
    }
    const shown = book.sides;
    if (shown) ears.book(instrument.id, shown.bids, shown.offers);
    if (this.#missing.size === 0) this.#complete.resolve();
  }

  #order({ order, fill }: MessageOf<'order'>, json: ExactJson): void {
    const { reader, ears } = this.#needs;
    const found = valueAt(json, order) ?? null;
    const report = reader.order(found);
    if (!report) return;
    const told = fill === undefined ? undefined : valueAt(json, fill);
    const one = told === undefined ? undefined : reader.fillOf(told, found);
    ears.orders([one ? { ...report, fills: [one] } : report]);
  }

  #changed({ is, symbol, fill }: MessageOf<'bust' | 'correct'>, json: ExactJson): void {
    const { reader, ears } = this.#needs;
    const instrument = reader.instrumentOf(json, symbol);
    const told = valueAt(json, fill);
    if (!instrument || told === undefined) return;
    const changed = reader.fill(told, instrument);
    if (is === 'bust') ears.busted(changed, 'The venue undid the trade.');
    else ears.corrected(changed);
  }
}

/** A message comes as one buffer, because nothing else was asked for. */
function textIn(data: RawData): string {
  return Buffer.isBuffer(data) ? data.toString('utf8') : '';
}
