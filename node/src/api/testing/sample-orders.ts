import { type MemberId, type Refusal, refuse } from '@stoa/schema';
import type { BlotterExecution } from '../../orders/blotter/execution-blotter.ts';
import { type Page, type PageRequest, readPage } from '../../orders/blotter/keyset-page.ts';
import type { BlotterLeg } from '../../orders/blotter/order-blotter.ts';
import type { OrderFeedItem } from '../../orders/blotter/order-feed.ts';
import type { OrderView } from '../../orders/blotter/order-view.ts';
import type { FadeView, ReceiptView } from '../../orders/blotter/receipt-blotter.ts';
import type { RefusedAction } from '../../orders/order-refusals.ts';
import type { ApiBlotter, ApiFeed, ApiOrders, ApiReceipts } from '../api-services.ts';
import { ACME } from './sample-market.ts';

/** Orders in memory: placed, and filled by half at once. Quantity 13 units is refused. */
export interface SampleOrders extends ApiOrders {
  readonly blotter: ApiBlotter;
  readonly receipts: ApiReceipts;
  /** An event for each order that is placed. */
  readonly feed: ApiFeed;
  /** How often `place` was reached. */
  readonly placeCalls: () => number;
  /** What the API refused by itself. */
  readonly refusals: readonly { readonly asked: RefusedAction; readonly refusal: Refusal }[];
  /** Streams of order events that are open now. */
  readonly streams: () => number;
}

const PLACED_AT_MS = 1_700_000_000_000;

/** Creates {@link SampleOrders} for the node of a venue. */
export function createSampleOrders(venue: string): SampleOrders {
  const placed: OrderView[] = [];
  const refusals: { asked: RefusedAction; refusal: Refusal }[] = [];
  const feed = sampleFeed(placed);
  let placeCalls = 0;
  let streams = 0;
  const own = (member: MemberId) => placed.filter((order) => order.member === member);
  const named = (member: MemberId, id: string): OrderView | Refusal =>
    own(member).find((one) => one.id === id) ??
    refuse('ORDER_UNKNOWN', 'There is no such order.', 'Check the id.');

  return {
    ...{ refusals, feed, receipts: sampleReceipts(own), blotter: sampleBlotter(placed) },
    placeCalls: () => placeCalls,
    streams: () => streams,
    async place(caller, request) {
      placeCalls += 1;
      if (request.quantity === 13_000) {
        return refuse('CLAIM_MISSING', 'The investor has no valid claim.', 'Renew the claim.');
      }
      const before = own(caller.member).find((one) => one.clientOrderId === request.clientOrderId);
      if (before) return { order: before, existed: true };
      const filled = Math.floor(request.quantity / 2);
      const order: OrderView = {
        ...request,
        limitPrice: request.limitPrice,
        expireAtMs: request.expireAtMs,
        minQuantity: request.minQuantity,
        quoteId: request.quoteId,
        allOrNone: request.allOrNone ?? false,
        strategy: request.strategy ?? 'best',
        directedTo: request.directedTo,
        remainder: request.remainder ?? 'rest-home',
        cancelOnDisconnect: request.cancelOnDisconnect ?? false,
        id: `${venue}-${placed.length + 1}`,
        member: caller.member,
        status: 'partially-filled',
        filled,
        leaves: request.quantity - filled,
        notional: BigInt(filled) * 10_010n,
        revision: 0,
        reason: 'waits for the rest',
        placedAtMs: PLACED_AT_MS,
      };
      placed.push(order);
      feed.committed([caller.member]);
      return { order, existed: false };
    },
    async replace(caller, id, to) {
      const order = named(caller.member, id);
      return 'refused' in order ? order : { ...order, ...to, status: 'pending-replace' };
    },
    async cancel(caller, id) {
      const order = named(caller.member, id);
      return 'refused' in order ? order : { ...order, status: 'pending-cancel' };
    },
    async cancelAll(caller, { side }) {
      return { count: own(caller.member).filter((one) => (side ?? one.side) === one.side).length };
    },
    async preview(_caller, { quantity, side }) {
      if (quantity === 13_000) {
        return refuse('CLAIM_MISSING', 'The investor has no valid claim.', 'Renew the claim.');
      }
      const common = { limitPrice: 10_010, fee: 25_000n, fixedCost: 10_000n };
      return {
        routerVersion: 'total-cost/1',
        bookVersion: 7,
        legs: [
          { ...common, venue: 'alpha', quantity: 1_000, notional: 10_010_000n },
          { ...common, venue: 'beta', quantity: 500, notional: 5_005_000n, fee: -1_000n },
        ],
        unrouted: quantity - 1_500,
        exclusions: [
          { venue: 'beta', reason: 'self-trade', fromPrice: 10_020 },
          { venue: 'gamma', reason: 'terms-unknown' },
        ],
        exact: true,
        total: 15_015_000n + (side === 'buy' ? 44_000n : -44_000n),
        averagePriceMicros: undefined,
        settleable: {
          ...{ quantity: 1_500, reasons: [] },
          refusal: refuse('CASH_TOO_LOW', 'It has too little cash.', 'Bring cash to the wallet.'),
        },
      };
    },
    promised: ({ member }) => (member === 'broker' ? 1n : 0n),
    async refused(_caller, asked, refusal) {
      refusals.push({ asked, refusal });
    },
    streamOpened() {
      streams += 1;
    },
    streamClosed() {
      streams -= 1;
    },
  };
}

