import type { Instrument, InstrumentId, Level } from '@stoa/schema';
import { type ExactJson, listAt, textAt, valueAt } from '../external/exact-json.ts';
import { AnswerFault, amountAtAverage, exactUnits, safeUnits } from '../external/venue-amounts.ts';
import type { OrderReport, WireFill, WireOrderState } from '../external/venue-wire.ts';
import type { VenueOrder } from '../venue-adapter.ts';
import type { RawListing } from '../venue-listing.ts';
import type { FillSpec, ListingSpec, Mapping, OrderSpec, TradeSpec } from './mapping.ts';

const MAX_LEVELS = 10_000;

/** Reads what a venue says, by its mapping. Nothing is rounded: what does not fit is a fault. */
export class AnswerReader {
  readonly #mapping: Mapping;
  readonly #bySymbol: ReadonlyMap<string, Instrument>;
  readonly #symbols: ReadonlyMap<InstrumentId, string>;
  /** Our orders by the venue's client order id. */
  readonly #orders: (clientOrderId: string) => VenueOrder | undefined;
  readonly #instruments: ReadonlyMap<InstrumentId, Instrument>;

  constructor(
    mapping: Mapping,
    instruments: readonly { readonly instrument: Instrument; readonly symbol: string }[],
    orders: (clientOrderId: string) => VenueOrder | undefined,
  ) {
    this.#mapping = mapping;
    this.#bySymbol = new Map(instruments.map(({ symbol, instrument }) => [symbol, instrument]));
    this.#symbols = new Map(instruments.map(({ symbol, instrument }) => [instrument.id, symbol]));
    this.#orders = orders;
    this.#instruments = new Map(instruments.map(({ instrument: one }) => [one.id, one]));
  }

  symbolOf(instrument: InstrumentId): string | undefined {
    return this.#symbols.get(instrument);
  }

  instrumentOf(json: ExactJson, pointer: string): Instrument | undefined {
    return this.#bySymbol.get(textAt(json, pointer) ?? '');
  }

  /** An order as it stands; undefined where it is none of ours. */
  order(json: ExactJson): OrderReport | undefined {
    const spec = this.#mapping.order;
    const order = this.#orders(textAt(json, spec.orderId) ?? '');
    const instrument = this.#instruments.get(order?.instrument ?? '');
    return order && instrument && this.#report(json, spec, order.orderId, instrument);
  }

  /** A fill that is told with its order. */
  fillOf(json: ExactJson, orderJson: ExactJson): WireFill | undefined {
    const order = this.#orders(textAt(orderJson, this.#mapping.order.orderId) ?? '');
    const instrument = this.#instruments.get(order?.instrument ?? '');
    return instrument && this.fill(json, instrument);
  }

