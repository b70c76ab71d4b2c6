import {
  CodedError,
  closeOfDayMs,
  type DirectorySource,
  type Instrument,
  invariant,
  isRefusal,
  type OrderRequest,
  type Refusal,
  refuse,
} from '@stoa/schema';
import type { Settleable } from '../compliance/pre-trade.ts';
import type { MarketView } from '../market/market-view.ts';
import type { Database } from '../store/database.ts';
import type { Caller } from './blotter/order-view.ts';
import type { NewCode } from './id-codes.ts';
import { isSameRequest, newOrder, type StoredOrder } from './order-rows.ts';
import type { NoteStage } from './order-stages.ts';
import { readOrder } from './order-store.ts';
import type { OrderWork } from './order-work.ts';
import { Placements } from './placements.ts';
import type { RoutePreview } from './route-planner.ts';
import type { OrderGate } from './terms/order-gate.ts';
import { checkCaller, checkRequest } from './terms/order-validation.ts';
import type { VenueTermsBook } from './terms/venue-terms-book.ts';

export interface OrderEntryNeeds {
  readonly database: Database;
  readonly gate: OrderGate;
  readonly work: OrderWork;
  readonly directory: DirectorySource;
  readonly market: Pick<MarketView, 'book'>;
  readonly terms: VenueTermsBook;
  /** Wallets of each member, in lower case. */
  readonly accounts: ReadonlyMap<string, ReadonlySet<string>>;
  readonly newCode: NewCode;
  readonly nowMs: () => number;
  readonly stage: NoteStage;
}

/** An order that nobody places: it only asks where it would go. */
export type PreviewRequest = Omit<OrderRequest, 'clientOrderId' | 'cancelOnDisconnect'>;

/** Where an order would go, and how much of it could settle: no leg is for more. */
export interface OrderPreview extends RoutePreview {
  readonly settleable: Settleable;
}

/** An order that is in the store, since now or since before. */
export interface RecordedOrder {
  readonly order: StoredOrder;
  readonly existed: boolean;
}

/** From a request to a durable order, once for each client order id. */
export class OrderEntry {
  readonly #venue: string;
  readonly #needs: OrderEntryNeeds;
  readonly #placements: Placements;
  /** Orders on their way, by member and client order id. */
  readonly #placing = new Map<string, Promise<unknown>>();

  constructor(venue: string, needs: OrderEntryNeeds) {
    this.#venue = venue;
    this.#needs = needs;
    this.#placements = new Placements(venue, {
      ...needs,
      place: (orders) => needs.work.commit((tx, after) => needs.work.home.place(tx, orders, after)),
    });
  }

  /** Resolves when the order is durable. */
  async place(caller: Caller, request: OrderRequest): Promise<RecordedOrder | Refusal> {
    const key = `${caller.member} ${request.clientOrderId}`;
    // Whoever repeats a request that is on its way hears what became of it, and promises nothing.
    await this.#placing.get(key);
    const placing = this.#place(caller, request);
    const settled = Promise.allSettled([placing]);
    this.#placing.set(key, settled);
    try {
      return await placing;
    } finally {
      if (this.#placing.get(key) === settled) this.#placing.delete(key);
    }
  }

  /** Resolves when no order is on its way into the store. */
  idle(): Promise<void> {
    return this.#placements.idle();
  }

  /**
   * Where an order would go now, at which cost, and how much of it could settle. Nothing is recorded, and
   * nothing promised.
   */
  async preview(caller: Caller, asked: PreviewRequest): Promise<OrderPreview | Refusal> {
    const request = { ...asked, clientOrderId: 'preview' };
    const instrument = this.#checked(caller, request);
    if (isRefusal(instrument)) return instrument;
    const draft = newOrder(caller.member, request, {
      nowMs: this.#needs.nowMs(),
      endsAtMs: undefined,
    });
    const settleable = await this.#needs.gate.settleable(this.#gated(draft, instrument));
    const { quantity, refusal } = settleable;
    const bound = refusal && { quantity, code: refusal.code };
    const preview = this.#needs.work.home.preview(draft, bound);
    invariant(preview !== undefined, 'a known instrument could not be routed');
    return { ...preview, settleable };
  }

  #checked(caller: Caller, request: OrderRequest): Instrument | Refusal {
    const { accounts, directory, market, terms } = this.#needs;
    return (
      checkCaller(caller, request, this.#venue) ??
      checkRequest(caller, request, {
        ...{ venue: this.#venue, accounts, terms, nowMs: this.#needs.nowMs() },
        directory: directory.current(),
        book: market.book(request.instrument),
      })
    );
  }

  async #place(caller: Caller, request: OrderRequest): Promise<RecordedOrder | Refusal> {
    const notTaken =
      checkCaller(caller, request, this.#venue) ?? this.#needs.gate.admit(caller.member, 'order');
    if (notTaken) return notTaken;
    const instrument = this.#checked(caller, request);
    // A repeat is answered as the first was, whatever has changed since.
    if (isRefusal(instrument)) return (await this.#placedBefore(caller, request)) ?? instrument;
    const begunMs = performance.now();
    const nowMs = this.#needs.nowMs();
    const draft = newOrder(caller.member, request, {
      nowMs,
      endsAtMs: this.#endOf(request, nowMs),
    });
    const place = await this.#needs.gate.enter(this.#gated(draft, instrument));
    if (isRefusal(place)) return (await this.#placedBefore(caller, request)) ?? place;
    this.#needs.stage('checked', begunMs);
    const checkedMs = performance.now();
    try {
      const placed = await this.#placements.add(draft);
      this.#needs.stage('recorded', checkedMs);
      if (placed) return { order: placed, existed: false };
    } finally {
      place.release();
    }
    const before = await this.#placedBefore(caller, request);
    if (before) return before;
    throw new CodedError('ORDER_LOST', 'An order was neither recorded nor found.');
  }

  /** From when on nothing of it is sent: the close of the day, or the moment after its expiry. */
  #endOf(
    { timeInForce, expireAtMs, directedTo = this.#venue }: OrderRequest,
    nowMs: number,
  ): number | undefined {
    if (expireAtMs !== undefined) return expireAtMs + 1;
    if (timeInForce !== 'day') return undefined;
    return closeOfDayMs(this.#needs.terms.of(directedTo)?.terms.calendar, nowMs);
  }

  #gated(draft: StoredOrder, instrument: Instrument) {
    const { member, account } = draft;
    const { side, quantity: leaves, limitPrice, directedTo } = draft.state;
    const asked = { member, account, instrument, side, leaves, limitPrice, directedTo };
    if (limitPrice !== undefined) return { ...asked, worstPrice: undefined };
    const prices = this.#needs.work.home.preview(draft)?.legs.map((leg) => leg.limitPrice) ?? [];
    const worst = side === 'buy' ? Math.max(...prices) : Math.min(...prices);
    return { ...asked, worstPrice: prices.length === 0 ? undefined : worst };
  }

  async #placedBefore(
    { member }: Caller,
    request: OrderRequest,
  ): Promise<RecordedOrder | Refusal | undefined> {
    const { clientOrderId } = request;
    const known = await readOrder(this.#needs.database, { member, clientOrderId });
    if (!known) return undefined;
    if (isSameRequest(known, request)) return { order: known, existed: true };
    const message = `The client order id "${clientOrderId}" was used for another order.`;
    return refuse('CLIENT_ORDER_ID_REUSED', message, 'Choose another client order id.');
  }
}
