import {
  CodedError,
  encodeOrderMessage,
  encodeSigned,
  type Level,
  type OrderMessageBody,
  type VenueTerms,
  verifierOf,
} from '@stoa/schema';
import { Registry } from 'prom-client';
import { createMarket, type Market } from '../../market/market.ts';
import { createPublisher, type Publisher } from '../../market/publisher.ts';
import { TEST_NOW_MS } from '../../market/testing/frame-maker.ts';
import {
  type MemoryDirectory,
  memoryDirectory,
  testInstrument,
  testKey,
} from '../../network/testing/memory-directory.ts';
import { type OpenDatabase, openDatabase } from '../../store/database.ts';
import { legs } from '../../store/tables/legs.ts';
import { orders } from '../../store/tables/orders.ts';
import { sentLegs } from '../../store/tables/sent-legs.ts';
import { createLogger } from '../../telemetry/logger.ts';
import type { ReceiptDocument, ReceiptLeg } from '../receipts/receipt.ts';
import { readReceipt } from '../receipts/receipt-reader.ts';
import {
  createReceiptStore,
  type LegOutcome,
  type ReceiptStore,
} from '../receipts/receipt-store.ts';
import type { Route, RouteInput, RouteOrder } from '../route.ts';
import { route } from '../router.ts';
import { compileFees } from '../venue-cost.ts';

export const INSTRUMENT = testInstrument(1);
const VENUES = ['alpha', 'beta', 'gamma'] as const;
export const REGISTRY = {
  chainId: 31_337,
  memberRegistry: `0x${'a1'.repeat(20)}`,
  listingRegistry: `0x${'b2'.repeat(20)}`,
} as const;
export const SILENT_LOGGER = createLogger('test', 'silent');

const STALE_AFTER_MS = 3_000;
const OTHER_WALLET = `0x${'99'.repeat(20)}` as const;
const WALLET = `0x${'77'.repeat(20)}` as const;

/** Pairs `[price, quantity]`. */
export type Pairs = readonly (readonly [number, number])[];

/** A venue's terms that charge nothing but what is given. */
export function termsOf(takerPpm: number, part: Partial<VenueTerms> = {}): VenueTerms {
  return {
    version: 1,
    fees: { tiers: [{ fromNotional: '0', makerPpm: 0, takerPpm }], minimum: '0' },
    ...{ minimumLots: 1, allOrNone: false, minQuantity: false },
    ...part,
  };
}

/** A signed order message between two members. */
function signedMessage(
  from: string,
  to: string,
  body: OrderMessageBody,
  at: { readonly number: number; readonly sentAtMs: number },
): Uint8Array {
  const payload = encodeOrderMessage({ version: 1, from, to, acknowledged: 0, ...at, body });
  return encodeSigned({ payload, signature: testKey(from).sign('order', payload) });
}

/** What a decision made of an order. */
export interface Routed {
  readonly orderId: string;
  readonly order: RouteOrder;
  readonly route: Route;
  readonly legs: readonly ReceiptLeg[];
}

/**
 * Alpha's node, home of orders, as far as receipts go: a real market that judges what real publishers
 * of three venues sign, the router, and a real store. The clock is the test's.
 */
export class ReceiptScene {
  nowMs = TEST_NOW_MS;
  readonly directory: MemoryDirectory = memoryDirectory(VENUES, ['watcher'], [INSTRUMENT]);
  readonly market: Market;
  readonly store: OpenDatabase;
  readonly receipts: ReceiptStore;
  readonly #terms = new Map<string, { terms: VenueTerms; signed: Uint8Array | undefined }>();
  readonly #publishers = new Map<string, Publisher>();
  #number = 0;

