import { verify } from 'node:crypto';
import type { Socket } from 'node:net';
import { formatDecimal, isRefusal, parseSafeDecimal, type TimeInForce } from '@stoa/schema';
import { type WebSocket, WebSocketServer } from 'ws';
import type { VenueOrder } from '../venue-adapter.ts';
import type {
  StandInAnswer,
  StandInDialect,
  StandInRequest,
  StandInServer,
} from './stand-in-server.ts';
import {
  cumulativeOf,
  type StandInFill,
  type StandInNews,
  type StandInOrder,
  type StandInTrade,
} from './stand-in-venue.ts';

/** The key id with which {@link inxLike} lets in whoever signs with its key. */
export const INX_KEY_ID = 'stoa-key';

const LIFETIMES: Readonly<Record<string, TimeInForce>> = {
  ...{ DAY: 'day', GTC: 'gtc', IOC: 'ioc', FOK: 'fok' },
};
const CODES: Readonly<Record<string, string>> = {
  HALTED: 'MARKET_HALTED',
  CLOSED: 'MARKET_CLOSED',
  TOO_LATE: 'ORDER_CLOSED',
  UNKNOWN_ORDER: 'ORDER_NOT_FOUND',
  QUANTITY_BELOW_EXECUTED: 'BELOW_EXECUTED',
};
const NONCE_WINDOW_MS = 30_000;
const MAX_MESSAGE_BYTES = 65_536;

export interface InxLikeOptions {
  /** PEM of the key that requests are signed with. */
  readonly publicKey: string;
  /** Requests within a time, in milliseconds; more are refused. */
  readonly limits: readonly (readonly [requests: number, withinMs: number])[];
}

/**
 * A venue as a copy of INX's public documents has theirs: requests signed over a rising nonce, ten a
 * second and a hundred a minute; a WebSocket tells book, trades and one's own orders, the book as a
 * snapshot and numbered changes. Modelled on documents, not certified with the venue.
 */
export function inxLike({ publicKey, limits }: InxLikeOptions): StandInDialect {
  const stream = new InxLikeStream(publicKey);
  let lastNonce = 0;
  let requestTimes: number[] = [];
  const mayAsk = (): boolean => {
    const now = Date.now();
    const longest = Math.max(0, ...limits.map(([, within]) => within));
    requestTimes = requestTimes.filter((at) => now - at < longest);
    if (
      limits.some(([most, within]) => requestTimes.filter((at) => now - at < within).length >= most)
    ) {
      return false;
    }
    requestTimes.push(now);
    return true;
  };
  return {
    isAction: ({ method }) => method !== 'GET',
    tooMany: () => ({ ...error(429, 'RATE_LIMIT'), headers: { 'retry-after': '0' } }),
    async answer(request, server) {
      const nonce = Number(request.headers['x-nonce']);
      const { method, path, query, text } = request;
      const asked = query.size > 0 ? `${path}?${query}` : path;
      const signed = isSigned(publicKey, request.headers, `${method}${asked}${nonce}${text}`);
      if (!signed) return error(401, 'BAD_SIGNATURE');
      if (Math.abs(nonce - server.nowMs()) > NONCE_WINDOW_MS) {
        return error(401, 'NONCE_WINDOW', { serverTime: server.nowMs() });
      }
      if (nonce <= lastNonce) return error(401, 'NONCE_USED');
      lastNonce = nonce;
      if (!mayAsk()) return { ...error(429, 'RATE_LIMIT'), headers: { 'retry-after': '1' } };
      return answer(request, server, stream);
    },
    onListening: (server, http) => {
      const sockets = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
      http.on('upgrade', (request, socket, head) => {
        sockets.handleUpgrade(request, socket, head, (client) =>
          stream.welcome(client, socket as Socket, server),
        );
      });
    },
    onVenue: (server) => stream.follow(server),
    commands: {
      ...stream.commands,
      skewClock(server, byMs: number) {
        server.skewMs = byMs;
        lastNonce = 0;
      },
    },
  };
}

