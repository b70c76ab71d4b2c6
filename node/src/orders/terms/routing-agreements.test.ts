import { isRefusal } from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import { INSTRUMENT } from '../testing/test-network.ts';
import {
  type AgreementOrder,
  parseRoutingAgreements,
  RoutingAgreements,
} from './routing-agreements.ts';

type WholeOrder = Parameters<RoutingAgreements['whyNotFrom']>[1];

const ORDER: WholeOrder = {
  member: 'broker',
  instrument: INSTRUMENT,
  side: 'buy',
  isResting: false,
  quantity: 100,
  price: 1_000,
};
const NOW = { openNotional: 0n, nowMs: 0 };

function agreements(json: unknown): RoutingAgreements {
  const parsed = parseRoutingAgreements(json);
  if (isRefusal(parsed)) throw new Error(parsed.message);
  return new RoutingAgreements(parsed);
}

const both = (agreement: object) => ({ from: [agreement], to: [agreement] });

describe('routing agreements', () => {
  it.each<[object, Partial<WholeOrder>, string | undefined]>([
    [{}, {}, undefined],
    [{}, { isResting: true }, 'TIME_IN_FORCE_NOT_TAKEN'],
    [{ orders: ['resting'] }, {}, 'TIME_IN_FORCE_NOT_TAKEN'],
    [{ orders: ['immediate', 'resting'] }, { isResting: true }, undefined],
    [{ members: ['broker'] }, {}, undefined],
    [{ members: ['harbor'] }, {}, 'MEMBER_NOT_AGREED'],
    [{ instruments: [INSTRUMENT.id] }, {}, undefined],
    [{ instruments: [`eip155:1/erc20:0x${'1'.repeat(40)}`] }, {}, 'INSTRUMENT_NOT_AGREED'],
    [{ sides: ['sell'] }, {}, 'SIDE_NOT_AGREED'],
    [{ sides: ['sell'] }, { side: 'sell' }, undefined],
    [{ maxQuantity: '100' }, {}, undefined],
    [{ maxQuantity: '90' }, {}, 'OVER_AGREED_QUANTITY'],
    [{ maxNotional: '1000' }, {}, undefined],
    [{ maxNotional: '999.9' }, {}, 'OVER_AGREED_NOTIONAL'],
    [{ venue: 'gamma' }, {}, 'NO_AGREEMENT'],
  ])('of %j judge %j on both sides: %s', (agreement, order, code) => {
    const held = agreements(both({ venue: 'beta', ...agreement }));
    expect(held.whyNotFrom('beta', { ...ORDER, ...order }, NOW)?.code).toBe(code);
    expect(held.whyNotTo('beta', { ...ORDER, ...order })?.code).toBe(code);
  });

  it('that nobody wrote let every venue send immediate orders, without limits', () => {
    for (const held of [new RoutingAgreements(), agreements({})]) {
      expect(held.whyNotFrom('beta', { ...ORDER, quantity: 2 ** 50 }, NOW)).toBeUndefined();
      expect(held.whyNotTo('beta', ORDER)).toBeUndefined();
      expect(held.whyNotTo('beta', { ...ORDER, isResting: true })?.code).toBe(
        'TIME_IN_FORCE_NOT_TAKEN',
      );
      expect(held.limitsOpenOf('beta')).toBe(false);
    }
  });

  it('that are written for one direction leave the other as it is', () => {
    const held = agreements({ from: [] });
    expect(held.whyNotFrom('beta', ORDER, NOW)?.code).toBe('NO_AGREEMENT');
    expect(held.whyNotTo('beta', ORDER)).toBeUndefined();
  });

  it('judge the kind of an order before its size is known', () => {
    const held = agreements({ to: [{ venue: 'beta', sides: ['sell'], maxQuantity: '10' }] });
    const kind: AgreementOrder = { ...INSTRUMENT_ORDER, side: 'sell' };
    expect(held.whyNotTo('beta', kind)).toBeUndefined();
    expect(held.whyNotTo('beta', { ...kind, side: 'buy' })?.code).toBe('SIDE_NOT_AGREED');
    expect(held.whyNotTo('beta', { ...kind, quantity: 20 })?.code).toBe('OVER_AGREED_QUANTITY');
  });

  it('may be several with one venue: the first that covers an order holds', () => {
    const held = agreements({
      from: [
        { venue: 'beta', members: ['broker'], maxQuantity: '10' },
        { venue: 'beta', maxQuantity: '1000', orders: ['immediate', 'resting'] },
      ],
    });
    expect(held.whyNotFrom('beta', ORDER, NOW)?.code).toBe('OVER_AGREED_QUANTITY');
    expect(held.whyNotFrom('beta', { ...ORDER, member: 'harbor' }, NOW)).toBeUndefined();
    expect(held.whyNotFrom('beta', { ...ORDER, isResting: true }, NOW)).toBeUndefined();
  });

  it('bound what is open of a home venue', () => {
    const held = agreements({ from: [{ venue: 'beta', maxOpenNotional: '1500' }] });
    const open = (cash: bigint) => ({ openNotional: cash * 10n ** 36n, nowMs: 0 });
    expect(held.limitsOpenOf('beta')).toBe(true);
    expect(held.limitsOpenOf('gamma')).toBe(false);
    expect(held.whyNotFrom('beta', ORDER, open(500n))).toBeUndefined();
    expect(held.whyNotFrom('beta', ORDER, open(501n))?.code).toBe('OVER_AGREED_OPEN_NOTIONAL');
  });

  it('bound how fast a home venue sends, and count only what is taken', () => {
    const slow = { perSecond: 1, burst: 2 };
    const held = agreements({ from: [{ venue: 'beta', maxQuantity: '100', rate: slow }] });
    for (let count = 0; count < 10; count += 1) {
      expect(held.whyNotFrom('beta', { ...ORDER, quantity: 200 }, NOW)?.code).toBe(
        'OVER_AGREED_QUANTITY',
      );
    }
    expect(held.whyNotFrom('beta', ORDER, NOW)).toBeUndefined();
    expect(held.whyNotFrom('beta', ORDER, NOW)).toBeUndefined();
    expect(held.whyNotFrom('beta', ORDER, NOW)?.code).toBe('RATE_LIMITED');
    expect(held.whyNotFrom('beta', ORDER, { ...NOW, nowMs: 1_000 })).toBeUndefined();
  });

  it('are read from a file that is told of every mistake at once', () => {
    const parsed = parseRoutingAgreements({
      from: [{ venue: 'Beta', sides: ['both'], instruments: ['gold'], orders: [] }],
      to: [{ maxQuantity: '0' }],
      via: [],
    });
    expect(isRefusal(parsed) && parsed.code).toBe('ROUTING_AGREEMENTS_INVALID');
    const message = isRefusal(parsed) ? parsed.message : '';
    for (const field of [
      'from.0.venue',
      'from.0.sides.0',
      'from.0.instruments.0',
      'from.0.orders',
      'to.0.venue',
      'to.0.maxQuantity',
      '"via"',
    ]) {
      expect(message).toContain(field);
    }
  });
});

const INSTRUMENT_ORDER: AgreementOrder = {
  member: 'broker',
  instrument: INSTRUMENT,
  side: 'buy',
  isResting: false,
};