  private constructor(store: OpenDatabase) {
    this.store = store;
    const { directory } = this;
    const shared = { directory, logger: SILENT_LOGGER, now: () => this.nowMs };
    this.market = createMarket(
      { staleAfterMs: STALE_AFTER_MS, maxClockSkewMs: 2_000 },
      {
        ...{ ...shared, registry: new Registry(), verifier: verifierOf, ownKey: '' },
        ...{ peers: () => [], pull: async () => [] },
      },
    );
    for (const [index, venue] of VENUES.entries()) {
      const publisher = createPublisher(
        {
          ...{ venue, nodeKey: testKey(venue), epoch: this.nowMs - 60_000, firm: true },
          ...{ heartbeatMs: 3_600_000, staleAfterMs: STALE_AFTER_MS },
        },
        {
          ...{ ...shared, registry: new Registry() },
          broadcast: (signed) => this.market.receive(encodeSigned(signed), 'pushed', venue),
        },
      );
      publisher.start();
      this.#publishers.set(venue, publisher);
      this.tellTerms(venue, termsOf(100 * index));
    }
    this.receipts = createReceiptStore({
      ...{ home: 'alpha', nodeKey: testKey('alpha'), registry: REGISTRY, directory },
      terms: { of: (venue) => this.#terms.get(venue) },
      ...{ staleAfterMs: STALE_AFTER_MS, nowMs: () => this.nowMs },
    });
  }

  static async open(url: string): Promise<ReceiptScene> {
    return new ReceiptScene(await openDatabase(url));
  }

  async close(): Promise<void> {
    for (const publisher of this.#publishers.values()) publisher.stop();
    this.market.stop();
    await this.store.close();
  }

  tellTerms(venue: string, terms: VenueTerms): void {
    const at = { number: 0, sentAtMs: this.nowMs };
    const body = { kind: 'venue-terms', terms } as const;
    const signed = venue === 'alpha' ? undefined : signedMessage(venue, 'alpha', body, at);
    this.#terms.set(venue, { terms, signed });
  }

  forgetTerms(venue: string): void {
    this.#terms.delete(venue);
  }

  /** What a venue offers (and bids) from now on; resolves when alpha's node has it. */
  async show(venue: string, offers: Pairs, bids: Pairs = []): Promise<void> {
    const { id: instrument } = INSTRUMENT;
    const before = this.#sequence(venue);
    const event = { kind: 'book', instrument, offers: levels(offers), bids: levels(bids) } as const;
    this.#publishers.get(venue)?.deliver([event]);
    await this.#until(() => this.#sequence(venue) > before);
  }

  async halt(venue: string): Promise<void> {
    const { id: instrument } = INSTRUMENT;
    const before = this.#sequence(venue);
    const status = { kind: 'trading-status', instrument, state: 'halted', reason: 'test' } as const;
    this.#publishers.get(venue)?.deliver([status]);
    await this.#until(() => this.#sequence(venue) > before);
  }

  async print(venue: string, executionId: string, price: number, quantity: number): Promise<void> {
    const { id: instrument } = INSTRUMENT;
    const before = this.#sequence(venue);
    const trade = { instrument, executionId, price, quantity, executedAtMs: this.nowMs };
    this.#publishers.get(venue)?.deliver([{ kind: 'print', ...trade }]);
    await this.#until(() => this.#sequence(venue) > before);
  }

  /** Routes an order and records the decision. */
  async route(
    orderId: string,
    terms: Partial<RouteOrder> & { readonly quantity: number },
    how: { readonly round?: number; readonly exclusions?: Record<string, string> } = {},
  ): Promise<Routed> {
    const { round = 1, exclusions = {} } = how;
    const order: RouteOrder = { side: 'buy', timeInForce: 'ioc', limitPrice: 10_000, ...terms };
    const input: RouteInput = {
      ...{ order, book: this.market.book(INSTRUMENT.id), home: 'alpha', nowMs: this.nowMs },
      ...{ tickSize: INSTRUMENT.tickSize, lotSize: INSTRUMENT.lotSize },
      exclusions: new Map(Object.entries(exclusions)),
      venues: this.#costs(),
    };
    const frames = this.market.evidence(INSTRUMENT.id);
    const decided = route(input);
    const legs = decided.legs.map((leg, index) => ({
      ...{ ...leg, id: `${orderId}.${10 * round + index}.${round}` },
      ...({ purpose: 'route', timeInForce: 'ioc' } as const),
    }));
    const decision = { orderId, round, input, route: decided, legs, frames };
    await this.store.db.transaction((tx) => this.receipts.record(tx, decision));
    return { orderId, order, route: decided, legs };
  }

  /** The leg goes to its venue, as a session would send it; to alpha's own book as it is recorded. */
  async send({ order, orderId }: Routed, leg: ReceiptLeg): Promise<void> {
    const { id: legId, quantity, limitPrice, timeInForce } = leg;
    if (leg.venue === 'alpha') return this.#recordOwn(orderId, order, leg);
    const sent = {
      ...{ legId, instrument: INSTRUMENT.id, side: order.side, timeInForce, quantity, limitPrice },
      ...{ member: 'broker', account: WALLET },
    };
    const message = this.#signed('alpha', leg.venue, { kind: 'leg-new', leg: sent });
    await this.store.db.insert(sentLegs).values({ legId, message });
  }

  async #recordOwn(orderId: string, { side, quantity }: RouteOrder, leg: ReceiptLeg) {
    const asked = { instrument: INSTRUMENT.id, member: 'broker', account: WALLET, side, quantity };
    const { db } = this.store;
    await db.insert(orders).values({
      ...{ ...asked, id: orderId, number: 1, clientOrderId: orderId, placedQuantity: quantity },
      ...{ type: 'limit', timeInForce: 'ioc', limitPrice: leg.limitPrice, status: 'new' },
      ...{ filled: 0, leaves: quantity, notional: 0n, lastEvent: 0, placedAtMs: this.nowMs },
      ...{ cancelRequested: false, groupOpen: false },
    });
    const { id, venue, purpose, timeInForce, limitPrice } = leg;
    await db.insert(legs).values({
      ...{ id, orderId, venue, purpose, timeInForce, limitPrice, quantity: leg.quantity },
      ...{ number: 10, round: 1, status: 'new', filled: 0, sentAtMs: this.nowMs },
    });
  }

  /** The venue says something of a leg; alpha's own book says it unsigned. */
  async tell(routed: Routed, leg: ReceiptLeg, ...bodies: OrderMessageBody[]): Promise<void> {
    await this.#record(
      routed,
      leg,
      bodies.map((body) => {
        const own = leg.venue === 'alpha';
        return { body, signed: own ? undefined : this.#signed(leg.venue, 'alpha', body) };
      }),
    );
  }

  async silence(routed: Routed, leg: ReceiptLeg): Promise<void> {
    await this.#record(routed, leg, [{ silent: 'The venue did not answer in time.' }]);
  }

  /** The venue fills so much of a leg. */
  async fill(routed: Routed, leg: ReceiptLeg, quantity = leg.quantity): Promise<void> {
    await this.tell(routed, leg, ...this.fillOf(leg, quantity));
  }

  /** What a venue says that fills so much of a leg. */
  fillOf(leg: ReceiptLeg, quantity: number): OrderMessageBody[] {
    const { id: legId, venue } = leg;
    this.#number += 1;
    const execution = {
      ...{ venue, executionId: `${venue}-${this.#number}`, tradeNumber: this.#number },
      ...{ instrument: INSTRUMENT.id, price: leg.limitPrice, quantity },
      ...{ buyer: WALLET, seller: OTHER_WALLET, homeVenue: 'alpha' },
      executedAtMs: this.nowMs,
    };
    const state = quantity === leg.quantity ? 'filled' : 'canceled';
    const fills: OrderMessageBody[] =
      quantity > 0 ? [{ kind: 'leg-executed', legId, execution }] : [];
    return [...fills, { kind: 'leg-done', legId, state, filled: quantity, reason: 'done' }];
  }

  /** The order's receipt as a file would have it. */
  async document(orderId: string): Promise<ReceiptDocument> {
    const document = await readReceipt(this.store.db, orderId);
    if (!document) throw new CodedError('NO_RECEIPT', `Order ${orderId} has none.`);
    return JSON.parse(JSON.stringify(document));
  }

  async #record(
    { orderId, order }: Routed,
    leg: ReceiptLeg,
    said: readonly LegOutcome['said'][],
  ): Promise<void> {
    const outcomes = said.map((each) => ({
      ...{ orderId, instrument: INSTRUMENT.id, side: order.side, said: each },
      leg: { ...leg, round: Number(leg.id.split('.')[2]) },
    }));
    await this.store.db.transaction((tx) => this.receipts.legOutcomes(tx, outcomes));
  }

  #costs(): RouteInput['venues'] {
    const venues = new Map<string, { cost: never; minimumLots: number }>();
    for (const [venue, { terms }] of this.#terms) {
      const notionalDecimals = INSTRUMENT.priceDecimals + INSTRUMENT.quantityDecimals;
      const given = { monthlyNotional: 0n, notionalDecimals, legCost: '0.05' };
      const cost = compileFees(terms.fees, given)?.taker as never;
      venues.set(venue, { cost, minimumLots: terms.minimumLots });
    }
    return venues;
  }

  #signed(from: string, to: string, body: OrderMessageBody): Uint8Array {
    this.#number += 1;
    return signedMessage(from, to, body, { number: this.#number, sentAtMs: this.nowMs });
  }

  #sequence(venue: string): number {
    return this.market.feeds().find((feed) => feed.venue === venue)?.lastSequence ?? 0;
  }

  async #until(holds: () => boolean): Promise<void> {
    const deadline = performance.now() + 10_000;
    while (!holds()) {
      if (performance.now() > deadline) throw new CodedError('NOT_IN_TIME', 'No frame came.');
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

function levels(pairs: Pairs): Level[] {
  return pairs.map(([price, quantity]) => ({ price, quantity }));
}
