import type { LegOrder, TradingCalendar } from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import { BROKER_WALLET, directoryOf, INSTRUMENT } from '../testing/test-network.ts';
import { type LegContext, whyNotReplaced, whyNotTaken } from './leg-admission.ts';
import { RoutingAgreements } from './routing-agreements.ts';
import { defaultVenueTerms } from './venue-terms-book.ts';

/** A Thursday, 11:00 in New York. */
const TRADING = Date.parse('2027-07-01T15:00:00Z');
const ENTRY = Date.parse('2027-07-01T13:15:00Z');
const NIGHT = Date.parse('2027-07-01T23:00:00Z');
const HOUR_MS = 3_600_000;

const NEW_YORK: TradingCalendar = {
  timeZone: 'America/New_York',
  weekdays: [1, 2, 3, 4, 5],
  ...{ entryOpen: '09:00', open: '09:30', close: '16:00', holidays: [], earlyCloses: [] },
};
const ABLE = defaultVenueTerms({ allOrNone: true, minQuantity: true });
const PLAIN = defaultVenueTerms({ allOrNone: false, minQuantity: false });
const EVERYTHING = new RoutingAgreements({
  from: [
    {
      venue: 'alpha',
      members: ['*'],
      sides: ['buy', 'sell'],
      instruments: ['*'],
      orders: ['immediate', 'resting'],
    },
  ],
});

const LEG: LegOrder = {
  legId: 'alpha-1.1.1',
  instrument: INSTRUMENT.id,
  side: 'buy',
  timeInForce: 'ioc',
  quantity: 100,
  limitPrice: 1_000,
  member: 'broker',
  account: BROKER_WALLET,
};

function contextOf(other: Partial<LegContext> = {}): LegContext {
  const nowMs = other.nowMs ?? TRADING;
  return {
    home: 'alpha',
    venue: 'beta',
    directory: directoryOf(['alpha', 'beta']).current(),
    terms: ABLE,
    agreements: EVERYTHING,
    openNotional: 0n,
    sentAtMs: nowMs - 5,
    nowMs,
    ...other,
  };
}

describe('a leg from another home node', () => {
  it.each<[string, Partial<LegOrder>, Partial<LegContext>, string | undefined]>([
    ['that is immediate', {}, {}, undefined],
    ['that rests, where it is agreed', { timeInForce: 'day' }, {}, undefined],
    [
      'that rests, where nothing is agreed',
      { timeInForce: 'day' },
      { agreements: new RoutingAgreements() },
      'TIME_IN_FORCE_NOT_TAKEN',
    ],
    [
      'of a home with no agreement',
      {},
      { agreements: new RoutingAgreements({ from: [] }) },
      'NO_AGREEMENT',
    ],
    ['of a home that is no venue', {}, { home: 'broker' }, 'HOME_NOT_A_VENUE'],
    ['of nobody', { member: 'nobody' }, {}, 'MEMBER_UNKNOWN'],
    ['of an instrument that is not listed', { instrument: 'eip155:1/erc20:0x1' }, {}, 'NOT_LISTED'],
    ['off the lot', { quantity: 15 }, {}, 'OFF_LOT'],
    ['off the tick', { limitPrice: 1_001 }, {}, 'OFF_TICK'],
    ['that is immediate and came late', {}, { sentAtMs: TRADING - 10_001 }, 'LEG_TOO_OLD'],
    [
      'that rests and came late',
      { timeInForce: 'day' },
      { sentAtMs: TRADING - HOUR_MS },
      undefined,
    ],
    ['good till a date', { timeInForce: 'gtd', expireAtMs: TRADING + 1 }, {}, undefined],
    ['good till now', { timeInForce: 'gtd', expireAtMs: TRADING }, {}, 'EXPIRED'],
    ['good till no date', { timeInForce: 'gtd' }, {}, 'EXPIRY_INVALID'],
    ['with a date it has no use for', { expireAtMs: TRADING + 1 }, {}, 'EXPIRY_INVALID'],
    ['all or none', { timeInForce: 'gtc', allOrNone: true }, {}, undefined],
    [
      'all or none, which is not taken',
      { timeInForce: 'gtc', allOrNone: true },
      { terms: PLAIN },
      'ALL_OR_NONE_NOT_TAKEN',
    ],
    ['with a minimum', { minQuantity: 50 }, {}, undefined],
    [
      'with a minimum, which is not taken',
      { minQuantity: 50 },
      { terms: PLAIN },
      'MIN_QUANTITY_NOT_TAKEN',
    ],
    ['with a minimum above it', { minQuantity: 110 }, {}, 'MIN_QUANTITY_INVALID'],
    ['with a minimum off the lot', { minQuantity: 15 }, {}, 'MIN_QUANTITY_INVALID'],
    ['that is too small', {}, { terms: { ...ABLE, minimumLots: 11 } }, 'BELOW_VENUE_MINIMUM'],
  ])('%s is judged', (_what, leg, context, code) => {
    expect(whyNotTaken({ ...LEG, ...leg }, contextOf(context))?.code).toBe(code);
  });

  const terms = { ...ABLE, calendar: NEW_YORK };
  it.each<[LegOrder['timeInForce'], number, string | undefined]>([
    ['ioc', TRADING, undefined],
    ['ioc', ENTRY, 'CLOSED'],
    ['ioc', NIGHT, 'CLOSED'],
    ['day', ENTRY, undefined],
    ['day', NIGHT, 'CLOSED'],
    ['gtc', ENTRY, undefined],
    ['gtc', NIGHT, 'CLOSED'],
  ])('that is %s at %d keeps the venue’s hours: %s', (timeInForce, nowMs, code) => {
    expect(whyNotTaken({ ...LEG, timeInForce }, contextOf({ terms, nowMs }))?.code).toBe(code);
  });

  it('that was for yesterday does not stand today', () => {
    const sentAtMs = TRADING - 24 * HOUR_MS;
    const judge = (timeInForce: LegOrder['timeInForce']) =>
      whyNotTaken({ ...LEG, timeInForce }, contextOf({ terms, sentAtMs }))?.code;
    expect(judge('day')).toBe('LEG_TOO_OLD');
    expect(judge('gtc')).toBeUndefined();
  });

  it('that is refused for another reason does not count against its agreement', () => {
    const agreements = new RoutingAgreements({
      from: [
        {
          ...{ venue: 'alpha', members: ['*'], sides: ['buy', 'sell'], instruments: ['*'] },
          ...{ orders: ['immediate'], rate: { perSecond: 1, burst: 1 } },
        },
      ],
    });
    const judge = (leg: Partial<LegOrder>) =>
      whyNotTaken({ ...LEG, ...leg }, contextOf({ agreements }))?.code;
    for (let count = 0; count < 5; count += 1) expect(judge({ quantity: 15 })).toBe('OFF_LOT');
    expect(judge({})).toBeUndefined();
    expect(judge({})).toBe('RATE_LIMITED');
  });
});