function isSigned(publicKey: string, headers: StandInRequest['headers'], text: string): boolean {
  const signature = Buffer.from(String(headers['x-signature'] ?? ''), 'base64');
  if (headers['x-api-key'] !== INX_KEY_ID) return false;
  return verify('RSA-SHA256', Buffer.from(text), publicKey, signature);
}

async function answer(
  request: StandInRequest,
  server: StandInServer,
  stream: InxLikeStream,
): Promise<StandInAnswer> {
  const { venue } = server;
  const [, root = '', id = ''] = request.path.split('/');
  if (root === 'instruments') {
    const instruments = server.listed().map(({ symbol, tickSize, lotSize, halted }) => ({
      ...{ symbol, tickSize, lotSize, state: halted ? 'HALTED' : 'TRADING' },
    }));
    return { status: 200, body: { instruments } };
  }
  if (root !== 'orders') return error(404, 'NOT_FOUND');
  if (request.method === 'GET') {
    const asked = (request.query.get('clientOrderIds') ?? '').split(',');
    const found = asked.flatMap((one) => venue.orders.get(one) ?? []);
    return { status: 200, body: { orders: found.map((one) => shownOrder(one, server, true)) } };
  }
  if (request.method === 'POST') return enter(request, server, stream);
  if (request.method === 'DELETE' && id === '') {
    await venue.cancelAll();
    return { status: 200, body: { canceled: true } };
  }
  const order = venue.byVenueId(id);
  if (!order) return error(404, 'ORDER_NOT_FOUND');
  const { orderId, instrument } = order.order;
  const refused = await (request.method === 'DELETE'
    ? venue.change({ kind: 'cancel', orderId, instrument })
    : venue.change({ kind: 'replace', orderId, instrument, ...termsOf(request.text, server) }));
  if (refused) return error(409, CODES[refused.code] ?? refused.code);
  return { status: 200, body: { order: shownOrder(order, server, true) } };
}

async function enter(
  { text }: StandInRequest,
  server: StandInServer,
  stream: InxLikeStream,
): Promise<StandInAnswer> {
  const { venue, fault } = server;
  if (fault?.startsWith('reject:')) return error(422, fault.slice(7));
  if (fault === 'odd') return error(422, 'moon phase');
  const given = JSON.parse(text) as Readonly<Record<string, string | boolean | undefined>>;
  const timeInForce = LIFETIMES[String(given['timeInForce'])];
  const orderId = String(given['clientOrderId'] ?? '');
  const terms = termsOf(text, server);
  if (!timeInForce || orderId === '' || terms.quantity < 0) return error(422, 'MALFORMED');
  if (venue.orders.has(orderId)) return error(409, 'DUPLICATE_CLIENT_ORDER_ID');
  const order: VenueOrder = {
    ...{ orderId, instrument: venue.instrument.id, timeInForce, ...terms },
    side: given['side'] === 'SELL' ? 'sell' : 'buy',
    owner: { member: 'client', account: `0x${'11'.repeat(20)}` },
    homeVenue: 'stand-in',
  };
  const entered = await venue.enter(order);
  // The stream is faster than the answer.
  if (fault === 'delay') await stream.idle();
  if (entered.rejection) return error(422, CODES[entered.rejection.code] ?? entered.rejection.code);
  return { status: 201, body: { order: shownOrder(entered, server, false) } };
}

function termsOf(text: string, { instrument }: StandInServer) {
  const given = JSON.parse(text) as { price?: string; quantity?: string };
  const limitPrice = parseSafeDecimal(String(given.price), instrument.priceDecimals);
  const quantity = parseSafeDecimal(String(given.quantity), instrument.quantityDecimals);
  const wrong = isRefusal(limitPrice) || isRefusal(quantity);
  return wrong ? { limitPrice: -1, quantity: -1 } : { limitPrice, quantity };
}

