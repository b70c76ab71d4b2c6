import { refuse } from '@stoa/schema';
import { graphql } from 'graphql';
import { describe, expect, it } from 'vitest';
import { refusalOr, refusalResolvers, refusalTypeOf } from './refusal-type.ts';
import { buildStoaSchema } from './subgraph-schema.ts';

/** A schema that answers `settleableBook` with the refusal it is given. */
const schema = buildStoaSchema(
  ['refusals', 'eligibility'],
  [
    refusalResolvers,
    { Query: { settleableBook: (refusal: object) => ({ sellRefusal: refusal }) } },
  ],
);

async function told(refusal: ReturnType<typeof refuse>) {
  const account = `"0x${'11'.repeat(20)}"`;
  const source = `{ settleableBook(instrument: "eip155:1/erc20:0x${'a1'.repeat(20)}", account: ${account}) {
    sellRefusal { __typename code message action ... on InvalidInput { field } } } }`;
  const { data, errors } = await graphql({ schema, source, rootValue: refusal });
  expect(errors).toBeUndefined();
  return (data as { settleableBook: { sellRefusal: object } }).settleableBook.sellRefusal;
}

describe('the type of a refusal', () => {
  it.each([
    ['OFF_TICK', 'InvalidInput'],
    ['ORDER_UNKNOWN', 'NotFound'],
    ['HOLDER_CAP', 'NotEligible'],
    ['RATE_LIMITED', 'LimitExceeded'],
    ['HALTED', 'NotTradable'],
    ['ORDER_DONE', 'StateConflict'],
    ['CHECK_UNAVAILABLE', 'Unavailable'],
    ['SOMETHING_NEW', 'OtherRefusal'],
    // Names that every object has are no codes.
    ['constructor', 'OtherRefusal'],
  ])('of %s is %s, with code, sentence and advice as they are', async (code, type) => {
    const refusal = refuse(code, 'It is so.', 'Do this.');
    expect(refusalTypeOf(refusal)).toBe(type);
    expect(await told(refusal)).toMatchObject({
      ...{ __typename: type, code, message: 'It is so.', action: 'Do this.' },
    });
  });

  it('names the field of the input that is wrong, where it is one', async () => {
    expect(await told(refuse('OFF_TICK', '', ''))).toMatchObject({ field: 'limitPrice' });
    expect(await told(refuse('DECIMAL_INVALID', '', ''))).toMatchObject({ field: null });
    const named = { ...refuse('DECIMAL_INVALID', '', ''), field: 'minimumQuantity' };
    expect(await told(named)).toMatchObject({ field: 'minimumQuantity' });
  });

  it('is told from the answer that it stands in for', () => {
    const typeOf = refusalOr('OrderPlaced');
    expect(typeOf({ order: {} })).toBe('OrderPlaced');
    expect(typeOf(refuse('OFF_LOT', '', ''))).toBe('InvalidInput');
  });
});
