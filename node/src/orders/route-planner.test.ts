import { isRefusal, type Level, type OrderRequest, type VenueTerms } from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import { route } from '../routing/router.ts';
import { applyOrderEvent, type LegState, type OrderState } from './life/order-state.ts';
import { newOrder, type StoredOrder } from './order-rows.ts';
import { type Decision, RoutePlanner, type RoutePlannerNeeds } from './route-planner.ts';
import { parseRoutingAgreements, RoutingAgreements } from './terms/routing-agreements.ts';
import { defaultVenueTerms } from './terms/venue-terms-book.ts';
import { TestMarket } from './testing/test-market.ts';
import { BROKER_WALLET, directoryOf, INSTRUMENT } from './testing/test-network.ts';

const NOW_MS = Date.UTC(2026, 0, 7, 15, 0);
const VENUES = ['alpha', 'beta', 'gamma'];
const FREE = defaultVenueTerms({ allOrNone: true, minQuantity: true });

const at = (price: number, quantity: number): Level => ({ price, quantity });

function scene(
  shown: Readonly<Record<string, readonly Level[]>>,
  needs: Partial<RoutePlannerNeeds> & {
    readonly termsOf?: Readonly<Record<string, Partial<VenueTerms> | undefined>>;
    /** As in the file. */
    readonly agreed?: unknown;
  } = {},
) {
  const { termsOf = {}, agreed = {}, ...other } = needs;
  const market = new TestMarket(INSTRUMENT.id, VENUES);
  for (const [venue, offers] of Object.entries(shown)) market.show(venue, { offers });
  const terms = (venue: string): VenueTerms | undefined =>
    venue in termsOf ? termsOf[venue] && { ...FREE, ...termsOf[venue] } : FREE;
  const agreements = new RoutingAgreements(agreementsOf(agreed));
  const planner = new RoutePlanner('alpha', {
    ...{ market, directory: directoryOf(VENUES), sessions: { isUp: () => true } },
    terms: {
      of: (venue) => {
        const given = terms(venue);
        return given && { terms: given, signed: undefined };
      },
    },
    agreements,
    isVenueReady: () => true,
    nowMs: () => NOW_MS,
    ...other,
  });
  return { planner, market };
}

function agreementsOf(json: unknown) {
  const file = parseRoutingAgreements(json);
  if (isRefusal(file)) throw new Error(file.message);
  return file;
}

function order(request: Partial<OrderRequest> = {}, state: Partial<OrderState> = {}): StoredOrder {
  const placed = newOrder(
    'broker',
    {
      ...{ clientOrderId: 'one', instrument: INSTRUMENT.id, account: BROKER_WALLET },
      ...{ side: 'buy', type: 'limit', timeInForce: 'day', quantity: 100, limitPrice: 1_000 },
      ...request,
    },
    { nowMs: NOW_MS, endsAtMs: undefined },
  );
  return { ...placed, state: { ...placed.state, id: 'alpha-1', ...state } };
}

function decided(planner: RoutePlanner, given: StoredOrder): Decision {
  return planner.decide(given, given.state);
}

/** What would be sent: venue, quantity, purpose and time in force of each leg; or how it ends. */
function outcome({ event }: Decision): unknown {
  if (event.kind === 'ended') return event.reason.split(':')[0];
  if (event.kind !== 'routed') return event.kind;
  return event.legs.map(({ venue, quantity, purpose, timeInForce }) =>
    [venue, quantity, purpose, timeInForce].join(' '),
  );
}

function askedLeg(venue: string, other: Partial<LegState> = {}): LegState {
  return {
    ...{ id: 'alpha-1.1.1', number: 1, round: 1, purpose: 'route', venue, timeInForce: 'ioc' },
    ...{ quantity: 50, limitPrice: 1_000, status: 'canceled', filled: 0, finalFilled: 0 },
    ...{ reason: undefined, revision: 0, pending: undefined },
    ...other,
  };
}

