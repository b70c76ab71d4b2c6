import type { OrderRequest, OrderStatus } from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import {
  applyOrderEvent,
  executionKey,
  leavesOf,
  type NewLeg,
  type OrderEvent,
  type OrderState,
} from '../life/order-state.ts';
import { newState } from '../order-rows.ts';

/**
 * The order state change matrices of FIX 4.4, appendix D, as a home node meets them. Each row of a
 * matrix is an event and the order after it: status, quantity, executed, left. Where a matrix leaves
 * the choice between two answers, the one that is given here stands. Three have no row, because
 * nothing can say them here: E.1.a an order by telephone, L.1.a a guarantee before the execution,
 * L.1.b an order by cash amount.
 */
export type Row = readonly [OrderEvent, `${OrderStatus} ${number} ${number} ${number}`] | Ignored;
/** An event that changes nothing, and why. */
type Ignored = readonly [OrderEvent, { readonly ignored: string }];

export const request: OrderRequest = {
  clientOrderId: 'x',
  instrument: 'eip155:1/erc20:0x00000000000000000000000000000000000000aa',
  account: '0x000000000000000000000000000000000000b001',
  side: 'buy',
  type: 'limit',
  timeInForce: 'day',
  quantity: 10_000,
  limitPrice: 120,
};

export const ioc = { timeInForce: 'ioc' } as const;
export const fok = { timeInForce: 'fok' } as const;
export const gtc = { timeInForce: 'gtc' } as const;

const legOf = (number: number, quantity: number, other: Partial<NewLeg> = {}): NewLeg => ({
  id: `leg${number}`,
  number,
  round: number,
  purpose: 'rest',
  venue: 'alpha',
  timeInForce: 'day',
  quantity,
  limitPrice: 120,
  ...other,
});
export const sent = (quantity = 10_000, number = 1, other: Partial<NewLeg> = {}): OrderEvent => ({
  kind: 'routed',
  legs: [legOf(number, quantity, other)],
});
export const taken = (quantity = 10_000, number = 1): OrderEvent =>
  sent(quantity, number, { purpose: 'route', timeInForce: 'ioc' });
const legId = 'leg1';
export const accepted: OrderEvent = { kind: 'leg-accepted', legId };
const no = { code: 'NO', message: 'No.' };
export const rejected: OrderEvent = { kind: 'leg-rejected', legId, rejection: no };
export const filled = (
  quantity: number,
  executionId: string,
  price = 100,
  leg = 1,
): OrderEvent => ({
  ...{ kind: 'leg-executed', legId: `leg${leg}`, venue: 'alpha', executionId, price, quantity },
});
export const done = (
  quantity: number,
  state: 'filled' | 'canceled' | 'expired' = 'canceled',
  leg = 1,
): OrderEvent => ({
  kind: 'leg-done',
  legId: `leg${leg}`,
  state,
  filled: quantity,
  reason: 'done',
});
export const says = (state: OrderStatus | 'unknown-order', quantity = 0): OrderEvent => ({
  ...{ kind: 'leg-status', legId, state, filled: quantity },
});
export const silent: OrderEvent = { kind: 'leg-silent', legId, reason: 'silent' };
export const cancel: OrderEvent = { kind: 'cancel-requested' };
export const cancelRejected: OrderEvent = { kind: 'leg-cancel-rejected', legId, rejection: no };
export const replace = (quantity: number, limitPrice?: number, reroute = false): OrderEvent => ({
  ...{ kind: 'replace-requested', quantity, reroute },
  ...(limitPrice === undefined ? {} : { limitPrice }),
});
export const replaced = (quantity: number, revision = 1, limitPrice = 120): OrderEvent => ({
  ...{ kind: 'leg-replaced', legId, revision, quantity, limitPrice },
});
export const replaceRejected = (revision = 1, code = 'NO'): OrderEvent => ({
  ...{ kind: 'leg-replace-rejected', legId, revision, rejection: { code, message: 'No.' } },
});
export const busted = (executionId: string, quantity: number, price = 100): OrderEvent => ({
  ...{ kind: 'trade-busted', legId, venue: 'alpha', executionId, price, quantity, reason: 'error' },
});
export const corrected = (
  executionId: string,
  was: readonly [quantity: number, price: number],
  [quantity, price]: readonly [quantity: number, price: number],
): OrderEvent => ({
  ...{ kind: 'trade-corrected', legId, venue: 'alpha', executionId, price, quantity },
  was: { quantity: was[0], price: was[1] },
});

/** Matrices by group: what happens, to which order, and the rows. */
export type Matrices = Readonly<Record<string, [string, Partial<OrderRequest>, readonly Row[]][]>>;

/** Tests an order against every row of every matrix. */
export function testMatrices(matrices: Matrices): void {
  describe.each(Object.entries(matrices))('FIX 4.4 appendix D, %s', (_group, cases) => {
    it.each(cases)('%s', (_what, other, rows) => {
      const counted = new Set<string>();
      let state: OrderState = newState('alpha-1', { ...request, ...other }, undefined);
      for (const [index, [event, expected]] of rows.entries()) {
        const step = applyOrderEvent(state, event, counted);
        const at = `row ${index + 1}: ${event.kind}`;
        if (typeof expected === 'object') {
          expect(step, at).toEqual(expected);
          continue;
        }
        if ('ignored' in step) throw new Error(`${at} was ignored: ${step.ignored}`);
        state = step.state;
        if (event.kind === 'leg-executed')
          counted.add(executionKey(event.venue, event.executionId));
        const { status, quantity, filled: executed } = state;
        expect(`${status} ${quantity} ${executed} ${leavesOf(state)}`, at).toBe(expected);
      }
    });
  });
}
