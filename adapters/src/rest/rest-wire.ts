import { formatDecimal, type Instrument, type InstrumentId } from '@stoa/schema';
import { type ExactJson, listAt, valueAt } from '../external/exact-json.ts';
import { repeatedly } from '../external/repeatedly.ts';
import type {
  OrderReport,
  VenueWire,
  WireAnswer,
  WireEars,
  WireOrder,
  WireRequest,
} from '../external/venue-wire.ts';
import type { VenueCapabilities, VenueOrder } from '../venue-adapter.ts';
import type { RawListing } from '../venue-listing.ts';
import { AnswerReader } from './answer-reader.ts';
import { ClientOrderIds } from './client-order-ids.ts';
import type { Mapping } from './mapping.ts';
import { MarketPolls } from './market-polls.ts';
import { MarketStream } from './market-stream.ts';
import type { Variables } from './request-template.ts';
import { VenueHttp, type VenueHttpNeeds } from './venue-http.ts';
import { whyNotAsked } from './why-not-asked.ts';

export interface RestWireNeeds extends VenueHttpNeeds {
  readonly streamUrl: string | undefined;
  readonly instruments: readonly { readonly instrument: Instrument; readonly symbol: string }[];
}

/** An order that the venue does not know may be on its way there. */
const DONE: ReadonlySet<string> = new Set(['filled', 'canceled', 'expired', 'rejected']);

/** A venue that speaks REST, and maybe WebSocket, as its mapping says. */
export class RestWire implements VenueWire {
  readonly capabilities: VenueCapabilities;
  readonly #mapping: Mapping;
  readonly #needs: RestWireNeeds;
  readonly #http: VenueHttp;
  readonly #reader: AnswerReader;
  readonly #ids: ClientOrderIds;
  readonly #instruments: ReadonlyMap<InstrumentId, Instrument>;
  readonly #polls: MarketPolls;
  /** Orders that are asked about while they live. */
  readonly #watched = new Map<string, WireOrder>();