describe('where an order goes', () => {
  it('is where it costs least, and the decision repeats from its input', () => {
    const { planner } = scene(
      { alpha: [at(990, 60)], beta: [at(985, 60)], gamma: [at(980, 60)] },
      { termsOf: { gamma: { fees: fees(20_000) } } },
    );
    const decision = decided(planner, order());
    expect(outcome(decision)).toEqual(['beta 60 route ioc', 'alpha 40 route ioc']);
    expect(decision.input && route(decision.input)).toEqual(decision.route);
    const { event } = decision;
    expect(event.kind === 'routed' && event.legs.map(({ id }) => id)).toEqual([
      'alpha-1.1.1',
      'alpha-1.2.1',
    ]);
  });

  it('follows the strategy', () => {
    const { planner } = scene({ alpha: [at(990, 60)], beta: [at(980, 60)], gamma: [at(985, 60)] });
    const homeFirst = decided(planner, order({ strategy: 'home-first' }));
    expect(outcome(homeFirst)).toEqual(['beta 40 route ioc', 'alpha 60 route ioc']);
    const directed = decided(planner, order({ strategy: 'directed', directedTo: 'gamma' }));
    expect(outcome(directed)).toEqual(['gamma 60 route ioc']);
    expect(directed.route?.exclusions.map(({ reason }) => reason)).toEqual([
      'not-directed',
      'not-directed',
    ]);
  });

  it('is one venue as a whole for all-or-none, which waits at home where none shows it', () => {
    const { planner, market } = scene({ beta: [at(980, 60)], gamma: [at(985, 100)] });
    const whole = order({ allOrNone: true });
    expect(outcome(decided(planner, whole))).toEqual(['gamma 100 route fok']);
    market.show('gamma', { offers: [at(985, 90)] });
    const waiting = decided(planner, whole);
    expect(outcome(waiting)).toEqual(['alpha 100 rest day']);
    expect(waiting.event).toMatchObject({ legs: [{ allOrNone: true }] });
  });

  it('is nowhere where the minimum quantity is not shown, and never waits for it', () => {
    const { planner, market } = scene({ beta: [at(980, 30)], gamma: [at(985, 30)] });
    const minimum = order({ minQuantity: 70 });
    expect(outcome(decided(planner, minimum))).toBe('MIN_QUANTITY_UNFILLABLE');
    market.show('gamma', { offers: [at(985, 40)] });
    const split = decided(planner, minimum);
    expect(outcome(split)).toEqual(['beta 30 route ioc', 'gamma 40 route ioc']);
    expect(split.event).not.toMatchObject({ legs: [{ minQuantity: 70 }, {}] });
    market.show('gamma', { offers: [at(985, 100)] });
    market.show('beta', { offers: [] });
    // One venue can promise it.
    expect(decided(planner, minimum).event).toMatchObject({ legs: [{ minQuantity: 70 }] });
    // Once something was executed it has done its work.
    const filled = { legs: [askedLeg('gamma', { filled: 70, finalFilled: 70 })], filled: 70 };
    expect(outcome(decided(planner, order({ minQuantity: 70 }, filled)))).toEqual([
      'alpha 30 rest day',
    ]);
  });

  it('counts the tier that the member reached', () => {
    const tiers = [
      { fromNotional: '0', makerPpm: 0, takerPpm: 20_000 },
      { fromNotional: '1000000', makerPpm: 0, takerPpm: 0 },
    ];
    let traded = 0n;
    const { planner } = scene(
      { beta: [at(980, 100)], gamma: [at(985, 100)] },
      {
        termsOf: { beta: { fees: { tiers, minimum: '0' } } },
        monthlyNotional: (member, venue) => (`${member} ${venue}` === 'broker beta' ? traded : 0n),
      },
    );
    expect(outcome(decided(planner, order()))).toEqual(['gamma 100 route ioc']);
    traded = 1_000_000n * 10n ** 18n;
    expect(outcome(decided(planner, order()))).toEqual(['beta 100 route ioc']);
  });

  it('counts what a leg costs this node', () => {
    const shown = { alpha: [at(980, 10)], beta: [at(985, 100)] };
    // Ten units are 0.50 cheaper at alpha.
    const cheap = scene(shown, { legCost: '0.49' });
    expect(outcome(decided(cheap.planner, order()))).toHaveLength(2);
    const dear = scene(shown, { legCost: '0.51' });
    expect(outcome(decided(dear.planner, order()))).toEqual(['beta 100 route ioc']);
  });
});

