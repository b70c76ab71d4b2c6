import type { OrderStatus } from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import { OrderSpanMaker } from './order-spans.ts';

let sequence = 0;
const told = (
  kind: string,
  atMs: number,
  data: Record<string, unknown> = {},
  status: OrderStatus = 'new',
) => {
  sequence += 1;
  return { orderId: 'alpha-1', orderSequence: sequence, kind, data, status, filled: 0, atMs };
};
const placed = told('placed', 100, { instrument: 'acme', account: '0xwallet', clientOrderId: 'c' });
const legs = [
  { id: 'alpha-1.1.1', venue: 'alpha', quantity: 5 },
  { id: 'alpha-1.2.1', venue: 'beta', quantity: 6 },
];

describe('the spans of an order', () => {
  it('are one of each leg, from sending to end, and then the order’s own', () => {
    const maker = new OrderSpanMaker();
    const steps = [
      placed,
      told('routed', 110, { legs }),
      told('leg-executed', 120, { legId: 'alpha-1.1.1' }),
      told('leg-done', 121, { legId: 'alpha-1.1.1' }),
      // The fill that makes the order filled comes before the end of its leg.
      told('leg-executed', 130, { legId: 'alpha-1.2.1' }, 'filled'),
      told('leg-done', 131, { legId: 'alpha-1.2.1' }, 'filled'),
    ].map((event) => maker.take(event));
    expect(
      steps.flatMap(({ spans }) => spans.map(({ name, startMs, endMs }) => [name, startMs, endMs])),
    ).toEqual([
      ['execution', 120, 120],
      ['leg', 110, 121],
      ['execution', 130, 130],
      ['leg', 110, 131],
    ]);
    expect(steps.map(({ root }) => root !== undefined)).toEqual([
      false,
      false,
      false,
      false,
      false,
      true,
    ]);
    expect(steps.at(-1)?.root).toMatchObject({ name: 'order', startMs: 100, endMs: 131 });
  });

  it('say why a leg failed, and name no wallet and no client', () => {
    const maker = new OrderSpanMaker();
    maker.take(placed);
    maker.take(told('routed', 110, { legs: legs.slice(0, 1) }));
    const { spans, root } = maker.take(
      told('leg-rejected', 115, { legId: 'alpha-1.1.1', code: 'HALTED' }, 'rejected'),
    );
    expect(spans).toMatchObject([{ name: 'leg', error: 'HALTED' }]);
    const text = JSON.stringify([spans, root]);
    expect(text).toContain('acme');
    expect(text).not.toContain('0xwallet');
    expect(text).not.toContain('"c"');
  });
});
