import { describe, expect, it } from 'vitest';
import type { OrderEvent } from '../orders/life/order-state.ts';
import {
  accepted,
  busted,
  cancel,
  cancelRejected,
  corrected,
  done,
  filled,
  gtc,
  rejected,
  replace,
  replaced,
  replaceRejected,
  request,
  says,
  sent,
  silent,
} from '../orders/testing/state-matrices.ts';
import { type ReportedOrder, reportedAfter } from './reported-order.ts';

const by = (event: OrderEvent, clientOrderId: string): OrderEvent =>
  ({ ...event, clientOrderId }) as OrderEvent;

/** What a member is told of these events of one order, as `what status quantity/executed ClOrdID<Orig`. */
function told(...events: readonly OrderEvent[]): string[] {
  const placed = { kind: 'placed', data: { ...request, ...gtc, clientOrderId: 'A' } };
  let { order, reports } = reportedAfter('alpha-1', undefined, placed);
  const all = [...reports];
  for (const { kind, ...data } of events) {
    ({ order, reports } = reportedAfter('alpha-1', order as ReportedOrder, { kind, data }));
    all.push(...reports);
  }
  return all.map((report) => {
    const { state } = report.order;
    if (report.kind === 'cancel-reject') {
      const { responseTo, clientOrderId, isTooLate } = report;
      return `no ${responseTo} ${state.status} ${clientOrderId}${isTooLate ? ' too late' : ''}`;
    }
    const { execType, clientOrderId, origClientOrderId } = report;
    const ids =
      origClientOrderId === undefined ? clientOrderId : `${clientOrderId}<${origClientOrderId}`;
    return `${execType} ${state.status} ${state.quantity}/${state.filled} ${ids}`;
  });
}

const PENDING = 'pending-new pending-new 10000/0 A';
const NEW = 'new new 10000/0 A';

describe('what a member is told of an order', () => {
  it.each<[string, readonly OrderEvent[], readonly string[]]>([
    [
      'that fills',
      [sent(), accepted, filled(2_000, 'x'), filled(8_000, 'y')],
      [PENDING, NEW, 'trade partially-filled 10000/2000 A', 'trade filled 10000/10000 A'],
    ],
    [
      'that fills before it is accepted',
      [sent(), filled(2_000, 'x')],
      [PENDING, 'trade partially-filled 10000/2000 A'],
    ],
    ['that no venue takes', [sent(), rejected], [PENDING, 'rejected rejected 10000/0 A']],
    [
      'that is canceled',
      [sent(), accepted, by(cancel, 'B'), done(0)],
      [PENDING, NEW, 'pending-cancel pending-cancel 10000/0 B<A', 'canceled canceled 10000/0 B<A'],
    ],
    [
      'that its venue cancels unasked',
      [sent(), accepted, done(0)],
      [PENDING, NEW, 'canceled canceled 10000/0 A'],
    ],
    [
      'that expires',
      [sent(), accepted, done(0, 'expired')],
      [PENDING, NEW, 'expired expired 10000/0 A'],
    ],
    [
      'whose cancel is refused',
      [sent(), accepted, by(cancel, 'B'), cancelRejected],
      [PENDING, NEW, 'pending-cancel pending-cancel 10000/0 B<A', 'no cancel new B'],
    ],
    [
      'whose cancel loses to a fill',
      [sent(), accepted, by(cancel, 'B'), filled(10_000, 'x')],
      [
        PENDING,
        NEW,
        'pending-cancel pending-cancel 10000/0 B<A',
        'trade filled 10000/10000 A',
        'no cancel filled B too late',
      ],
    ],
    [
      'whose cancel was asked for elsewhere',
      [sent(), accepted, cancel, done(0)],
      [PENDING, NEW, 'canceled canceled 10000/0 A'],
    ],
    [
      'that is replaced, and then canceled under its new id',
      [sent(), accepted, by(replace(5_000), 'B'), replaced(5_000), by(cancel, 'C'), done(0)],
      [
        PENDING,
        NEW,
        'pending-replace pending-replace 10000/0 B<A',
        'replaced new 5000/0 B<A',
        'pending-cancel pending-cancel 5000/0 C<B',
        'canceled canceled 5000/0 C<B',
      ],
    ],
    [
      'of which one replacement is refused and the next is not',
      [
        sent(),
        accepted,
        by(replace(5_000), 'B'),
        by(replace(6_000), 'C'),
        replaceRejected(),
        replaced(6_000, 2),
      ],
      [
        PENDING,
        NEW,
        'pending-replace pending-replace 10000/0 B<A',
        'pending-replace pending-replace 10000/0 C<A',
        'no replace pending-replace B',
        'replaced new 6000/0 C<A',
      ],
    ],
    [
      'that was replaced elsewhere',
      [sent(), accepted, replace(5_000), replaced(5_000)],
      [PENDING, NEW, 'replaced new 5000/0 A<A'],
    ],
    [
      'whose replacement is overtaken by a cancel',
      [sent(), accepted, by(replace(5_000), 'B'), by(cancel, 'C'), replaceRejected(), done(0)],
      [
        PENDING,
        NEW,
        'pending-replace pending-replace 10000/0 B<A',
        'pending-cancel pending-cancel 10000/0 C<A',
        'no replace pending-cancel B',
        'canceled canceled 10000/0 C<A',
      ],
    ],
    [
      'that is done for the day and stands again',
      [sent(), accepted, says('done-for-day'), says('new')],
      [PENDING, NEW, 'done-for-day done-for-day 10000/0 A', 'restated new 10000/0 A'],
    ],
    ['that its venue does not answer for a while', [sent(), silent, says('new')], [PENDING, NEW]],
    [
      'whose trade is corrected and busted',
      [
        sent(),
        accepted,
        filled(2_000, 'x'),
        corrected('x', [2_000, 100], [1_000, 99]),
        busted('x', 1_000, 99),
      ],
      [
        PENDING,
        NEW,
        'trade partially-filled 10000/2000 A',
        'trade-correct partially-filled 10000/1000 A',
        'trade-cancel new 10000/0 A',
      ],
    ],
  ])('%s', (_what, events, reports) => expect(told(...events)).toEqual(reports));
});
