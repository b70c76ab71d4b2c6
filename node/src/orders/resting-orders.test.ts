import { describe, expect, it } from 'vitest';
import type { LegState } from './life/order-state.ts';
import { newOrder, type StoredOrder } from './order-rows.ts';
import { RestingOrders } from './resting-orders.ts';
import { BROKER_WALLET, INSTRUMENT, OTHER_WALLET } from './testing/test-network.ts';

function resting(id: string, legs: readonly Partial<LegState>[], side: 'buy' | 'sell' = 'sell') {
  const placed = newOrder(
    'broker',
    {
      ...{ clientOrderId: id, instrument: INSTRUMENT.id, account: BROKER_WALLET, side },
      ...{ type: 'limit', timeInForce: 'gtc', quantity: 100, limitPrice: 1_000 },
    },
    { nowMs: 0, endsAtMs: undefined },
  );
  const all = legs.map(
    (leg, index): LegState => ({
      ...{ id: `${id}.${index + 1}.1`, number: index + 1, round: 1, purpose: 'rest' },
      ...{ venue: 'alpha', timeInForce: 'gtc', quantity: 100, limitPrice: 1_000, status: 'new' },
      ...{ filled: 0, finalFilled: undefined, reason: undefined, revision: 0, pending: undefined },
      ...leg,
    }),
  );
  return { ...placed, state: { ...placed.state, id, legs: all } } satisfies StoredOrder;
}

describe('orders that wait', () => {
  const buyerMeets = (orders: RestingOrders, account = BROKER_WALLET) =>
    Object.fromEntries(orders.opposite(account, INSTRUMENT.id, 'buy'));

  it('are met at their best price, by venue, by orders of the same wallet on the other side', () => {
    const orders = new RestingOrders();
    orders.note([
      resting('one', [{ limitPrice: 1_010 }]),
      resting('two', [{ limitPrice: 1_005 }]),
      resting('three', [{ limitPrice: 1_000, venue: 'beta' }]),
      resting('four', [{ limitPrice: 900 }], 'buy'),
    ]);
    expect(buyerMeets(orders)).toEqual({ alpha: 1_005, beta: 1_000 });
    expect(buyerMeets(orders, OTHER_WALLET)).toEqual({});
    expect(Object.fromEntries(orders.opposite(BROKER_WALLET, INSTRUMENT.id, 'sell'))).toEqual({
      alpha: 900,
    });
    expect(orders.opposite(BROKER_WALLET.toUpperCase(), INSTRUMENT.id, 'sell').size).toBe(1);
  });

  it('are gone when their leg is answered for good, and are what they were last noted as', () => {
    const orders = new RestingOrders();
    orders.note([resting('one', [{ limitPrice: 1_010 }])]);
    orders.note([resting('one', [{ limitPrice: 1_015 }])]);
    expect(buyerMeets(orders)).toEqual({ alpha: 1_015 });
    orders.note([resting('one', [{ status: 'canceled', finalFilled: 0 }])]);
    expect(buyerMeets(orders)).toEqual({});
  });

  it('count while their venue’s answer is not known, and at both prices while one is asked for', () => {
    const orders = new RestingOrders();
    orders.note([resting('one', [{ status: 'unknown' }])]);
    expect(buyerMeets(orders)).toEqual({ alpha: 1_000 });
    orders.note([resting('one', [{ pending: { quantity: 100, limitPrice: 995 } }])]);
    expect(buyerMeets(orders)).toEqual({ alpha: 995 });
    orders.note([resting('one', [{ pending: { quantity: 100, limitPrice: 1_005 } }])]);
    expect(buyerMeets(orders)).toEqual({ alpha: 1_000 });
  });

  it('do not include legs that take what is shown at once', () => {
    const orders = new RestingOrders();
    orders.note([resting('one', [{ purpose: 'route' }])]);
    expect(buyerMeets(orders)).toEqual({});
  });
});
