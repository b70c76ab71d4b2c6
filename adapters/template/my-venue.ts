import * as stoa from '@stoa/adapters';
import { formatDecimal, type Instrument, refuse } from '@stoa/schema';

/** A template: replace what is the venue's own. As it stands it speaks to the PPEX-like stand-in. */
type Settings = Readonly<Record<'url' | 'clientID' | 'developerAPIKey', string>>;
type Json = Readonly<Record<string, string | undefined>>;
type Book = { bids: Json[]; offers: Json[]; tradingStatus: string };
type Lists = { trades: Json[]; offerings: Json[] };
const [POLL_MS, BOUNDS] = [20, { timeoutMs: 1_000, maxBodyBytes: 1_048_576 }] as const;
const [DONE, TOKEN_WAS_USED, AGAIN] = ['101', '202', ['401', '429'] as unknown[]] as const;
const CODES: Json = { 205: 'HALTED', 206: 'CLOSED', 207: 'TOO_LATE', 208: 'UNKNOWN_ORDER' };
const STATES: Readonly<Record<string, stoa.WireOrderState>> = {
  ...{ Pending: 'pending', Live: 'live', 'Partially Executed': 'live', Executed: 'filled' },
  ...{ Cancelled: 'canceled', Expired: 'expired', Rejected: 'rejected' },
};
const OVER: ReadonlySet<string> = new Set(['filled', 'canceled', 'expired', 'rejected']);

class MyWire implements stoa.VenueWire {
  readonly capabilities: stoa.VenueCapabilities = {
    ...{ timesInForce: ['day', 'gtc'], depthLevels: 10, listsInstruments: true },
    ...{ replace: false, massCancel: false, allOrNone: true, minQuantity: true },
  };
  readonly #settings: Settings;
  readonly #instrument: Instrument;
  readonly #live = new Map<string, stoa.WireOrder>();
  #token = '';
  #tradesSeen = -1;

  constructor(settings: Settings, instrument: Instrument) {
    this.#settings = settings;
    this.#instrument = instrument;
  }

