import type { OrderStatus } from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import {
  applyOrderEvent,
  executionKey,
  leavesOf,
  type NewLeg,
  type OrderEffect,
  type OrderEvent,
  type OrderState,
} from './order-state.ts';

function order(other: Partial<OrderState> = {}): OrderState {
  return {
    id: 'alpha-1',
    side: 'buy',
    type: 'limit',
    timeInForce: 'day',
    quantity: 100,
    limitPrice: 20,
    ...{ expireAtMs: undefined, endsAtMs: undefined, minQuantity: undefined, allOrNone: false },
    ...{ strategy: 'best', directedTo: undefined, remainder: 'rest-home' },
    ...{ cancelOnDisconnect: false, quoteId: undefined, heldUntilMs: undefined },
    ...{ replacements: [], revision: 0, routedFrom: 0 },
    status: 'pending-new',
    filled: 0,
    notional: 0n,
    cancelRequested: false,
    reason: undefined,
    legs: [],
    ...other,
  };
}

function leg(number: number, quantity: number, other: Partial<NewLeg> = {}): NewLeg {
  return {
    id: `leg${number}`,
    number,
    round: 1,
    purpose: 'route',
    venue: number === 1 ? 'alpha' : 'beta',
    timeInForce: 'ioc',
    quantity,
    limitPrice: 20,
    ...other,
  };
}

const sent = (...legs: NewLeg[]): OrderEvent => ({ kind: 'routed', legs });
const accepted = (number: number): OrderEvent => ({ kind: 'leg-accepted', legId: `leg${number}` });
const rejected = (number: number): OrderEvent => ({
  kind: 'leg-rejected',
  legId: `leg${number}`,
  rejection: { code: 'HALTED', message: 'It is halted.' },
});
const filled = (number: number, quantity: number, id = `e${number}`, price = 20): OrderEvent => ({
  kind: 'leg-executed',
  legId: `leg${number}`,
  venue: number === 1 ? 'alpha' : 'beta',
  executionId: id,
  price,
  quantity,
});
const done = (
  number: number,
  quantity: number,
  state: 'filled' | 'canceled' | 'expired' = 'canceled',
): OrderEvent => ({
  kind: 'leg-done',
  legId: `leg${number}`,
  state,
  filled: quantity,
  reason: 'done',
});
const silent = (number: number): OrderEvent => ({
  kind: 'leg-silent',
  legId: `leg${number}`,
  reason: 'no answer',
});
const status = (
  number: number,
  state: OrderStatus | 'unknown-order',
  quantity: number,
): OrderEvent => ({ kind: 'leg-status', legId: `leg${number}`, state, filled: quantity });
const cancel: OrderEvent = { kind: 'cancel-requested' };
const rest = leg(3, 40, { purpose: 'rest', timeInForce: 'day', round: 2, venue: 'alpha' });

/** Applies events, deduping as the store does: by every execution that was counted. */
function after(
  start: OrderState,
  events: readonly OrderEvent[],
): { state: OrderState; effects: OrderEffect[]; ignored: string[] } {
  const counted = new Set<string>();
  const effects: OrderEffect[] = [];
  const ignored: string[] = [];
  let state = start;
  for (const event of events) {
    const step = applyOrderEvent(state, event, counted);
    if ('ignored' in step) {
      ignored.push(step.ignored);
      continue;
    }
    if (event.kind === 'leg-executed') counted.add(executionKey(event.venue, event.executionId));
    state = step.state;
    effects.push(...step.effects);
  }
  return { state, effects, ignored };
}

const two = sent(leg(1, 60), leg(2, 40));
const ioc = { timeInForce: 'ioc' } as const;

