import { isRefusal, type OrderRequest, type TradingCalendar, type VenueTerms } from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import { TestMarket } from '../testing/test-market.ts';
import { BROKER_WALLET, directoryOf, INSTRUMENT, OTHER_WALLET } from '../testing/test-network.ts';
import { orderRequest } from '../testing/test-node.ts';
import {
  type ChangeableOrder,
  checkCaller,
  checkCancel,
  checkReplace,
  checkRequest,
  type RequestContext,
} from './order-validation.ts';
import { defaultVenueTerms } from './venue-terms-book.ts';

const CALLER = { member: 'broker', home: 'alpha', scopes: new Set<string>() };
/** A Thursday, 11:00 in New York. */
const TRADING = Date.parse('2027-07-01T15:00:00Z');
const ENTRY = Date.parse('2027-07-01T13:15:00Z');
const NIGHT = Date.parse('2027-07-01T23:00:00Z');

const NEW_YORK: TradingCalendar = {
  timeZone: 'America/New_York',
  weekdays: [1, 2, 3, 4, 5],
  ...{ entryOpen: '09:00', open: '09:30', close: '16:00', holidays: [], earlyCloses: [] },
};
const ABLE = defaultVenueTerms({ allOrNone: true, minQuantity: true });

interface Setting {
  readonly terms?: Readonly<Record<string, VenueTerms | undefined>>;
  readonly nowMs?: number;
  readonly change?: (context: RequestContext) => Partial<RequestContext>;
}

function contextOf({ terms = {}, nowMs = TRADING, change }: Setting): RequestContext {
  const venues = ['alpha', 'beta'];
  const told: Readonly<Record<string, VenueTerms | undefined>> = {
    alpha: ABLE,
    beta: ABLE,
    ...terms,
  };
  const context: RequestContext = {
    venue: 'alpha',
    accounts: new Map([['broker', new Set([BROKER_WALLET])]]),
    directory: directoryOf(venues).current(),
    book: new TestMarket(INSTRUMENT.id, venues).book(),
    terms: {
      of: (venue) => {
        const known = told[venue];
        return known && { terms: known, signed: undefined };
      },
    },
    nowMs,
  };
  return { ...context, ...change?.(context) };
}

function codeOf(other: Partial<OrderRequest>, setting: Setting = {}): string {
  const judged = checkRequest(CALLER, orderRequest(other), contextOf(setting));
  if (!isRefusal(judged)) return 'taken';
  expect(judged.message).toMatch(/^[A-Z“a-z].*\.$/);
  expect(judged.action).toMatch(/^[A-Z].*\.$/);
  return judged.code;
}

/** What a market order is: the harness's default has a limit. */
function marketOrder(other: Partial<OrderRequest>): OrderRequest {
  const { limitPrice: _limit, ...request } = orderRequest(other);
  return { ...request, type: 'market' };
}

function codeOfMarket(other: Partial<OrderRequest>, setting: Setting = {}): string {
  const judged = checkRequest(CALLER, marketOrder(other), contextOf(setting));
  return isRefusal(judged) ? judged.code : 'taken';
}

const LATER = TRADING + 86_400_000;
const none = undefined;

