import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatDecimal, type Instrument } from '@stoa/schema';
import { StandInVenue } from './stand-in-venue.ts';

/** What a stand-in server answers. */
export interface StandInAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An entry of what a stand-in lists. */
export interface StandInListing {
  readonly symbol: string;
  readonly isin: string;
  readonly priceDecimals: number;
  readonly tickSize: string;
  readonly lotSize: string;
  readonly halted: boolean;
}

export interface StandInRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  /** As it came. */
  readonly text: string;
}

/** How one kind of venue speaks. */
export interface StandInDialect {
  /** Whether this request asks the venue to do something, so that its answer may be lost on purpose. */
  isAction(request: StandInRequest): boolean;
  answer(request: StandInRequest, server: StandInServer): Promise<StandInAnswer>;
  /** The answer of this dialect to one request too many. */
  tooMany(): StandInAnswer;
  onListening?(server: StandInServer, http: Server): void;
  /** Called when the venue behind the server is another. */
  onVenue?(server: StandInServer): void;
  /** What else a test can drive this kind of venue to. */
  readonly commands?: Readonly<
    Record<string, (server: StandInServer, ...input: readonly never[]) => unknown>
  >;
}

const MAX_BODY_BYTES = 65_536;
const MOST_LISTENS = 100;
const LISTEN_AGAIN_MS = 100;

/** A venue over real sockets, which a test can have misbehave. */
export class StandInServer {
  readonly instrument: Instrument;
  readonly #folder: string;
  readonly #dialect: StandInDialect;
  readonly #sessions: boolean;
  readonly #sockets = new Set<Socket>();
  readonly #http: Server;
  venue: StandInVenue;
  /** How the next answer to an action is broken, or the next request refused. */
  fault: string | undefined;
  garbled = 0;
  /** The next list has entries that nobody can read. */
  oddList = false;
  down = false;
  skewMs = 0;
  requests = 0;