describe('an order', () => {
  const lives: [string, Partial<OrderState>, OrderEvent[], OrderStatus, number][] = [
    ['is pending until a venue answers', {}, [two], 'pending-new', 0],
    ['is new when a venue accepts a leg', {}, [two, accepted(1)], 'new', 0],
    ['is partially filled by a fill', {}, [two, filled(1, 30)], 'partially-filled', 30],
    ['is filled when its legs are', {}, [two, filled(1, 60), filled(2, 40)], 'filled', 100],
    ['is filled by fills in any order', {}, [two, filled(2, 40), filled(1, 60)], 'filled', 100],
    [
      'counts a fill without an acceptance',
      {},
      [two, filled(1, 10), accepted(1)],
      'partially-filled',
      10,
    ],
    [
      'counts fills that come after the last word',
      {},
      [two, done(1, 60, 'filled'), done(2, 40, 'filled'), filled(1, 60), filled(2, 40)],
      'filled',
      100,
    ],
    ['is not over while a told fill is missing', ioc, [two, done(1, 0), done(2, 10)], 'new', 0],
    [
      'ends canceled when immediate legs are short',
      ioc,
      [two, filled(1, 60), done(2, 0)],
      'canceled',
      60,
    ],
    ['ends rejected when every leg is', ioc, [two, rejected(1), rejected(2)], 'rejected', 0],
    [
      'ends canceled when a leg was rejected and one filled',
      ioc,
      [two, rejected(1), filled(2, 40)],
      'canceled',
      40,
    ],
    ['is unknown when its only open leg is', {}, [two, filled(1, 60), silent(2)], 'unknown', 60],
    ['is not unknown while another leg works', {}, [two, accepted(1), silent(2)], 'new', 0],
    [
      'is unknown, then filled by the late answer',
      {},
      [sent(leg(1, 100)), silent(1), filled(1, 100)],
      'filled',
      100,
    ],
    [
      'is known again when the venue accepts late',
      {},
      [sent(leg(1, 100)), silent(1), accepted(1)],
      'new',
      0,
    ],
    [
      'is known again by a status',
      {},
      [sent(leg(1, 100)), silent(1), status(1, 'new', 0)],
      'new',
      0,
    ],
    [
      'ends by the status of an unknown leg',
      ioc,
      [sent(leg(1, 100)), silent(1), status(1, 'canceled', 0)],
      'canceled',
      0,
    ],
    [
      'waits for the fills that a status counts',
      ioc,
      [sent(leg(1, 100)), silent(1), status(1, 'canceled', 30)],
      'new',
      0,
    ],
    [
      'ends with the fills that a status counted',
      ioc,
      [sent(leg(1, 100)), silent(1), status(1, 'canceled', 30), filled(1, 30)],
      'canceled',
      30,
    ],
    [
      'ends when the venue never had its leg',
      ioc,
      [sent(leg(1, 100)), silent(1), status(1, 'unknown-order', 0)],
      'rejected',
      0,
    ],
    ['is pending cancel while legs are open', {}, [two, cancel], 'pending-cancel', 0],
    ['is canceled when its legs are', {}, [two, cancel, done(1, 0), done(2, 0)], 'canceled', 0],
    [
      'is filled when the cancel loses to the fill',
      {},
      [two, cancel, filled(1, 60), filled(2, 40)],
      'filled',
      100,
    ],
    [
      'keeps what filled before the cancel won',
      {},
      [two, cancel, filled(1, 20), done(1, 20), done(2, 0)],
      'canceled',
      20,
    ],
    [
      'goes on when the venue refuses the cancel',
      {},
      [
        sent(rest),
        accepted(3),
        cancel,
        {
          kind: 'leg-cancel-rejected',
          legId: 'leg3',
          rejection: { code: 'TOO_LATE', message: '' },
        },
      ],
      'new',
      0,
    ],
    ['stays new while its rest waits', { quantity: 40 }, [sent(rest), accepted(3)], 'new', 0],
    [
      'expires with its rest',
      { quantity: 40 },
      [sent(rest), accepted(3), done(3, 0, 'expired')],
      'expired',
      0,
    ],
    ['is rejected with its only leg', { quantity: 40 }, [sent(rest), rejected(3)], 'rejected', 0],
    [
      'ends as decided when nothing is sent',
      { type: 'market' },
      [{ kind: 'ended', status: 'canceled', reason: 'NO_LIQUIDITY' }],
      'canceled',
      0,
    ],
  ];

  it.each(lives)('%s', (_what, start, events, expected, quantity) => {
    const { state } = after(order(start), events);
    expect(state.status).toBe(expected);
    expect(state.filled).toBe(quantity);
    const ended = ['filled', 'canceled', 'rejected', 'expired'].includes(expected);
    expect(leavesOf(state)).toBe(ended ? 0 : state.quantity - quantity);
  });

  it('sums price times quantity beyond what a double holds', () => {
    const most = Number.MAX_SAFE_INTEGER;
    const start = order({ quantity: most, limitPrice: most });
    const { state } = after(start, [
      sent(leg(1, most, { limitPrice: most })),
      filled(1, most, 'e1', most),
    ]);
    expect(state.notional).toBe(BigInt(most) * BigInt(most));
  });

  const ignored: [string, OrderEvent[], string][] = [
    ['the same execution again', [two, filled(1, 30), filled(1, 30)], 'DUPLICATE'],
    ['a leg it does not have', [two, filled(7, 30)], 'LEG_UNKNOWN'],
    [
      'an execution of another venue',
      [two, { ...filled(1, 30), venue: 'beta' } as OrderEvent],
      'LEG_UNKNOWN',
    ],
    ['more than the leg', [two, filled(1, 70)], 'LEG_OVERFILLED'],
    ['more than the last word counted', [two, done(1, 20), filled(1, 30)], 'LEG_OVERFILLED'],
    ['a price worse than the limit', [two, filled(1, 30, 'e1', 21)], 'PRICE_WORSE_THAN_LIMIT'],
    ['an end below what was executed', [two, filled(1, 30), done(1, 20)], 'FILLED_CONTRADICTS'],
    ['two different ends', [two, done(1, 0), done(1, 10)], 'FILLED_CONTRADICTS'],
    ['the same end again', [two, done(1, 0), done(1, 0)], 'DUPLICATE'],
    ['a rejection of what was executed', [two, filled(1, 30), rejected(1)], 'FILLED_CONTRADICTS'],
    ['silence of a leg that has ended', [two, done(1, 0), silent(1)], 'LEG_ENDED'],
    ['a second cancel', [two, cancel, cancel], 'DUPLICATE'],
    ['a cancel after the end', [sent(leg(1, 100)), filled(1, 100), cancel], 'ORDER_ENDED'],
  ];

  it.each(ignored)('is not changed by %s', (_what, events, code) => {
    const before = after(order(), events.slice(0, -1)).state;
    const result = after(order(), events);
    expect(result.ignored).toEqual([code]);
    expect(result.state).toEqual(before);
  });

  it('goes on with what is left only when every leg is answered', () => {
    const open = after(order(), [two, filled(1, 60)]);
    expect(open.effects.filter(({ kind }) => kind === 'continue')).toEqual([]);
    const answered = after(order(), [two, filled(1, 60), done(2, 0)]);
    expect(answered.effects.at(-1)).toEqual({ kind: 'continue', leaves: 40 });
    expect(answered.state.status).toBe('partially-filled');
  });

  it.each([
    ['a market order', { type: 'market' as const, limitPrice: undefined }, []],
    ['an immediate order', ioc, []],
    ['an order that is being canceled', {}, [cancel]],
  ])('does not go on with what is left of %s', (_what, start, more) => {
    const { effects } = after(order(start), [two, ...more, done(1, 0), done(2, 0)]);
    expect(effects.filter(({ kind }) => kind === 'continue')).toEqual([]);
  });

  it('asks an unknown leg’s venue where it stands, and sends nothing elsewhere', () => {
    const { effects } = after(order(), [sent(leg(1, 100)), silent(1)]);
    expect(effects.map(({ kind }) => kind)).toEqual(['ask-status']);
  });

  it('cancels every open leg', () => {
    const { effects } = after(order(), [two, filled(1, 60), cancel]);
    const canceled = effects.filter((effect) => effect.kind === 'cancel-leg');
    expect(canceled.map(({ leg: { id } }) => id)).toEqual(['leg2']);
  });

  it('lets its group close when no leg that routes is in flight', () => {
    const closes = (events: OrderEvent[]): number =>
      after(order(), events).effects.filter(({ kind }) => kind === 'close-group').length;
    expect(closes([two, filled(1, 60)])).toBe(0);
    expect(closes([two, filled(1, 60), done(2, 0)])).toBe(1);
    // A fill that completes the leg closes the group; the venue's last word says nothing new.
    expect(closes([sent(leg(1, 100)), filled(1, 100), done(1, 100, 'filled')])).toBe(1);
    const resting = [two, filled(1, 60), done(2, 0), sent(rest)];
    expect(closes(resting)).toBe(1);
    expect(closes([...resting, { ...filled(3, 10), venue: 'alpha' } as OrderEvent])).toBe(2);
  });

  it('never has quantity at risk twice', () => {
    const again = sent(leg(1, 60), leg(2, 50));
    expect(() => applyOrderEvent(order(), again, new Set())).toThrow('at risk twice');
  });

  it('keeps its sums in every state that random events reach', () => {
    let seed = 42;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor(seed / 65_536) % below;
    };
    for (let life = 0; life < 500; life += 1) {
      const events: OrderEvent[] = [two];
      for (let step = 0; step < 15; step += 1) {
        const number = 1 + random(2);
        const some = random(7) * 10;
        const id = `e${random(9)}`;
        const choices: OrderEvent[] = [
          accepted(number),
          filled(number, some + 10, id),
          filled(number, some + 10, id),
          done(number, some),
          status(number, random(2) === 0 ? 'canceled' : 'new', some),
          rejected(number),
          silent(number),
          ...(random(4) === 0 ? [cancel] : []),
        ];
        events.push(choices[random(choices.length)] ?? cancel);
      }
      const { state } = after(order(), events);
      const sum = state.legs.reduce((total, each) => total + each.filled, 0);
      expect(state.filled).toBe(sum);
      expect(state.filled).toBeLessThanOrEqual(state.quantity);
      expect(state.notional).toBe(BigInt(sum) * 20n);
    }
  });
});