describe('an order', () => {
  it.each<[string, Partial<OrderRequest>, string]>([
    ['as simple as can be', {}, 'taken'],
    [
      'of an instrument that nobody registered',
      { instrument: 'eip155:1/erc20:0x1' },
      'INSTRUMENT_UNKNOWN',
    ],
    ['for a wallet of another', { account: OTHER_WALLET }, 'ACCOUNT_UNKNOWN'],
    ['of nothing', { quantity: 0 }, 'QUANTITY_INVALID'],
    ['of less than nothing', { quantity: -10 }, 'QUANTITY_INVALID'],
    ['of half a unit', { quantity: 10.5 }, 'QUANTITY_INVALID'],
    ['of no number', { quantity: Number.NaN }, 'QUANTITY_INVALID'],
    ['beyond what is counted exactly', { quantity: 2 ** 53 }, 'QUANTITY_INVALID'],
    ['off the lot', { quantity: 15 }, 'OFF_LOT'],
    ['at no price', { limitPrice: 0 }, 'LIMIT_PRICE_INVALID'],
    ['at a negative price', { limitPrice: -5 }, 'LIMIT_PRICE_INVALID'],
    ['off the tick', { limitPrice: 1_001 }, 'OFF_TICK'],
    ['with a limit at the market', { type: 'market' }, 'LIMIT_PRICE_NOT_ALLOWED'],
    ['directed nowhere', { strategy: 'directed' }, 'DIRECTED_TO_MISSING'],
    ['with a venue and not directed', { directedTo: 'beta' }, 'DIRECTED_TO_NOT_ALLOWED'],
    ['directed to a venue', { strategy: 'directed', directedTo: 'beta' }, 'taken'],
    ['directed to nobody', { strategy: 'directed', directedTo: 'omega' }, 'VENUE_UNKNOWN'],
    ['directed to a broker', { strategy: 'directed', directedTo: 'other' }, 'VENUE_UNKNOWN'],
    [
      'directed away and resting at home',
      { strategy: 'directed', directedTo: 'beta', remainder: 'rest-home' },
      'STRATEGY_CONFLICT',
    ],
    [
      'directed home and resting there',
      { strategy: 'directed', directedTo: 'alpha', remainder: 'rest-home' },
      'taken',
    ],
    [
      'immediate and resting',
      { timeInForce: 'ioc', remainder: 'rest-home' },
      'REMAINDER_NOT_ALLOWED',
    ],
    [
      'immediate and resting anywhere',
      { timeInForce: 'fok', remainder: 'rest-best' },
      'REMAINDER_NOT_ALLOWED',
    ],
    ['immediate and canceled', { timeInForce: 'ioc', remainder: 'cancel' }, 'taken'],
    ['with a minimum', { minQuantity: 50 }, 'taken'],
    ['with a minimum above it', { minQuantity: 110 }, 'MIN_QUANTITY_INVALID'],
    ['with a minimum off the lot', { minQuantity: 15 }, 'MIN_QUANTITY_INVALID'],
    ['with a minimum of nothing', { minQuantity: 0 }, 'MIN_QUANTITY_INVALID'],
    ['all or none', { allOrNone: true }, 'taken'],
    [
      'all or none with a minimum',
      { allOrNone: true, minQuantity: 50 },
      'MIN_QUANTITY_NOT_ALLOWED',
    ],
    [
      'fill or kill with a minimum',
      { timeInForce: 'fok', minQuantity: 50 },
      'MIN_QUANTITY_NOT_ALLOWED',
    ],
    [
      'immediate and all or none',
      { timeInForce: 'ioc', allOrNone: true },
      'ALL_OR_NONE_NOT_ALLOWED',
    ],
    ['good till a date', { timeInForce: 'gtd', expireAtMs: LATER }, 'taken'],
    ['good till no date', { timeInForce: 'gtd' }, 'EXPIRY_MISSING'],
    ['good till now', { timeInForce: 'gtd', expireAtMs: TRADING }, 'EXPIRED'],
    ['good till no moment', { timeInForce: 'gtd', expireAtMs: 1.5 }, 'EXPIRY_INVALID'],
    [
      'good till beyond all dates',
      { timeInForce: 'gtd', expireAtMs: 2 ** 53 - 1 },
      'EXPIRY_INVALID',
    ],
    ['good for the day, with a date', { expireAtMs: LATER }, 'EXPIRY_NOT_ALLOWED'],
    [
      'good till canceled, with a date',
      { timeInForce: 'gtc', expireAtMs: LATER },
      'EXPIRY_NOT_ALLOWED',
    ],
  ])('%s is judged by what it says', (_what, other, code) => {
    expect(codeOf(other)).toBe(code);
  });

  it('at the market rests nowhere, and a limit order has a limit', () => {
    expect(codeOfMarket({})).toBe('taken');
    expect(codeOfMarket({ remainder: 'rest-home' })).toBe('REMAINDER_NOT_ALLOWED');
    const { limitPrice: _limit, ...request } = orderRequest();
    expect(checkRequest(CALLER, request, contextOf({}))).toMatchObject({
      code: 'LIMIT_PRICE_MISSING',
    });
  });

  it('comes from an active member over its home node, under an id of its own', () => {
    const caller = (other: Partial<typeof CALLER>, id: string) =>
      checkCaller({ ...CALLER, ...other }, orderRequest({ clientOrderId: id }), 'alpha')?.code;
    expect(caller({}, 'my-1')).toBeUndefined();
    expect(caller({ home: 'beta' }, 'my-1')).toBe('NOT_YOUR_HOME');
    for (const id of ['', 'a b', 'ä', 'x'.repeat(65)]) {
      expect(caller({}, id)).toBe('CLIENT_ORDER_ID_INVALID');
    }
    const suspended = codeOf(
      {},
      {
        change: ({ directory }) => {
          const members = new Map(directory.members);
          const broker = members.get('broker');
          if (broker) members.set('broker', { ...broker, status: 'suspended' });
          return { directory: { ...directory, members } };
        },
      },
    );
    expect(suspended).toBe('MEMBER_NOT_ACTIVE');
  });

  it('needs a listing, at the venue it names where it names one', () => {
    const listedOnlyAt = (...venues: string[]): Setting => ({
      change: ({ directory }) => {
        const listings = directory.listings.filter(({ venue }) => venues.includes(venue));
        return { directory: { ...directory, listings } };
      },
    });
    expect(codeOf({}, listedOnlyAt())).toBe('NOT_LISTED');
    expect(codeOf({}, listedOnlyAt('beta'))).toBe('taken');
    const directed = { strategy: 'directed', directedTo: 'beta' } as const;
    expect(codeOf(directed, listedOnlyAt('alpha'))).toBe('NOT_LISTED_THERE');
    expect(codeOf({ strategy: 'home-first' }, listedOnlyAt('beta'))).toBe('NOT_LISTED_THERE');
  });

  it('waits for no halt to end', () => {
    const halted = (...venues: string[]): Setting => ({
      change: ({ book }) => ({
        book: {
          ...book,
          venues: book.venues.map((each) => ({ ...each, halted: venues.includes(each.venue) })),
        },
      }),
    });
    expect(codeOf({}, halted('alpha'))).toBe('taken');
    expect(codeOf({}, halted('alpha', 'beta'))).toBe('HALTED');
    expect(codeOf({ strategy: 'directed', directedTo: 'beta' }, halted('beta'))).toBe('HALTED');
  });

  it('asks the venue it must go to only for what that venue takes', () => {
    const plain = defaultVenueTerms({ allOrNone: false, minQuantity: false });
    const toBeta = { strategy: 'directed', directedTo: 'beta' } as const;
    expect(codeOf({ ...toBeta, allOrNone: true }, { terms: { beta: plain } })).toBe(
      'ALL_OR_NONE_NOT_TAKEN',
    );
    expect(codeOf({ allOrNone: true }, { terms: { alpha: plain } })).toBe('ALL_OR_NONE_NOT_TAKEN');
    expect(codeOf({ allOrNone: true }, { terms: { beta: plain } })).toBe('taken');
    expect(codeOf({ allOrNone: true, remainder: 'cancel' }, { terms: { alpha: plain } })).toBe(
      'taken',
    );
    expect(codeOf({ ...toBeta, minQuantity: 50 }, { terms: { beta: plain } })).toBe(
      'MIN_QUANTITY_NOT_TAKEN',
    );
    expect(codeOf({ minQuantity: 50 }, { terms: { beta: plain } })).toBe('taken');
    const large = { ...plain, minimumLots: 11 };
    expect(codeOf(toBeta, { terms: { beta: large } })).toBe('BELOW_VENUE_MINIMUM');
    expect(codeOf({ ...toBeta, quantity: 110 }, { terms: { beta: large } })).toBe('taken');
  });

  const hours: VenueTerms = { ...ABLE, calendar: NEW_YORK };
  const both = { alpha: hours, beta: hours };
  it.each<[OrderRequest['timeInForce'], number, string]>([
    ['day', TRADING, 'taken'],
    ['day', ENTRY, 'taken'],
    ['day', NIGHT, 'ENTRY_CLOSED'],
    ['ioc', TRADING, 'taken'],
    ['ioc', ENTRY, 'MARKET_CLOSED'],
    ['ioc', NIGHT, 'MARKET_CLOSED'],
    ['fok', ENTRY, 'MARKET_CLOSED'],
    ['gtc', NIGHT, 'taken'],
    ['gtd', NIGHT, 'taken'],
  ])('that is %s at %d is judged by the venues’ hours: %s', (timeInForce, nowMs, code) => {
    const expiry = timeInForce === 'gtd' ? { expireAtMs: LATER } : {};
    expect(codeOf({ timeInForce, ...expiry }, { terms: both, nowMs })).toBe(code);
    const oneIsOpen = { terms: { alpha: hours }, nowMs };
    expect(codeOf({ timeInForce, ...expiry }, oneIsOpen)).toBe('taken');
    expect(codeOf({ timeInForce, ...expiry }, { terms: { ...both, beta: none }, nowMs })).toBe(
      'taken',
    );
    const directed = { strategy: 'directed', directedTo: 'alpha' } as const;
    expect(codeOf({ timeInForce, ...expiry, ...directed }, oneIsOpen)).toBe(code);
  });

  it('out of hours is told when they begin', () => {
    const message = (timeInForce: 'day' | 'ioc', nowMs: number): string => {
      const context = contextOf({ terms: both, nowMs });
      const judged = checkRequest(CALLER, orderRequest({ timeInForce }), context);
      return isRefusal(judged) ? judged.message : '';
    };
    expect(message('day', NIGHT)).toContain('2027-07-02T13:00:00.000Z');
    expect(message('ioc', NIGHT)).toContain('2027-07-02T13:30:00.000Z');
    expect(message('ioc', ENTRY)).toContain('2027-07-01T13:30:00.000Z');
  });
});