  constructor(
    options: {
      readonly instrument: Instrument;
      readonly folder: string;
      readonly sessions: boolean;
      readonly name?: string;
    },
    dialect: StandInDialect,
  ) {
    this.instrument = options.instrument;
    this.#folder = options.folder;
    this.#sessions = options.sessions;
    this.#dialect = dialect;
    this.venue = this.#newVenue(options.name ?? 'first');
    this.#http = createServer((request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        console.error(error);
        response.destroy();
      });
    });
    this.#http.on('connection', (socket) => {
      if (this.down) {
        socket.destroy();
        return;
      }
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  /** Opens the venue and listens; resolves with the port. */
  async start(port = 0): Promise<number> {
    await this.venue.start();
    this.#dialect.onVenue?.(this);
    await this.#listen(port);
    this.#dialect.onListening?.(this, this.#http);
    return (this.#http.address() as AddressInfo).port;
  }

  /**
   * Whoever tries to connect while nobody listens may be given this very port for its own end: the
   * port is free again when it gives up.
   */
  async #listen(port: number): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      const { promise, resolve } = Promise.withResolvers<Error | undefined>();
      this.#http.once('error', resolve);
      this.#http.listen(port, '127.0.0.1', () => resolve(undefined));
      const failure = await promise;
      this.#http.removeListener('error', resolve);
      if (failure === undefined) return;
      if (tries >= MOST_LISTENS) throw failure;
      await sleep(LISTEN_AGAIN_MS);
    }
  }

  nowMs(): number {
    return Date.now() + this.skewMs;
  }

  /** What a test may drive it to, by name. */
  async command(name: string, input: readonly never[]): Promise<unknown> {
    const own = this.#dialect.commands?.[name] ?? this.#commands[name];
    if (!own) throw new Error(`a stand-in has no command ${name}`);
    return (await own(this, ...input)) ?? null;
  }

  readonly #commands: NonNullable<StandInDialect['commands']> = {
    /** An order of a participant who is none of ours. */
    enter: async (_server, one: { side: 'buy' | 'sell'; lots: number; ticks: number }) => {
      const { id, lotSize, tickSize } = this.instrument;
      await this.venue.enter({
        ...{ orderId: `outside-${this.venue.orders.size}`, instrument: id, side: one.side },
        ...{ quantity: one.lots * lotSize, limitPrice: one.ticks * tickSize, timeInForce: 'gtc' },
        owner: { member: 'outside', account: `0x${'22'.repeat(20)}` },
        homeVenue: 'stand-in',
      });
    },
    /** An empty book, as at the beginning. */
    reset: async (_server, name: string) => {
      await this.venue.stop();
      Object.assign(this, {
        fault: undefined,
        garbled: 0,
        oddList: false,
        down: false,
        skewMs: 0,
        requests: 0,
      });
      this.venue = this.#newVenue(name);
      await this.venue.start();
      this.#dialect.onVenue?.(this);
      this.cut();
    },
    halt: () => this.venue.halt(),
    resume: () => this.venue.resume(),
    passToHour: (_server, hours: number) => this.venue.passToHour(hours),
    passTo: (_server, atMs: number) => this.venue.passTo(atMs),
    nowMs: () => this.venue.nowMs(),
    cancelUnasked: (_server, orderId: string) => this.venue.cancelUnasked(orderId),
    changeTrade: (_server, tradeId: string, to?: { price: number; quantity: number }) =>
      this.venue.changeTrade(tradeId, to),
    fault: (_server, how: string) => {
      this.fault = how;
    },
    oddList: () => {
      this.oddList = true;
    },
    garble: () => {
      this.garbled = 3;
    },
    dropLink: () => {
      this.down = true;
      this.cut();
    },
    restoreLink: () => {
      this.down = false;
    },
    countRequests: () => this.requests,
    orders: () => [...this.venue.orders.values()],
  };

  /** Cuts all connections there are. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #newVenue(name: string): StandInVenue {
    const file = join(this.#folder, `${name}.jsonl`);
    return new StandInVenue({ instrument: this.instrument, file, sessions: this.#sessions });
  }

  /** What it lists, in decimals; once with entries that nobody can read, where a test wants that. */
  listed(): StandInListing[] {
    const { symbol, isin, priceDecimals, quantityDecimals, tickSize, lotSize } = this.instrument;
    const one: StandInListing = {
      ...{ symbol, isin, priceDecimals, halted: this.venue.halted },
      tickSize: formatDecimal(tickSize, priceDecimals),
      lotSize: formatDecimal(lotSize, quantityDecimals),
    };
    const other = { ...one, symbol: 'ELSE', isin: '', halted: false };
    const odd = this.oddList;
    this.oddList = false;
    const oddities = ['', 'A\u0007B', 'X'.repeat(1_000), 'ELSE'].map((name) => ({
      ...other,
      symbol: name,
    }));
    return odd
      ? [one, other, ...oddities, { ...other, symbol: 'ODD', tickSize: '-1e9' }]
      : [one, other];
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests += 1;
    const url = new URL(incoming.url ?? '/', 'http://stand-in');
    const request: StandInRequest = {
      method: incoming.method ?? 'GET',
      path: url.pathname,
      ...{ query: url.searchParams, headers: incoming.headers, text: await textOf(incoming) },
    };
    const action = this.#dialect.isAction(request);
    if (!action && this.garbled > 0) {
      this.garbled -= 1;
      response.end('<html>Bad gateway');
      return;
    }
    const fault = action ? this.fault : undefined;
    if (action) this.fault = undefined;
    if (fault === 'throttle') return reply(response, this.#dialect.tooMany());
    if (fault !== undefined && BROKEN.includes(fault)) {
      const answer = await this.#dialect.answer(request, this);
      return breakAnswer(response, fault, answer);
    }
    this.fault = fault ?? this.fault;
    const answer = await this.#dialect.answer(request, this);
    if (action) this.fault = undefined;
    reply(response, answer);
  }
}

/** Ways in which an answer can be broken after what was asked is done. */
export const BROKEN: readonly string[] = ['lose', 'server-error', 'truncated', 'cut', 'not-json'];

function breakAnswer(response: ServerResponse, how: string, answer: StandInAnswer): void {
  const text = JSON.stringify(answer.body);
  switch (how) {
    case 'server-error':
      return reply(response, { status: 503, body: { error: 'upstream' } });
    case 'truncated':
      response.writeHead(answer.status, { 'content-length': text.length });
      response.write(text.slice(0, text.length / 2), () => response.destroy());
      return;
    case 'cut':
      response.destroy();
      return;
    case 'not-json':
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>OK</html>');
      return;
    default:
    // Lost: the connection stays, and nothing comes.
  }
}

function reply(response: ServerResponse, { status, body, headers = {} }: StandInAnswer): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of incoming as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) throw new Error('a request too large');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
