import { refuse } from '@stoa/schema';
import type { AnswerableRequest } from '../../negotiation/quote-answers.ts';
import type { QuoteRequestView } from '../../negotiation/quote-rows.ts';
import type { GivenQuoteRow } from '../../negotiation/quote-terms.ts';
import type { ApiNegotiation, ApiOrders } from '../api-services.ts';
import { ACME } from './sample-market.ts';

const AT_MS = 1_700_000_000_000;
const ACCOUNT = `0x${'11'.repeat(20)}` as const;
const NO_BID = { bidPrice: null, bidQuantity: null };

const request: QuoteRequestView = {
  ...{ id: 'alpha-q1', number: 1, member: 'broker', clientRequestId: 'ask', account: ACCOUNT },
  ...{ instrument: ACME.id, side: 'buy', quantity: 500, expireAtMs: AT_MS, requestedAtMs: AT_MS },
  venues: [
    { venue: 'alpha' },
    { venue: 'beta', rejection: { code: 'RFQ_NOT_OFFERED', message: 'The venue takes none.' } },
  ],
  status: 'open',
  quotes: [
    {
      ...{ id: 'alpha-q7', requestId: 'alpha-q1', venue: 'alpha', ...NO_BID },
      ...{ offerPrice: 10_010, offerQuantity: 500, validUntilMs: AT_MS, receivedAtMs: AT_MS },
      ...{ status: 'firm', code: null, message: null, orderId: null, signed: new Uint8Array([7]) },
    },
    {
      ...{ id: 'alpha-q6', requestId: 'alpha-q1', venue: 'alpha', ...NO_BID },
      ...{ offerPrice: 10_020, offerQuantity: 500, validUntilMs: AT_MS, receivedAtMs: AT_MS },
      ...{ status: 'ended', code: 'QUOTE_EXPIRED', message: 'Over.', orderId: null, signed: null },
    },
  ],
};

const own: GivenQuoteRow = {
  ...{ id: 'alpha-q7', requestId: 'alpha-q1', venueQuoteId: null, member: 'broker' },
  ...{ account: ACCOUNT, clientQuoteId: 'q', ...NO_BID, offerPrice: 10_010, offerQuantity: 500 },
  ...{ validUntilMs: AT_MS, givenAtMs: AT_MS, status: 'firm', code: null, message: null },
  ...{ legId: null, makerOrderId: null },
};

const answerable: AnswerableRequest = {
  ...{ id: 'alpha-q1', instrument: ACME.id, side: 'buy', quantity: 500, expireAtMs: AT_MS },
  ...{ isOpen: true, home: 'alpha', member: 'broker', quotes: [own] },
};

/** A negotiation in which everything has happened once; a quantity of 13 is refused. */
export function sampleNegotiation(orders: Pick<ApiOrders, 'place'>): ApiNegotiation {
  return {
    async request(_caller, input) {
      if (input.quantity === 13_000) {
        return refuse('CLAIM_MISSING', 'The investor has no valid claim.', 'Renew the claim.');
      }
      return { request, existed: false };
    },
    accept: (caller, { clientOrderId }) =>
      orders.place(caller, {
        ...{ clientOrderId, instrument: ACME.id, account: ACCOUNT, side: 'buy', type: 'limit' },
        ...{ timeInForce: 'fok', quantity: 500, limitPrice: 10_010, quoteId: 'alpha-q7' },
      }),
    cancelRequest: async () => request,
    submit: async () => own,
    withdraw: async () => own,
    find: async () => request,
    list: async () => [request],
    toAnswer: async () => [answerable],
    oneToAnswer: async () => answerable,
    async *follow() {
      yield request;
    },
    async *followToAnswer() {
      yield answerable;
    },
  };
}