describe('where an order does not go', () => {
  const shown = { alpha: [at(980, 100)], beta: [at(980, 100)], gamma: [at(980, 100)] };
  const reasons = (given: ReturnType<typeof scene>, other = order()): unknown =>
    Object.fromEntries(
      (decided(given.planner, other).route?.exclusions ?? []).map((one) => [one.venue, one.reason]),
    );

  it('has a reason', () => {
    const weekend = {
      ...{ timeZone: 'UTC', weekdays: [6, 7], entryOpen: '08:00', open: '09:00', close: '17:00' },
      ...{ holidays: [], earlyCloses: [] },
    };
    const given = scene(shown, {
      termsOf: { beta: undefined, gamma: { calendar: weekend } },
      capabilities: { timesInForce: ['day'] },
    });
    expect(reasons(given)).toEqual({
      alpha: 'capability-missing',
      beta: 'terms-unknown',
      gamma: 'closed',
    });
    const down = scene(shown, {
      sessions: { isUp: (venue) => venue === 'gamma' },
      isVenueReady: () => false,
      agreed: { to: [] },
    });
    expect(reasons(down)).toEqual({
      alpha: 'venue-not-ready',
      beta: 'no-order-link',
      gamma: 'no-agreement',
    });
  });

  it('is a venue that takes orders and does not trade yet', () => {
    const calendar = {
      ...{ timeZone: 'UTC', weekdays: [3], entryOpen: '14:00', open: '15:30', close: '17:00' },
      ...{ holidays: [], earlyCloses: [] },
    };
    expect(reasons(scene(shown, { termsOf: { gamma: { calendar } } }))).toEqual({
      gamma: 'closed',
    });
  });

  it('is a venue that was asked before, and home once any was', () => {
    const later = order({}, { legs: [askedLeg('gamma')] });
    expect(reasons(scene(shown), later)).toEqual({ alpha: 'asked-before', gamma: 'asked-before' });
  });

  it('is more than an agreement covers', () => {
    const agreed = { to: [{ venue: 'beta', maxQuantity: '35' }] };
    const { planner } = scene({ beta: [at(980, 100)] }, { agreed });
    expect(outcome(decided(planner, order()))).toEqual(['beta 30 route ioc']);
  });

  it('is an own order of the same wallet', () => {
    const resting = { opposite: () => new Map([['beta', 985]]) };
    const { planner } = scene({ beta: [at(980, 40), at(985, 100)] }, { resting });
    const decision = decided(planner, order());
    expect(outcome(decision)).toEqual(['beta 40 route ioc']);
    expect(decision.route?.exclusions).toContainEqual({
      ...{ venue: 'beta', reason: 'self-trade', fromPrice: 985 },
    });
  });
});

describe('what no venue shows', () => {
  it('waits at home, with all that it was asked for', () => {
    const { planner } = scene({});
    const expireAtMs = NOW_MS + 1_000;
    const { event } = decided(planner, order({ timeInForce: 'gtd', expireAtMs }));
    expect(event).toEqual({
      kind: 'routed',
      legs: [
        {
          ...{ id: 'alpha-1.1.1', number: 1, round: 1, purpose: 'rest', venue: 'alpha' },
          ...{ timeInForce: 'gtd', quantity: 100, limitPrice: 1_000, expireAtMs },
        },
      ],
    });
  });

  it('ends where it may not wait', () => {
    const { planner } = scene({});
    expect(outcome(decided(planner, order({ timeInForce: 'ioc' })))).toBe('NO_LIQUIDITY');
    expect(outcome(decided(planner, order({ timeInForce: 'fok' })))).toBe('FOK_UNFILLABLE');
    expect(outcome(decided(planner, order({ remainder: 'cancel' })))).toBe('NO_LIQUIDITY');
    const { limitPrice: _none, ...market } = { ...order().state, type: 'market' as const };
    const unlimited = { ...market, limitPrice: undefined };
    expect(outcome(planner.decide(order(), unlimited))).toBe('NO_LIQUIDITY');
  });

  it('waits where being met costs least, among the venues that take it', () => {
    const orders = ['immediate', 'resting'];
    const agreed = { to: ['beta', 'gamma'].map((venue) => ({ venue, orders })) };
    const termsOf = {
      alpha: { fees: fees(0, 300) },
      beta: { fees: fees(0, 200) },
      gamma: { fees: fees(0, 100) },
    };
    const wanted = order({ remainder: 'rest-best' });
    const rested = (needs: Parameters<typeof scene>[1], given = wanted) =>
      outcome(decided(scene({}, { agreed, termsOf, ...needs }).planner, given));
    expect(rested({})).toEqual(['gamma 100 rest day']);
    expect(rested({}, order())).toEqual(['alpha 100 rest day']);
    expect(rested({ sessions: { isUp: (venue) => venue !== 'gamma' } })).toEqual([
      'beta 100 rest day',
    ]);
    // Without an agreement about orders that wait, they wait at home.
    expect(rested({ agreed: {} })).toEqual(['alpha 100 rest day']);
    expect(rested({ termsOf: { ...termsOf, gamma: { minimumLots: 11 } } })).toEqual([
      'beta 100 rest day',
    ]);
    expect(rested({ termsOf: {} })).toEqual(['alpha 100 rest day']);
    const directed = order({ remainder: 'rest-best', strategy: 'directed', directedTo: 'beta' });
    expect(rested({}, directed)).toEqual(['beta 100 rest day']);
    expect(rested({ agreed: {} }, directed)).toBe('NO_AGREEMENT');
  });

  it('does not wait against an own order of the same wallet', () => {
    const resting = { opposite: () => new Map([['alpha', 1_000]]) };
    expect(outcome(decided(scene({}, { resting }).planner, order()))).toBe('SELF_TRADE');
    const below = order({ limitPrice: 995 });
    expect(outcome(decided(scene({}, { resting }).planner, below))).toEqual(['alpha 100 rest day']);
  });

  it('does not wait at a home that takes no such order', () => {
    const home = (terms: Partial<VenueTerms>) => scene({}, { termsOf: { alpha: terms } }).planner;
    expect(outcome(decided(home({ minimumLots: 11 }), order()))).toBe('BELOW_VENUE_MINIMUM');
    const whole = order({ allOrNone: true });
    expect(outcome(decided(home({ allOrNone: false }), whole))).toBe('ALL_OR_NONE_NOT_TAKEN');
  });
});

