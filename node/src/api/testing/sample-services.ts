import { tokenAmount } from '@stoa/contracts';
import { isRefusal, refuse } from '@stoa/schema';
import type { PreTradeChecks } from '../../compliance/pre-trade.ts';
import { settleableLevels } from '../../compliance/settlement-means.ts';
import { createListingWatch, type ListingWatch } from '../../market/listing-watch.ts';
import type { MarketView } from '../../market/market-view.ts';
import type { PrintHistory } from '../../market/print-store.ts';
import { bookEntry, signedFrame } from '../../market/testing/frame-maker.ts';
import { createMemoryArchive } from '../../market/testing/memory-archive.ts';
import { createMemoryListingStore } from '../../market/testing/memory-listing-store.ts';
import type { MandateView } from '../../settlement/mandates/mandate-register.ts';
import type { SettlementView } from '../../settlement/settlement-view.ts';
import { createLogger } from '../../telemetry/logger.ts';
import type {
  ApiMandates,
  ApiNode,
  ApiOperator,
  ApiPositions,
  ApiSettlements,
  ApiTerms,
} from '../api-services.ts';
import { ACME, sampleDirectory } from './sample-market.ts';

const sampleMandate: MandateView = {
  hash: `0x${'3a'.repeat(32)}`,
  signed: {
    mandate: {
      ...{ investor: `0x${'11'.repeat(20)}`, side: 'buy', token: ACME.token },
      ...{ cashToken: ACME.cashToken, limitAmount: 10n, limitQuantity: 1n, quantity: 25n },
      ...{ expiry: 1_700_000_000, nonce: 1n, venues: ['beta'] },
    },
    signature: '0x',
  },
  ...{ state: 'active', registeredAtMs: 1_700_000_000_000, used: 10n, withdrawn: false },
};

/** A mandate that everything is done to. */
export const sampleMandates: ApiMandates = {
  list: async () => [sampleMandate],
  register: async () => ({ mandate: sampleMandate, existed: true }),
  revoke: async () => ({ ...sampleMandate, state: 'revoked' }),
};

const settledBatch = (orderId: string): SettlementView => ({
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
});

/** One settled batch, whoever asks. */
export const sampleSettlements: ApiSettlements = {
  forOrders: async (orderIds) => new Map(orderIds.map((id) => [id, [settledBatch(id)]])),
  forMember: async () => [settledBatch('alpha-1')],
  operatorQueue: async () => [
    {
      ...{ batchId: `0x${'bb'.repeat(32)}`, orderId: 'alpha-2', purpose: 'settle', attempts: 1 },
      ...{ code: 'TERMS_DIFFER', reason: 'beta did not sign.', deadline: 1_700_000_000 },
      createdAtMs: 1_700_000_000_000,
      trades: [{ venue: 'beta', tradeNumber: 10 }],
    },
  ],
  retryByOperator: async () => 'sent-again',
  reconciliation: () => ({
    ...{ checkedAtMs: 1_700_000_000_000, completeAtMs: 1_700_000_000_000, cut: false },
    differences: [
      {
        ...{ kind: 'settled-unrecorded', venue: 'beta', tradeNumber: 11, record: 'executed' },
        ...{ database: 'submitted', chain: 'settled', sinceMs: 1_700_000_000_000 },
      },
    ],
  }),
  capTable: async (_token, { atBlock = 77n }) => ({
    ...{ blockNumber: atBlock, holders: 1, verified: 1, supply: 10n ** 18n, hasMore: false },
    byCountry: [{ country: 840, holders: 1, balance: 10n ** 18n }],
    claims: [{ topic: '1', holders: 1 }],
    page: [
      {
        ...{ holder: `0x${'22'.repeat(20)}`, balance: 10n ** 18n, country: 840, verified: true },
        cursor: 'one',
      },
    ],
  }),
};

const SAMPLE_POSITION = {
  ...({ account: `0x${'11'.repeat(20)}`, token: ACME.token, symbol: ACME.symbol } as const),
  ...{ decimals: ACME.tokenDecimals, instrument: ACME, blockNumber: 77n },
  ...{
    balance: 10n ** 19n,
    frozen: 10n ** 18n,
    openOrders: 10n ** 18n,
    available: 7n * 10n ** 18n,
  },
  ...{ unsettledOut: 10n ** 18n, unsettledIn: 0n },
};

/** The broker has ten of ACME, of which seven are free. */
export const samplePositions: ApiPositions = {
  keys: async (member) => (member === 'broker' ? [SAMPLE_POSITION] : []),
  read: async (_member, keys) => keys.map(() => SAMPLE_POSITION),
};