function shownOrder(order: StandInOrder, server: StandInServer, withFills: boolean) {
  const { priceDecimals, quantityDecimals } = server.instrument;
  return {
    id: order.venueOrderId,
    clientOrderId: order.order.orderId,
    status: order.state.toUpperCase(),
    price: formatDecimal(order.limitPrice, priceDecimals),
    quantity: formatDecimal(order.quantity, quantityDecimals),
    filled: formatDecimal(cumulativeOf(order), quantityDecimals),
    ...(order.rejection && { reason: CODES[order.rejection.code] ?? order.rejection.code }),
    ...(withFills && { fills: order.fills.map((fill) => shownFill(fill, server)) }),
  };
}

function shownFill(fill: StandInFill, { instrument }: StandInServer) {
  return {
    ...{ execId: fill.id, tradeId: fill.tradeId, time: fill.atMs },
    price: formatDecimal(fill.price, instrument.priceDecimals),
    quantity: formatDecimal(fill.quantity, instrument.quantityDecimals),
  };
}

/** The venue's WebSocket: one login at a time. */
class InxLikeStream {
  readonly #publicKey: string;
  #client: { readonly ws: WebSocket; readonly socket: Socket } | undefined;
  #loggedIn = false;
  #server: StandInServer | undefined;
  #forget: (() => void) | undefined;
  #sequence = 0;
  #shown = new Map<string, string>();
  #loseOne = false;
  #cutsNextFill: 'close' | 'reset' | undefined;

  constructor(publicKey: string) {
    this.#publicKey = publicKey;
  }

  readonly commands: NonNullable<StandInDialect['commands']> = {
    loseMarketData: () => {
      this.#loseOne = true;
    },
    loginElsewhere: () => this.#client?.ws.close(4_001, 'logged in elsewhere'),
    cutNextFill: (_server, how: 'close' | 'reset') => {
      this.#cutsNextFill = how;
    },
    garbleStream: () => this.#client?.ws.send('{"channel":"book","type":'),
    repeatExecutions: () => {
      for (const order of this.#server?.venue.orders.values() ?? []) {
        for (const fill of order.fills) this.#news({ kind: 'fill', order, fill });
      }
    },
  };

  follow(server: StandInServer): void {
    this.#forget?.();
    this.#server = server;
    this.#forget = server.venue.onNews((news) => this.#news(news));
  }