describe('risk', () => {
  it('is never doubled: three rounds over new venues at most, then the rest', () => {
    const { planner } = scene({ alpha: [at(990, 30)], beta: [at(990, 30)], gamma: [at(990, 30)] });
    const placed = order();
    let { state } = placed;
    const sent: string[] = [];
    for (let turn = 0; turn < 5; turn += 1) {
      const { event } = planner.decide(placed, state);
      if (event.kind !== 'routed') break;
      const step = applyOrderEvent(state, event, new Set());
      if ('ignored' in step) throw new Error(step.ignored);
      state = step.state;
      for (const leg of event.legs) {
        sent.push(`${leg.round} ${leg.venue} ${leg.purpose} ${leg.quantity}`);
        if (leg.purpose === 'rest') continue;
        const done = { kind: 'leg-done', legId: leg.id, state: 'canceled', filled: 0 } as const;
        const answered = applyOrderEvent(state, { ...done, reason: 'faded' }, new Set());
        if (!('ignored' in answered)) state = answered.state;
      }
      if (sent.at(-1)?.includes('rest')) break;
    }
    expect(sent).toEqual([
      '1 alpha route 30',
      '1 beta route 30',
      '1 gamma route 30',
      '2 alpha rest 100',
    ]);
  });
});

describe('an order of which only a part could settle', () => {
  const total = (quantity: number) => ({
    settleable: {
      of: () => ({ quantity, code: 'CASH_TOO_LOW', message: 'The wallet has too little.' }),
    },
  });

  it('goes to the venues for no more than that, over all of them, and the rest waits nowhere', () => {
    const { planner } = scene({ beta: [at(990, 60)], gamma: [at(995, 60)] }, total(90));
    const first = decided(planner, order());
    expect(outcome(first)).toEqual(['beta 60 route ioc', 'gamma 30 route ioc']);
    expect(first.input?.order.settleable).toEqual({ quantity: 90, code: 'CASH_TOO_LOW' });
    const legs = [askedLeg('beta', { filled: 60 }), askedLeg('gamma', { filled: 30 })];
    const after = order({}, { filled: 90, legs });
    expect(planner.decide(after, after.state).event).toEqual({
      kind: 'ended',
      ...{ status: 'canceled', reason: 'CASH_TOO_LOW: The wallet has too little.' },
    });
  });

  it('ends at once where nothing could', () => {
    const { planner } = scene({ beta: [at(990, 60)] }, total(0));
    expect(outcome(decided(planner, order()))).toBe('CASH_TOO_LOW');
  });
});

describe('a preview', () => {
  it('prices the route and names what is left out', () => {
    const { planner } = scene(
      { alpha: [at(990, 60)], beta: [at(985, 60)] },
      { termsOf: { beta: { fees: fees(1_000) }, gamma: undefined }, legCost: '0.10' },
    );
    expect(planner.preview(order({ quantity: 60 }))).toEqual({
      ...{ routerVersion: 'total-cost/1', bookVersion: 5, exact: true, unrouted: 0 },
      legs: [
        {
          ...{ venue: 'beta', quantity: 60, limitPrice: 985 },
          // 0.1 % of 591.00 is 0.591, rounded up to the cent.
          ...{ notional: 59_100n, fee: 60n, fixedCost: 10n },
        },
      ],
      total: 59_170n,
      averagePriceMicros: (59_170n * 1_000_000n) / 60n,
      exclusions: [{ venue: 'gamma', reason: 'terms-unknown' }],
    });
  });

  it('knows nothing of an instrument that nobody lists', () => {
    const unknown = { ...order(), instrument: 'eip155:1/erc20:0x00' };
    expect(scene({}).planner.preview(unknown)).toBeUndefined();
  });
});

function fees(takerPpm: number, makerPpm = 0): VenueTerms['fees'] {
  return { tiers: [{ fromNotional: '0', makerPpm, takerPpm }], minimum: '0' };
}