/** What a sample node says of itself. */
export const sampleNode: ApiNode = {
  version: '0.1.0',
  startedAtMs: 1_700_000_000_000,
  peers: () => ['gamma', 'beta'],
  framesPublished: () => 2 ** 40,
  venueLink: () => ({
    ...{ adapter: 'rest', state: 'connecting', sinceMs: 1_700_000_000_000 },
    reason: 'The venue answers 401.',
  }),
  venueListings: async () => ({
    ...{ checkedAtMs: 1_700_000_000_000, outcome: 'different', reason: undefined },
    differences: [{ instrument: ACME, field: 'tick-size', here: '0.1', venue: '0.01' }],
    ...{ onlyAtVenue: 3, passedOver: 1 },
  }),
};

const SAMPLE_REFUSAL = {
  ...({ id: 5, member: 'broker', action: 'cancel-all', code: 'HALTED' } as const),
  ...{ orderId: null, clientOrderId: null, atMs: 1_700_000_000_000 },
};

/** What a sample node's operator sees: a gap that was filled and one that is open, a session, a refusal. */
export const sampleOperator: ApiOperator = {
  gaps: () => [
    {
      ...{ venue: 'beta', epoch: 7, from: 3, to: 7, lost: 0, cut: false },
      ...{ sinceMs: 1_700_000_000_000, endedMs: 1_700_000_000_100 },
    },
    {
      ...{ venue: 'beta', epoch: 7, from: 12, to: 12, lost: 0, cut: false },
      ...{ sinceMs: 1_700_000_001_000, endedMs: undefined },
    },
  ],
  sessions: () => [
    {
      ...{ member: 'beta', state: 'up', sent: 12, acknowledged: 9, received: 4 },
      heardAtMs: 1_700_000_000_000,
    },
  ],
  refusals: {
    page: async () => ({
      edges: [{ cursor: '5', node: SAMPLE_REFUSAL }],
      ...{ hasNext: async () => false, hasPrevious: async () => false },
    }),
  },
};

/** Accounts of ones could buy half a token and sell anything, all others may not buy. */
export const samplePreTrade: Pick<PreTradeChecks, 'settleableLevels'> = {
  async settleableLevels({ instrument, side, account }, levels) {
    const most = tokenAmount({ ...instrument, quantity: 500 });
    if (side === 'sell' || isRefusal(most)) {
      return settleableLevels({ instrument, side, means: {} }, levels);
    }
    const tokens =
      account === `0x${'11'.repeat(20)}`
        ? { most, refusal: refuse('HOLDER_CAP', 'It is full.', 'Wait.') }
        : {
            most: 0n,
            refusal: refuse(
              'CLAIM_MISSING',
              'The investor is not accredited.',
              'Have it attested.',
            ),
          };
    return settleableLevels({ instrument, side, means: { tokens } }, levels);
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

/** Beta's terms; of the others nothing is known. */
export const sampleTerms: ApiTerms = {
  of: (venue) =>
    venue === 'beta'
      ? {
          terms: {
            version: 1,
            fees: {
              tiers: [{ fromNotional: '0', makerPpm: -200, takerPpm: 1_000 }],
              minimum: '0.5',
              cap: '75',
            },
            calendar: {
              timeZone: 'America/New_York',
              weekdays: [1, 2, 3, 4, 5, 6, 7],
              entryOpen: '00:00',
              open: '00:00',
              close: '24:00',
              holidays: ['2020-12-25'],
              earlyCloses: [{ date: '2020-12-24', close: '13:00' }],
            },
            minimumLots: 1,
            allOrNone: true,
            minQuantity: true,
          },
        }
      : undefined,
};

/** Listings of a sample market, whose tokens say that they are not paused; nobody looks until it starts. */
export function createSampleListings(market: MarketView): ListingWatch {
  return createListingWatch(
    {
      ...{ market, directory: sampleDirectory, isPaused: () => false, nowMs: Date.now },
      store: createMemoryListingStore(),
      logger: createLogger('listings', 'silent'),
    },
    { lookEveryMs: 20 },
  );
}

const SAMPLE_PRINT = {
  ...{ venue: 'beta', executionId: 'beta-9', price: 10_010, quantity: 1_000 },
  ...{ executedAtMs: SAMPLE_SENT_AT_MS, isBusted: false, isCorrected: true },
};

/** One trade of ACME at beta, corrected. */
export const samplePrints: PrintHistory = {
  async read(_filter, { newerThan, olderThan }, _oldestFirst, most) {
    const beyond =
      (newerThan && newerThan.executedAtMs >= SAMPLE_SENT_AT_MS) ||
      (olderThan && olderThan.executedAtMs <= SAMPLE_SENT_AT_MS);
    return beyond ? [] : [SAMPLE_PRINT].slice(0, most);
  },
  async candles({ fromMs }) {
    const { price, quantity } = SAMPLE_PRINT;
    const sums = { trades: 1, volume: BigInt(quantity), notional: BigInt(price * quantity) };
    return [{ startMs: fromMs, ...sums, open: price, high: price, low: price, close: price }];
  },
};