const OPEN: ChangeableOrder = {
  status: 'partially-filled',
  type: 'limit',
  timeInForce: 'day',
  quantity: 100,
  limitPrice: 1_000,
  filled: 40,
  minQuantity: undefined,
  cancelRequested: false,
  replacements: [],
};
const pending = { quantity: 200, limitPrice: 1_005, reroute: false, started: true };

describe('a replacement', () => {
  it.each<
    [
      string,
      Partial<ChangeableOrder>,
      { quantity: number; limitPrice?: number },
      string | undefined,
    ]
  >([
    ['of the quantity', {}, { quantity: 120 }, none],
    ['of the limit', {}, { quantity: 100, limitPrice: 995 }, none],
    ['down to what was executed', {}, { quantity: 40 }, none],
    ['below what was executed', {}, { quantity: 30 }, 'REPLACE_BELOW_FILLED'],
    ['by nothing', {}, { quantity: 0 }, 'QUANTITY_INVALID'],
    ['off the lot', {}, { quantity: 105 }, 'OFF_LOT'],
    ['at no price', {}, { quantity: 100, limitPrice: 0 }, 'LIMIT_PRICE_INVALID'],
    ['off the tick', {}, { quantity: 100, limitPrice: 1_001 }, 'OFF_TICK'],
    ['by itself', {}, { quantity: 100 }, 'NOTHING_TO_REPLACE'],
    ['by itself, in full', {}, { quantity: 100, limitPrice: 1_000 }, 'NOTHING_TO_REPLACE'],
    [
      'by what it is asked to be already',
      { replacements: [pending] },
      { quantity: 200 },
      'NOTHING_TO_REPLACE',
    ],
    ['back, while another one runs', { replacements: [pending] }, { quantity: 100 }, none],
    [
      'after many without an answer',
      { replacements: Array.from({ length: 16 }, () => pending) },
      { quantity: 100 },
      'REPLACE_PENDING',
    ],
    ['of what is being canceled', { cancelRequested: true }, { quantity: 120 }, 'CANCEL_PENDING'],
    ['of what is filled', { status: 'filled', filled: 100 }, { quantity: 120 }, 'ORDER_DONE'],
    ['of what expired', { status: 'expired' }, { quantity: 120 }, 'ORDER_DONE'],
    ['of an immediate order', { timeInForce: 'ioc' }, { quantity: 120 }, 'ORDER_IMMEDIATE'],
    [
      'of a market order',
      { type: 'market', limitPrice: none },
      { quantity: 120 },
      'ORDER_IMMEDIATE',
    ],
    ['below the minimum', { minQuantity: 80 }, { quantity: 70 }, 'MIN_QUANTITY_INVALID'],
  ])('%s is judged', (_what, order, change, code) => {
    expect(checkReplace({ ...OPEN, ...order }, change, INSTRUMENT)?.code).toBe(code);
  });
});

describe('a cancellation', () => {
  it('is of what is open, or a repeat of what ended it', () => {
    const code = (status: ChangeableOrder['status'], cancelRequested: boolean) =>
      checkCancel({ status, cancelRequested })?.code;
    expect(code('new', false)).toBeUndefined();
    expect(code('unknown', false)).toBeUndefined();
    expect(code('pending-cancel', true)).toBeUndefined();
    expect(code('canceled', true)).toBeUndefined();
    for (const status of ['filled', 'rejected', 'expired', 'canceled'] as const) {
      expect(code(status, false)).toBe('ORDER_DONE');
    }
  });
});
