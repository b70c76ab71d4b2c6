import { refuse } from '@stoa/schema';
import type { PreTradeChecks } from '../../compliance/pre-trade.ts';
import { bookEntry, signedFrame } from '../../market/testing/frame-maker.ts';
import { createMemoryArchive } from '../../market/testing/memory-archive.ts';
import type { OrderView } from '../../orders/order-view.ts';
import type { ApiNode, ApiOrders, ApiSettlements } from '../api-services.ts';
import { ACME } from './sample-market.ts';

/** Orders in memory: placed, and filled by half at once. Quantity 13 units is refused. */
export interface SampleOrders extends ApiOrders {
  /** How often `place` was reached. */
  readonly placeCalls: () => number;
}

/** Creates {@link SampleOrders} for the node of a venue. */
export function createSampleOrders(venue: string): SampleOrders {
  const placed: OrderView[] = [];
  let placeCalls = 0;
  const own = (member: string) => placed.filter((order) => order.member === member);

  return {
    placeCalls: () => placeCalls,
    async place(caller, request) {
      placeCalls += 1;
      if (request.quantity === 13_000) {
        return refuse('NO_CLAIM', 'The investor has no valid claim.', 'Renew the claim.');
      }
      const before = own(caller.member).find((one) => one.clientOrderId === request.clientOrderId);
      if (before) return { order: before, existed: true };
      const filled = Math.floor(request.quantity / 2);
      const order: OrderView = {
        ...request,
        limitPrice: request.limitPrice,
        id: `${venue}-${placed.length + 1}`,
        member: caller.member,
        status: 'partially-filled',
        filled,
        leaves: request.quantity - filled,
        notional: BigInt(filled) * 10_010n,
        reason: 'waits for the rest',
        placedAtMs: 1_700_000_000_000,
      };
      placed.push(order);
      return { order, existed: false };
    },
    async cancel(caller, id) {
      const order = own(caller.member).find((one) => one.id === id);
      if (!order) return refuse('ORDER_UNKNOWN', 'There is no such order.', 'Check the id.');
      return { ...order, status: 'pending-cancel' };
    },
    order: async (caller, by) =>
      own(caller.member).find(
        (one) =>
          one.id === by.id || (by.id === undefined && one.clientOrderId === by.clientOrderId),
      ),
    async orders(caller, { first, after }) {
      const newestFirst = own(caller.member).reverse();
      const start = after === undefined ? 0 : newestFirst.findIndex(({ id }) => id === after) + 1;
      const orders = newestFirst.slice(start, start + first);
      return {
        orders,
        endCursor: orders.at(-1)?.id,
        hasNextPage: newestFirst.length > start + orders.length,
      };
    },
    legs: async (orderId) => [
      {
        id: `${orderId}.1.1`,
        orderId,
        venue: 'beta',
        quantity: 1_000,
        limitPrice: 10_010,
        status: 'filled',
        filled: 1_000,
        reason: 'done',
      },
    ],
    executions: async (orderId) => [
      {
        orderId,
        legId: `${orderId}.1.1`,
        venue: 'beta',
        executionId: 'beta-9',
        tradeNumber: 9,
        instrument: ACME.id,
        price: 10_010,
        quantity: 1_000,
        buyer: `0x${'11'.repeat(20)}`,
        seller: `0x${'22'.repeat(20)}`,
        homeVenue: venue,
        executedAtMs: 1_700_000_000_456,
      },
    ],
  };
}

/** One settled batch, whoever asks. */
export const sampleSettlements: ApiSettlements = {
  forOrder: async (orderId) => [
    {
      batchId: `0x${'ba'.repeat(32)}`,
      orderId,
      state: 'settled',
      transactionHash: `0x${'7e'.repeat(32)}`,
      blockNumber: 77,
      reason: 'final',
      code: undefined,
      legs: [
        {
          venue: 'beta',
          executionId: 'beta-9',
          tradeNumber: 9,
          token: ACME.token,
          seller: `0x${'22'.repeat(20)}`,
          buyer: `0x${'11'.repeat(20)}`,
          quantity: 10n ** 18n,
          amount: 100_100_000n,
          state: 'settled',
        },
      ],
    },
  ],
  forMember: async (_member, { first }) =>
    (await sampleSettlements.forOrder('alpha-1')).slice(0, first),
};

/** What a sample node says of itself. */
export const sampleNode: ApiNode = {
  version: '0.1.0',
  startedAtMs: 1_700_000_000_000,
  peers: () => ['gamma', 'beta'],
  framesPublished: () => 2 ** 40,
};

/** Accounts of ones may do anything, all others may not buy. */
export const samplePreTrade: PreTradeChecks = {
  async checkOrder({ side, account }) {
    if (side === 'sell' || account === `0x${'11'.repeat(20)}`) return undefined;
    return refuse('CLAIM_MISSING', 'The investor is not accredited.', 'Have it attested.');
  },
};

/** One frame of beta with a bid for ACME, sent at {@link SAMPLE_SENT_AT_MS}. */
export const sampleArchive = createMemoryArchive();
export const SAMPLE_SENT_AT_MS = 1_700_000_000_000;
sampleArchive.add([
  signedFrame({
    venue: 'beta',
    sentAtMs: SAMPLE_SENT_AT_MS,
    entries: [bookEntry(ACME.id, [[10_005, 500]], [])],
  }),
]);