  /** Resolves when what was said is on its way. */
  idle(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 30));
  }

  welcome(ws: WebSocket, socket: Socket, server: StandInServer): void {
    ws.on('error', () => undefined);
    ws.on('message', (data) =>
      this.#heard(ws, socket, Buffer.isBuffer(data) ? data.toString('utf8') : '', server),
    );
  }

  #heard(ws: WebSocket, socket: Socket, text: string, server: StandInServer): void {
    const said = JSON.parse(text) as Readonly<Record<string, string | number>>;
    if (said['op'] === 'ping') {
      ws.send(JSON.stringify({ event: 'pong' }));
      return;
    }
    if (said['op'] === 'login') {
      const signature = String(said['signature']);
      const headers = { 'x-api-key': said['apiKey'] as string, 'x-signature': signature };
      const nonce = Number(said['nonce']);
      const ok = isSigned(this.#publicKey, headers, `${nonce}`);
      if (Math.abs(nonce - server.nowMs()) > NONCE_WINDOW_MS) {
        const serverTime = server.nowMs();
        ws.send(JSON.stringify({ event: 'error', code: 'NONCE_WINDOW', serverTime }));
        return;
      }
      ws.send(JSON.stringify(ok ? { event: 'login' } : { event: 'error', code: 'BAD_SIGNATURE' }));
      if (!ok) return;
      this.#client?.ws.close(4_001, 'logged in elsewhere');
      this.#client = { ws, socket };
      this.#loggedIn = true;
      ws.on('close', () => {
        if (this.#client?.ws === ws) this.#loggedIn = false;
      });
      return;
    }
    if (said['op'] !== 'subscribe' || !this.#loggedIn) return;
    if (said['channel'] === 'book') this.#snapshot();
    if (said['channel'] === 'status') this.#status();
  }

  #news(news: StandInNews): void {
    const server = this.#server;
    if (!server) return;
    switch (news.kind) {
      case 'book':
        return this.#update();
      case 'trading':
        return this.#status();
      case 'trade':
        return this.#trade(news.trade, server);
      case 'order':
        return this.#send({ channel: 'orders', order: shownOrder(news.order, server, false) });
      case 'fill': {
        const order = shownOrder(news.order, server, false);
        const message = { channel: 'executions', order, fill: shownFill(news.fill, server) };
        return this.#cutsNextFill ? this.#cutWithin(message, server) : this.#send(message);
      }
      default: {
        const type = news.kind === 'bust' ? 'BUSTED' : 'CORRECTED';
        const { symbol } = server.instrument;
        return this.#send({ channel: 'changes', type, symbol, fill: shownFill(news.fill, server) });
      }
    }
  }

  #trade(trade: StandInTrade, { instrument }: StandInServer): void {
    this.#send({
      ...{ channel: 'trades', symbol: instrument.symbol, tradeId: trade.id, time: trade.atMs },
      price: formatDecimal(trade.price, instrument.priceDecimals),
      quantity: formatDecimal(trade.quantity, instrument.quantityDecimals),
    });
  }

  #status(): void {
    const venue = this.#server?.venue;
    if (!venue) return;
    const state = venue.halted ? 'HALTED' : 'TRADING';
    const { symbol } = venue.instrument;
    this.#send({ channel: 'status', symbol, state, reason: venue.haltReason });
  }

  #levels(): Map<string, string> {
    const venue = this.#server?.venue;
    const levels = new Map<string, string>();
    if (!venue) return levels;
    const { priceDecimals, quantityDecimals } = venue.instrument;
    for (const side of ['bids', 'offers'] as const) {
      for (const { price, quantity } of venue[side]) {
        const at = `${side} ${formatDecimal(price, priceDecimals)}`;
        levels.set(at, formatDecimal(quantity, quantityDecimals));
      }
    }
    return levels;
  }

  #snapshot(): void {
    this.#shown = this.#levels();
    this.#say('snapshot', this.#shown);
  }

  #update(): void {
    const now = this.#levels();
    const changed = new Map<string, string>();
    for (const [at, quantity] of now) {
      if (this.#shown.get(at) !== quantity) changed.set(at, quantity);
    }
    for (const at of this.#shown.keys()) if (!now.has(at)) changed.set(at, '0');
    this.#shown = now;
    this.#sequence += 1;
    if (this.#loseOne) {
      this.#loseOne = false;
      return;
    }
    this.#say('update', changed);
  }

  #say(type: 'snapshot' | 'update', levels: ReadonlyMap<string, string>): void {
    const side = (name: string) =>
      [...levels].flatMap(([at, quantity]) => {
        const [of, price] = at.split(' ');
        return of === name ? [[price, quantity]] : [];
      });
    const symbol = this.#server?.instrument.symbol;
    const message = { channel: 'book', type, symbol, sequence: this.#sequence };
    this.#send({ ...message, bids: side('bids'), asks: side('offers') });
  }

  /** The head of a message's frame and half of the message; then the connection ends, and no other begins. */
  #cutWithin(message: unknown, server: StandInServer): void {
    const payload = Buffer.from(JSON.stringify(message));
    const head = Buffer.from([0x81, 0x7e, payload.length >> 8, payload.length & 0xff]);
    const half = payload.subarray(0, payload.length / 2);
    const how = this.#cutsNextFill;
    this.#cutsNextFill = undefined;
    this.#loggedIn = false;
    server.down = true;
    const socket = this.#client?.socket;
    socket?.write(Buffer.concat([head, half]), () =>
      how === 'reset' ? socket.resetAndDestroy() : socket.end(),
    );
  }

  #send(message: unknown): void {
    if (this.#loggedIn) this.#client?.ws.send(JSON.stringify(message));
  }
}

function error(status: number, code: string, more: object = {}): StandInAnswer {
  return { status, body: { error: { code, message: 'No.' }, ...more } };
}