  constructor(mapping: Mapping, needs: RestWireNeeds) {
    const { capabilities, requests } = mapping;
    const { timesInForce, allOrNone, minQuantity, displayQuantity, depthLevels } = capabilities;
    this.capabilities = {
      ...{ allOrNone, minQuantity, displayQuantity, depthLevels },
      timesInForce: Object.keys(timesInForce) as VenueCapabilities['timesInForce'],
      replace: requests.replace !== undefined,
      massCancel: requests.massCancel !== undefined,
      listsInstruments: requests.instruments !== undefined,
    };
    this.#mapping = mapping;
    this.#needs = needs;
    this.#http = new VenueHttp(mapping, needs);
    this.#ids = new ClientOrderIds(mapping.maxOrderIdLength);
    this.#instruments = new Map(needs.instruments.map(({ instrument: one }) => [one.id, one]));
    this.#reader = new AnswerReader(mapping, needs.instruments, (id) => this.#ids.order(id));
    this.#polls = new MarketPolls(mapping, {
      ...{ http: this.#http, reader: this.#reader, instruments: needs.instruments },
    });
  }

  async connect(ears: WireEars, signal: AbortSignal): Promise<void> {
    const { auth, polling, stream } = this.#mapping;
    ears.step('connecting');
    if (auth.kind === 'bearer') {
      ears.step('authenticating');
      const login = await this.#http.logIn();
      if (login?.kind !== 'ok') throw new Error(whyNotAsked(login));
    }
    if (stream) {
      const { streamUrl = '', variables, secrets, instruments } = this.#needs;
      const market = new MarketStream(stream, {
        ...{ url: streamUrl, variables: { ...variables, ...secrets }, instruments, ears },
        ...{ reader: this.#reader, signer: this.#http.signer },
        clock: this.#mapping.errors.clock,
      });
      return market.open(signal);
    }
    if (!polling) return;
    await this.#polls.first(ears);
    repeatedly(polling.ordersMs, () => this.#pollOrders(ears), ears, signal);
    repeatedly(polling.bookMs, () => this.#polls.books(ears), ears, signal);
    repeatedly(polling.tradesMs, () => this.#polls.trades(ears), ears, signal);
  }

  async send(request: WireRequest): Promise<WireAnswer> {
    const { requests } = this.#mapping;
    switch (request.kind) {
      case 'new': {
        const { order } = request;
        const { quantity, limitPrice } = order;
        this.#watch({ order, venueOrderId: undefined, quantity, limitPrice });
        return this.#act(requests.new, this.#variables(order, undefined, order));
      }
      case 'cancel':
        if (request.of.venueOrderId === undefined) return NOT_YET_KNOWN;
        return this.#act(requests.cancel, this.#variablesOf(request.of));
      case 'replace': {
        const { of, quantity, limitPrice } = request;
        if (!requests.replace) return notSupported();
        if (of.venueOrderId === undefined) return NOT_YET_KNOWN;
        const to = this.#variables(of.order, of.venueOrderId, { quantity, limitPrice });
        return this.#act(requests.replace, to);
      }
      case 'mass-cancel': {
        if (!requests.massCancel) return notSupported();
        const { instrument } = request;
        const symbol = instrument === undefined ? undefined : this.#reader.symbolOf(instrument);
        return this.#act(requests.massCancel, { symbol });
      }
    }
  }

  async query(orders: readonly WireOrder[]): Promise<readonly OrderReport[]> {
    const { orders: spec } = this.#mapping.requests;
    const reports: OrderReport[] = [];
    for (let first = 0; first < orders.length; first += spec.most) {
      const some = orders.slice(first, first + spec.most);
      for (const one of some) this.#watch(one);
      const asked = await this.#http.ask(spec, this.#manyVariables(some), true);
      if (asked.kind !== 'ok') throw new Error(whyNotAsked(asked));
      const found = listAt(asked.json, spec.list);
      if (!found) throw new Error(`The venue answered without ${spec.list}.`);
      const read = found.flatMap((one) => this.#reader.order(one) ?? []);
      const known = new Set(read.map(({ orderId }) => orderId));
      reports.push(...read);
      for (const { order } of some) {
        const { orderId } = order;
        if (!known.has(orderId)) reports.push({ orderId, state: 'unknown' });
      }
    }
    return reports;
  }

  async listings(): Promise<readonly RawListing[]> {
    const { instruments: spec } = this.#mapping.requests;
    if (!spec) throw new Error('The mapping has no requests.instruments.');
    const asked = await this.#http.ask(spec, {});
    if (asked.kind !== 'ok') throw new Error(whyNotAsked(asked));
    const found = listAt(asked.json, spec.list);
    if (!found) throw new Error(`The venue answered without ${spec.list}.`);
    return found.map((one) => this.#reader.listing(one, spec.listing));
  }

  #watch(order: WireOrder): void {
    this.#ids.of(order.order);
    this.#watched.set(order.order.orderId, order);
  }

  async #act(spec: Mapping['requests']['new'], variables: Variables): Promise<WireAnswer> {
    const asked = await this.#http.ask(spec, variables, true);
    const { errors } = this.#mapping;
    switch (asked.kind) {
      case 'unknown':
        return { outcome: 'unknown', reason: asked.reason };
      case 'not-sent':
        return { outcome: 'rejected', rejection: { code: 'VENUE_BUSY', message: asked.reason } };
      case 'refused':
        if (errors.exists.includes(asked.code)) {
          return { outcome: 'unknown', reason: 'The venue has an order of this id.' };
        }
        return {
          outcome: 'rejected',
          rejection: this.#reader.rejection(asked.code, asked.message),
        };
      case 'ok':
        return this.#understood(asked.json, spec.order);
    }
  }

  #understood(json: ExactJson, pointer: string | undefined): WireAnswer {
    if (pointer === undefined) return { outcome: 'taken' };
    try {
      const report = this.#reader.order(valueAt(json, pointer) ?? null);
      // An answer about nothing that was asked is no answer.
      if (!report) return { outcome: 'unknown', reason: `The venue answered without ${pointer}.` };
      return { outcome: 'taken', report };
    } catch (error) {
      return { outcome: 'unknown', reason: `The venue said ${(error as Error).message}.` };
    }
  }

  async #pollOrders(ears: WireEars): Promise<void> {
    const live = [...this.#watched.values()];
    if (live.length === 0) return;
    const reports = await this.query(live);
    ears.orders(reports);
    for (const { orderId, state } of reports) if (DONE.has(state)) this.#watched.delete(orderId);
  }

  #variablesOf({ order, venueOrderId, quantity, limitPrice }: WireOrder): Variables {
    return this.#variables(order, venueOrderId, { quantity, limitPrice });
  }

  #variables(
    order: VenueOrder,
    venueOrderId: string | undefined,
    terms: { readonly quantity: number; readonly limitPrice: number },
  ): Variables {
    const { capabilities, sides, flags } = this.#mapping;
    const instrument = this.#instruments.get(order.instrument);
    if (!instrument) return {};
    const { priceDecimals, quantityDecimals } = instrument;
    const quantity = (units: number | undefined) =>
      units === undefined ? undefined : formatDecimal(units, quantityDecimals);
    const { expireAtMs } = order;
    return {
      orderId: this.#ids.of(order),
      ...{ venueOrderId, side: sides[order.side] },
      symbol: this.#reader.symbolOf(order.instrument),
      timeInForce: capabilities.timesInForce[order.timeInForce],
      price: formatDecimal(terms.limitPrice, priceDecimals),
      quantity: quantity(terms.quantity),
      minQuantity: quantity(order.minQuantity),
      displayQuantity: quantity(order.displayQuantity),
      allOrNone: capabilities.allOrNone
        ? order.allOrNone === true
          ? flags.yes
          : flags.no
        : undefined,
      expireAt: expireAtMs === undefined ? undefined : new Date(expireAtMs).toISOString(),
      expireAtMs: expireAtMs === undefined ? undefined : String(expireAtMs),
    };
  }

  #manyVariables(orders: readonly WireOrder[]): Variables {
    const venueOrderIds = orders.flatMap(({ venueOrderId }) => venueOrderId ?? []);
    return { orderIds: orders.map(({ order }) => this.#ids.of(order)), venueOrderIds };
  }
}

/** It is looked up, and then asked again. */
const NOT_YET_KNOWN: WireAnswer = {
  outcome: 'unknown',
  reason: 'The venue’s own id of the order is not known yet.',
};

function notSupported(): WireAnswer {
  const message = 'The venue cannot do this.';
  return { outcome: 'rejected', rejection: { code: 'NOT_SUPPORTED', message } };
}