  #report(json: ExactJson, spec: OrderSpec, orderId: string, instrument: Instrument): OrderReport {
    const said = textAt(json, spec.state);
    const state: WireOrderState | undefined =
      said !== undefined && Object.hasOwn(spec.states, said) ? spec.states[said] : undefined;
    if (state === undefined) throw new AnswerFault(`an order state "${said ?? ''}"`);
    const cumulative = quantityAt(json, spec.cumulative, instrument);
    const amount = amountOf(json, spec, cumulative, instrument);
    const venueOrderId = textAt(json, spec.venueOrderId);
    const fills = spec.fills && this.#fills(json, spec.fills, instrument);
    const reason = spec.reason === undefined ? undefined : textAt(json, spec.reason);
    return {
      ...{ orderId, state, cumulative },
      ...(venueOrderId !== undefined && { venueOrderId }),
      ...(amount !== undefined && { amount }),
      ...(spec.fills && { fills: fills ?? [] }),
      ...(spec.quantity !== undefined && {
        quantity: quantityAt(json, spec.quantity, instrument),
      }),
      ...(spec.limitPrice !== undefined && {
        limitPrice: priceAt(json, spec.limitPrice, instrument),
      }),
      ...(reason !== undefined &&
        reason !== '' && { reason, rejection: this.rejection(reason, '') }),
    };
  }

  #fills(
    json: ExactJson,
    { list, fill }: NonNullable<OrderSpec['fills']>,
    instrument: Instrument,
  ): WireFill[] | undefined {
    return listAt(json, list)?.map((one) => readFill(one, fill, instrument));
  }

  /** A fill, as the mapping says they look. */
  fill(json: ExactJson, instrument: Instrument): WireFill {
    const spec = this.#mapping.order.fills?.fill;
    if (!spec) throw new AnswerFault('a fill, and the mapping has none');
    return readFill(json, spec, instrument);
  }

  levels(
    json: ExactJson,
    pointer: string,
    level: { readonly price: string; readonly quantity: string },
    instrument: Instrument,
  ): Level[] {
    const found = listAt(json, pointer);
    if (!found) throw new AnswerFault(`no list at ${pointer}`);
    if (found.length > MAX_LEVELS) throw new AnswerFault(`more than ${MAX_LEVELS} levels`);
    return found.map((one) => ({
      price: priceAt(one, level.price, instrument),
      quantity: quantityAt(one, level.quantity, instrument),
    }));
  }

  trading(
    json: ExactJson,
    spec: {
      readonly state: string;
      readonly states: Readonly<Record<string, 'trading' | 'halted'>>;
      readonly reason?: string | undefined;
    },
  ): { readonly state: 'trading' | 'halted'; readonly reason: string } {
    const said = textAt(json, spec.state) ?? '';
    const state = Object.hasOwn(spec.states, said) ? spec.states[said] : undefined;
    // What is not known to be trading is not.
    if (state === undefined) return { state: 'halted', reason: `The venue says: ${said}.` };
    return { state, reason: textAt(json, spec.reason ?? spec.state) ?? said };
  }

  /** A trade as the public sees it. */
  print(json: ExactJson, spec: TradeSpec, instrument: Instrument): WireFill {
    return readFill(json, spec, instrument);
  }

  /** An entry of the venue's list, as it stands there. */
  listing(json: ExactJson, spec: ListingSpec): RawListing {
    const symbol = textAt(json, spec.symbol);
    const at = (pointer: string | undefined) =>
      pointer === undefined ? undefined : textAt(json, pointer);
    const said = at(spec.status) ?? '';
    return {
      symbol,
      instrument: this.#bySymbol.get(symbol ?? '')?.id,
      isin: at(spec.isin),
      priceDecimals: at(spec.priceDecimals),
      quantityDecimals: at(spec.quantityDecimals),
      tickSize: at(spec.tickSize),
      lotSize: at(spec.lotSize),
      status: Object.hasOwn(spec.statuses, said) ? spec.statuses[said] : undefined,
    };
  }

  /** The venue's code in the network's words. */
  rejection(code: string, message: string) {
    const { codes } = this.#mapping.errors;
    const known = Object.hasOwn(codes, code) ? codes[code] : undefined;
    const said = message === '' ? code : `${code}: ${message}`;
    return known === undefined
      ? { code: 'REJECTED_BY_VENUE', message: `The venue says: ${said}`.slice(0, 300) }
      : { code: known, message: `The venue refused it (${said}).`.slice(0, 300) };
  }
}

function readFill(json: ExactJson, spec: FillSpec | TradeSpec, instrument: Instrument): WireFill {
  const id = textAt(json, spec.id);
  if (id === undefined || id === '') throw new AnswerFault('a fill without an id');
  const optional = (pointer: string | undefined) =>
    pointer === undefined ? undefined : textAt(json, pointer);
  const tradeId = optional('tradeId' in spec ? spec.tradeId : undefined);
  const sessionDate = optional(spec.sessionDate);
  const counterparty = optional('counterparty' in spec ? spec.counterparty : undefined);
  const executedAtMs = spec.at === undefined ? undefined : timeAt(json, spec.at);
  return {
    id,
    price: priceAt(json, spec.price, instrument),
    quantity: quantityAt(json, spec.quantity, instrument),
    ...(tradeId !== undefined && { tradeId }),
    ...(sessionDate !== undefined && { sessionDate }),
    ...(counterparty !== undefined && { counterparty }),
    ...(executedAtMs !== undefined && { executedAtMs }),
  };
}

/** Price × quantity of what was executed, exactly as far as the venue's average goes. */
function amountOf(
  json: ExactJson,
  { averagePrice, amount }: OrderSpec,
  cumulative: number,
  instrument: Instrument,
): bigint | undefined {
  const { priceDecimals, quantityDecimals } = instrument;
  if (amount !== undefined) {
    return exactUnits(textAt(json, amount), priceDecimals + quantityDecimals);
  }
  if (averagePrice === undefined || cumulative === 0) return undefined;
  return amountAtAverage(textAt(json, averagePrice), cumulative, instrument);
}

function priceAt(json: ExactJson, pointer: string, { priceDecimals }: Instrument): number {
  return safeUnits(textAt(json, pointer), priceDecimals);
}

function quantityAt(json: ExactJson, pointer: string, { quantityDecimals }: Instrument): number {
  return safeUnits(textAt(json, pointer), quantityDecimals);
}

/** Unix milliseconds, of a number of them or of an ISO 8601 time. */
function timeAt(json: ExactJson, pointer: string): number {
  const text = textAt(json, pointer) ?? '';
  const atMs = /^\d{1,16}$/.test(text) ? Number(text) : Date.parse(text);
  if (!Number.isFinite(atMs)) throw new AnswerFault(`at ${pointer}: a time "${text.slice(0, 40)}"`);
  return atMs;
}

/** Whether a message is of a kind: it has these texts at these pointers. */
export function matches(json: ExactJson, when: Readonly<Record<string, string>>): boolean {
  return Object.entries(when).every(([pointer, text]) =>
    text === '*' ? valueAt(json, pointer) !== undefined : textAt(json, pointer) === text,
  );
}