describe('a replacement of a leg from another home node', () => {
  type Row = Parameters<typeof whyNotReplaced>[0];
  const row: Row = {
    status: 'partially-filled',
    instrument: INSTRUMENT.id,
    member: 'broker',
    side: 'buy',
    timeInForce: 'day',
    filled: 40,
    minQuantity: null,
  };

  it.each<
    [
      string,
      Partial<Row>,
      { quantity: number; limitPrice: number },
      Partial<LegContext>,
      string | undefined,
    ]
  >([
    ['of both', {}, { quantity: 120, limitPrice: 995 }, {}, undefined],
    [
      'of an order that is done',
      { status: 'filled' },
      { quantity: 120, limitPrice: 995 },
      {},
      'ORDER_DONE',
    ],
    ['below what was executed', {}, { quantity: 30, limitPrice: 995 }, {}, 'REPLACE_BELOW_FILLED'],
    ['down to what was executed', {}, { quantity: 40, limitPrice: 995 }, {}, undefined],
    [
      'below its minimum',
      { minQuantity: 60 },
      { quantity: 50, limitPrice: 995 },
      {},
      'MIN_QUANTITY_INVALID',
    ],
    ['off the lot', {}, { quantity: 125, limitPrice: 995 }, {}, 'OFF_LOT'],
    ['off the tick', {}, { quantity: 120, limitPrice: 996 }, {}, 'OFF_TICK'],
    [
      'at night',
      {},
      { quantity: 120, limitPrice: 995 },
      { terms: { ...ABLE, calendar: NEW_YORK }, nowMs: NIGHT },
      'CLOSED',
    ],
    [
      'beyond the agreement',
      {},
      { quantity: 120, limitPrice: 995 },
      { agreements: new RoutingAgreements({ from: [] }) },
      'NO_AGREEMENT',
    ],
    [
      'of a member that left',
      { member: 'gone' },
      { quantity: 120, limitPrice: 995 },
      {},
      'MEMBER_UNKNOWN',
    ],
  ])('%s is judged', (_what, order, change, context, code) => {
    expect(whyNotReplaced({ ...row, ...order }, change, contextOf(context))?.code).toBe(code);
  });
});
