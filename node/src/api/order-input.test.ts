import { describe, expect, it } from 'vitest';
import { type PlaceOrderInput, readOrderInput } from './order-input.ts';
import { averagePrice } from './order-resolvers.ts';
import { ACME, SAMPLE_DIRECTORY } from './testing/sample-market.ts';

const input: PlaceOrderInput = {
  clientOrderId: 'one',
  instrument: ACME.id,
  account: `0x${'11'.repeat(20)}`,
  side: 'SELL',
  type: 'LIMIT',
  timeInForce: 'IOC',
  quantity: '1.5',
  limitPrice: '100.10',
};

describe('reading an order', () => {
  it("turns decimals into the instrument's own units", () => {
    expect(readOrderInput(SAMPLE_DIRECTORY, input)).toEqual({
      ...{ clientOrderId: 'one', instrument: ACME.id, account: input.account },
      ...{ side: 'sell', type: 'limit', timeInForce: 'ioc', quantity: 1_500, limitPrice: 10_010 },
    });
  });

  it.each([
    [{ instrument: `eip155:1/erc20:0x${'00'.repeat(20)}` }, 'INSTRUMENT_UNKNOWN'],
    [{ quantity: '1.2345' }, 'TOO_MANY_DECIMALS'],
    [{ quantity: '-1' }, 'OUT_OF_RANGE'],
    [{ quantity: '9007199254740993' }, 'OUT_OF_RANGE'],
    [{ limitPrice: '100.101' }, 'TOO_MANY_DECIMALS'],
  ])('refuses %j as %s', (change, code) => {
    expect(readOrderInput(SAMPLE_DIRECTORY, { ...input, ...change })).toMatchObject({ code });
  });

  it('takes a market order without a price', () => {
    const market = { ...input, type: 'MARKET' as const, limitPrice: null };
    expect(readOrderInput(SAMPLE_DIRECTORY, market)).not.toHaveProperty('limitPrice');
  });

  it('rounds an average price half up', () => {
    expect(averagePrice(30n, 20)).toBe(2n);
    expect(averagePrice(29n, 20)).toBe(1n);
  });
});