  async connect(ears: stoa.WireEars, signal: AbortSignal): Promise<void> {
    ears.step('authenticating');
    await this.#look(ears);
    stoa.repeatedly(POLL_MS, () => this.#look(ears), ears, signal);
  }

  /** The market's state, its book, the trades since the last look, and the open orders. */
  async #look(ears: stoa.WireEars): Promise<void> {
    const { id, symbol } = this.#instrument;
    const { bids, offers, tradingStatus } = await this.#ask<Book>(`/book?symbol=${symbol}`);
    ears.trading(id, tradingStatus === 'Open' ? 'trading' : 'halted', tradingStatus);
    ears.book(id, bids.map(this.#level), offers.map(this.#level));
    const after = Math.max(0, this.#tradesSeen);
    const { trades } = await this.#ask<Lists>(`/trades?symbol=${symbol}&after=${after}`);
    for (const one of this.#tradesSeen < 0 ? [] : trades)
      ears.print(id, { id: one['tradeId'] ?? '', ...this.#level(one) });
    this.#tradesSeen = after + trades.length;
    ears.orders(await this.query([...this.#live.values()]));
  }

  async send(request: stoa.WireRequest): Promise<stoa.WireAnswer> {
    const { priceDecimals, quantityDecimals, symbol } = this.#instrument;
    if (request.kind === 'cancel') {
      return this.#act('/cancelOrder', { orderId: request.of.venueOrderId });
    }
    if (request.kind !== 'new') throw new Error('beyond the capabilities');
    const { order } = request;
    this.#live.set(order.orderId, { ...order, order, venueOrderId: undefined });
    return this.#act('/createOrder', {
      ...{ offeringId: symbol, side: order.side === 'buy' ? 'Buy' : 'Sell', token: order.orderId },
      quantity: formatDecimal(order.quantity, quantityDecimals),
      price: formatDecimal(order.limitPrice, priceDecimals),
      timeInForce: order.timeInForce === 'day' ? 'Day' : 'GTC',
      ...{ allOrNone: order.allOrNone ? 'Yes' : 'No', minQuantity: order.minQuantity },
    });
  }

  async query(orders: readonly stoa.WireOrder[]): Promise<readonly stoa.OrderReport[]> {
    if (orders.length === 0) return [];
    const tokens = orders.map(({ order }) => `token=${encodeURIComponent(order.orderId)}`);
    const { orders: found } = await this.#ask<{ orders: Json[] }>(`/orders?${tokens.join('&')}`);
    const known = new Map(found.map((one) => [one['token'], this.#report(one)]));
    for (const one of orders) this.#live.set(one.order.orderId, one);
    for (const one of known.values()) if (OVER.has(one.state)) this.#live.delete(one.orderId);
    const missing = { state: 'unknown' } as const;
    return orders.map(({ order: { orderId } }) => known.get(orderId) ?? { orderId, ...missing });
  }

  async listings(): Promise<readonly stoa.RawListing[]> {
    const { id, symbol } = this.#instrument;
    const { offerings } = await this.#ask<Lists>('/offerings');
    return offerings.map((one) => ({
      ...{ symbol: one['offeringId'], instrument: one['offeringId'] === symbol ? id : undefined },
      ...{ tickSize: one['priceIncrement'], lotSize: one['minimumUnits'] },
    }));
  }

  /** What is not answered clearly may have been done: it is looked up, never sent again. */
  async #act(path: string, body: object): Promise<stoa.WireAnswer> {
    try {
      const answer = await this.#ask<Json & { orderDetails: Json }>(path, body);
      const { statusCode = '', statusDesc = '', orderDetails } = answer;
      if (statusCode === DONE) return { outcome: 'taken', report: this.#report(orderDetails) };
      if (statusCode === TOKEN_WAS_USED) return { outcome: 'unknown', reason: 'it was sent' };
      const code = CODES[statusCode] ?? 'REJECTED_BY_VENUE';
      return { outcome: 'rejected', rejection: { code, message: `${statusCode}: ${statusDesc}` } };
    } catch (error) {
      return { outcome: 'unknown', reason: (error as Error).message };
    }
  }

  #report(json: Json): stoa.OrderReport {
    const { token: orderId = '', orderId: venueOrderId = '', status = '', errorCode } = json;
    const state = STATES[status];
    if (!state) throw new Error(`an order state ${status}`);
    const cumulative = stoa.safeUnits(json['filledQuantity'], this.#instrument.quantityDecimals);
    const amount = stoa.amountAtAverage(json['averagePrice'], cumulative, this.#instrument);
    return { orderId, venueOrderId, state, cumulative, amount, reason: errorCode ?? status };
  }

  readonly #level = ({ price, quantity }: Json) => ({
    price: stoa.safeUnits(price, this.#instrument.priceDecimals),
    quantity: stoa.safeUnits(quantity, this.#instrument.quantityDecimals),
  });

  /** What a token that ran out, or a limit, did not let in was certainly not done: it is sent again. */
  async #ask<Answer>(path: string, body?: object): Promise<Answer> {
    let answer = await this.#once(path, body);
    for (let tries = 0; AGAIN.includes(answer['statusCode']) && tries < 3; tries += 1) {
      const login = await this.#once('/authenticate', { ...this.#settings, url: undefined });
      this.#token = login['access_token'] ?? '';
      answer = await this.#once(path, body);
    }
    return answer as Answer;
  }

  async #once(path: string, body?: object): Promise<Json> {
    const { status, json } = await stoa.askJson(this.#settings.url + path, {
      ...{ method: body ? 'POST' : 'GET', body: body && JSON.stringify(body) },
      ...{ headers: { authorization: `Bearer ${this.#token}` }, ...BOUNDS },
    });
    if (status >= 500 || !json) throw new Error(`the venue answers ${status}`);
    return json as Json;
  }
}

export const venueAdapter: stoa.VenueAdapterKind<Settings> = {
  parse: (json) =>
    json && typeof json === 'object' && 'url' in json
      ? (json as Settings)
      : refuse('SETTINGS_INVALID', 'settings.url is needed', 'Add it to the venue adapter file.'),
  create(settings, needs) {
    const [instrument] = needs.instruments;
    if (!instrument) throw new Error('nothing is listed here');
    return new stoa.ExternalVenue(new MyWire(settings, instrument), needs, { doubtMs: 500 });
  },
};