/** Pages of a list in memory, the newest row first; the cursor of a row is its number. */
function pageOf<Row>(page: PageRequest, rows: readonly Row[], numberOf: (row: Row) => number) {
  return readPage(page, {
    cursorOf: (row: Row) => String(numberOf(row)),
    keyOf: (cursor) => (/^\d+$/.test(cursor) ? Number(cursor) : undefined),
    async read({ newerThan = -1, olderThan = Number.MAX_VALUE }, oldestFirst, limit) {
      const within = rows.filter((row) => numberOf(row) > newerThan && numberOf(row) < olderThan);
      return (oldestFirst ? within : within.toReversed()).slice(0, limit);
    },
  });
}

const numberOf = ({ id }: { readonly id: string }) => Number(id.split('-')[1]);
const numberOfOrder = ({ orderId: id }: { readonly orderId: string }) => numberOf({ id });

function sampleBlotter(placed: readonly OrderView[]): ApiBlotter {
  const own = (member: MemberId) => placed.filter((order) => order.member === member);
  const leg = ({ id }: OrderView): BlotterLeg => ({
    ...{ id: `${id}.1.1`, orderId: id, number: 1 },
    ...{ venue: 'beta', instrument: ACME.id, quantity: 1_000, limitPrice: 10_010 },
    ...{ status: 'filled', filled: 1_000, reason: 'done' },
  });
  const execution = ({ id }: OrderView): BlotterExecution => ({
    ...{ venue: 'beta', executionId: 'beta-9', tradeNumber: 9, instrument: ACME.id },
    ...{ price: 10_010, quantity: 1_000, executedAtMs: 1_700_000_000_456 },
    ...{ orderId: id, legId: `${id}.1.1`, state: 'corrected', reason: 'typed wrong' },
    ...{ legNumber: 1, recordedAtMs: 1_700_000_000_500 },
  });
  const of = <Row>(ids: readonly string[], row: (order: OrderView) => Row) =>
    new Map(placed.filter(({ id }) => ids.includes(id)).map((one) => [one.id, row(one)]));
  return {
    order: async (member, by) =>
      own(member).find(
        (one) =>
          one.id === by.id || (by.id === undefined && one.clientOrderId === by.clientOrderId),
      ),
    orders: (member, page, { side }) =>
      pageOf(
        page,
        own(member).filter((one) => (side ?? one.side) === one.side),
        numberOf,
      ),
    legs: (member, page) => pageOf(page, own(member).map(leg), numberOfOrder),
    executions: (member, page) => pageOf(page, own(member).map(execution), numberOfOrder),
    ordersNamed: async (by, named) =>
      new Map(
        named.flatMap(({ member, name }) =>
          own(member).flatMap((one) =>
            one[by] === name ? [[`${member} ${name}`, one] as const] : [],
          ),
        ),
      ),
    ordersOf: async (ids) => of(ids, (order) => order),
    legsOf: async (ids) => of(ids, (order) => [leg(order)]),
    executionsOf: async (ids) => of(ids, (order) => [execution(order)]),
  };
}

function sampleReceipts(own: (member: MemberId) => readonly OrderView[]): ApiReceipts {
  const receipt = (id: string): ReceiptView => ({
    ...{ orderId: id, revisions: 2 },
    ...{ beganAtMs: PLACED_AT_MS, updatedAtMs: PLACED_AT_MS + 5 },
  });
  const fade = (id: string): FadeView => ({
    ...{ orderId: id, legId: `${id}.1.1`, venue: 'beta', code: 'SHORT', proven: true },
    ...{ message: 'It filled less than it showed.', foundAtMs: PLACED_AT_MS + 9 },
  });
  return {
    receipts: (member, page): Promise<Page<ReceiptView>> =>
      pageOf(
        page,
        own(member).map(({ id }) => receipt(id)),
        numberOfOrder,
      ),
    receiptsOf: async (ids) => new Map(ids.map((id) => [id, receipt(id)])),
    document: async (orderId) => JSON.stringify({ format: 'stoa-receipt/1', orderId }),
    fadesOf: async (ids) => new Map(ids.map((id) => [id, [fade(id)]])),
    fadeDocument: async () => undefined,
  };
}

function sampleFeed(placed: readonly OrderView[]): ApiFeed {
  const wakers = new Set<() => void>();
  const eventsOf = (member: MemberId): OrderFeedItem[] =>
    placed
      .filter((order) => order.member === member)
      .map(({ id, status, filled }, index) => ({
        sequence: index + 1,
        event: {
          ...{ orderId: id, orderSequence: 1, kind: 'leg-executed', status, filled },
          atMs: PLACED_AT_MS,
          data: {
            ...{ legId: `${id}.1.1`, venue: 'beta', executionId: 'beta-9', reason: 'a fill' },
            ...{ price: 10_010, quantity: 1_000 },
          },
        },
      }));
  async function* follow(member: MemberId, after: number, signal: AbortSignal) {
    yield { sequence: after };
    let sequence = after;
    while (!signal.aborted) {
      const next = eventsOf(member)[sequence];
      if (next) {
        sequence = next.sequence;
        yield next;
      } else {
        await new Promise<void>((resolve) => {
          const wake = (): void => {
            wakers.delete(wake);
            resolve();
          };
          wakers.add(wake);
          signal.addEventListener('abort', wake, { once: true });
        });
      }
    }
  }
  return {
    latest: async (member) => eventsOf(member).length,
    follow,
    committed() {
      for (const wake of wakers) wake();
    },
  };
}
