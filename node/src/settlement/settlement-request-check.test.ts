import type { SettlementLeg } from '@stoa/contracts';
import { type Directory, type Instrument, isRefusal } from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import {
  batchIdOf,
  legFromMessage,
  legToMessage,
  type TradeFacts,
  tradeTerms,
} from './batch-composition.ts';
import { checkSettlementRequest, type RequestFacts } from './settlement-request-check.ts';

const wallet = (digit: string) => `0x${digit.repeat(40)}` as const;
const instrument: Instrument = {
  id: `eip155:31337/erc20:${wallet('a')}`,
  token: wallet('a'),
  standard: 'ERC-3643',
  symbol: 'ACME',
  name: 'Acme',
  isin: '',
  issuer: 'acme',
  tokenDecimals: 18,
  cashToken: wallet('c'),
  cashSymbol: 'DUSD',
  cashDecimals: 6,
  priceDecimals: 4,
  quantityDecimals: 0,
  tickSize: 100,
  lotSize: 1,
};
const directory: Directory = {
  blockNumber: 1n,
  members: new Map(),
  instruments: new Map([[instrument.id, instrument]]),
  listings: [],
};
const trade: TradeFacts = {
  venue: 'beta',
  tradeNumber: 7,
  instrument: instrument.id,
  price: 5_853_300,
  quantity: 25,
  buyer: wallet('1'),
  seller: wallet('2'),
  homeVenue: 'alpha',
};
const leg: SettlementLeg = {
  executingVenue: 'beta',
  homeVenue: 'alpha',
  tradeNumber: 7n,
  token: instrument.token,
  cashToken: instrument.cashToken,
  seller: trade.seller,
  buyer: trade.buyer,
  quantity: 25n * 10n ** 18n,
  amount: 14_633_250_000n,
  deadline: 1_500,
};
const batchId = batchIdOf('alpha', 'alpha-1', 1);
const facts: RequestFacts = {
  venue: 'beta',
  from: 'alpha',
  directory,
  nowS: 1_000,
  maxSettleWithinS: 600,
  trades: new Map([[7, trade]]),
  settlements: new Map(),
};

const codeOf = (overrides: Partial<SettlementLeg>, known: Partial<RequestFacts> = {}) =>
  checkSettlementRequest({ batchId, legs: [{ ...leg, ...overrides }] }, { ...facts, ...known })
    ?.code;

describe('the executing venue', () => {
  it('signs what its own record says', () => {
    expect(codeOf({})).toBeUndefined();
  });

  it.each([
    ['the buyer', { buyer: wallet('3') }],
    ['the seller', { seller: wallet('3') }],
    ['the token', { token: wallet('b') }],
    ['the cash token', { cashToken: wallet('b') }],
    ['the quantity', { quantity: leg.quantity + 1n }],
    ['the amount', { amount: leg.amount - 1n }],
  ])('refuses a leg in which %s was altered', (_, change) => {
    expect(codeOf(change)).toBe('TERMS_DIFFER');
  });

  it('names each difference', () => {
    const refusal = checkSettlementRequest(
      { batchId, legs: [{ ...leg, amount: 1n, buyer: wallet('3') }] },
      facts,
    );
    expect(refusal?.message).toContain('buyer, amount');
  });

  it.each([
    ['another venue’s trade', { executingVenue: 'gamma' }, 'LEG_NOT_OURS'],
    ['a trade of another home', { homeVenue: 'gamma' }, 'LEG_NOT_OURS'],
    ['a trade it never made', { tradeNumber: 8n }, 'TRADE_UNKNOWN'],
    ['a deadline that passed', { deadline: 1_000 }, 'DEADLINE_OUT_OF_BOUNDS'],
    ['a deadline too far off', { deadline: 1_601 }, 'DEADLINE_OUT_OF_BOUNDS'],
  ])('refuses %s', (_, change, code) => {
    expect(codeOf(change)).toBe(code);
  });

  it('answers about a trade whose home, by its record, is another as about one that is not', () => {
    const trades = new Map([[7, { ...trade, homeVenue: 'gamma' }]]);
    expect(codeOf({}, { trades })).toBe('TRADE_UNKNOWN');
    expect(codeOf({}, { trades: new Map() })).toBe('TRADE_UNKNOWN');
  });

  it('accepts deadlines up to the last second', () => {
    expect(codeOf({ deadline: 1_600 })).toBeUndefined();
    expect(codeOf({ deadline: 1_001 })).toBeUndefined();
  });

  it('refuses a trade that stands in the batch twice', () => {
    expect(checkSettlementRequest({ batchId, legs: [leg, leg] }, facts)?.code).toBe(
      'TRADE_NAMED_TWICE',
    );
  });

  it.each([
    ['unbatched', null, 'instructed', undefined],
    ['in this batch', batchId, 'affirmed', undefined],
    ['in a batch that failed', '0x99', 'failed', undefined],
    ['in another batch', '0x99', 'affirmed', 'TRADE_IN_ANOTHER_BATCH'],
    ['settled', batchId, 'settled', 'TRADE_ALREADY_SETTLED'],
  ] as const)('answers for a trade that is %s', (_, id, state, code) => {
    expect(codeOf({}, { settlements: new Map([[7, { batchId: id, state }]]) })).toBe(code);
  });
});

describe('the terms of a trade', () => {
  it('are exact, or refused', () => {
    expect(tradeTerms(trade, directory)).toMatchObject({
      tokenQuantity: leg.quantity,
      cashAmount: leg.amount,
    });
    const coarse = new Map([[instrument.id, { ...instrument, cashDecimals: 2 }]]);
    expect(tradeTerms({ ...trade, price: 1 }, { ...directory, instruments: coarse })).toMatchObject(
      {
        code: 'AMOUNT_NOT_EXACT',
      },
    );
  });

  it('are refused for an unknown instrument and for a trade with oneself', () => {
    expect(tradeTerms(trade, { ...directory, instruments: new Map() })).toMatchObject({
      code: 'INSTRUMENT_UNKNOWN',
    });
    expect(isRefusal(tradeTerms({ ...trade, seller: trade.buyer }, directory))).toBe(true);
  });
});

describe('a batch id', () => {
  it('is the same for the same group, and differs in each part', () => {
    expect(batchIdOf('alpha', 'alpha-1', 1)).toBe(batchId);
    const others = [
      batchIdOf('beta', 'alpha-1', 1),
      batchIdOf('alpha', 'alpha-2', 1),
      batchIdOf('alpha', 'alpha-1', 2),
    ];
    expect(new Set([batchId, ...others]).size).toBe(4);
  });
});

describe('a leg as a message', () => {
  it('comes back as it was', () => {
    expect(legFromMessage(legToMessage(leg))).toEqual(leg);
  });
});
