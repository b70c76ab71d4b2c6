import { MARKET_PARTS, NODE_PARTS } from '@stoa/schema';
import { getIntrospectionQuery, getOperationAST, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { operationCost, readCostRules } from './operation-cost.ts';
import { buildStoaSchema, subgraphTypeDefs } from './subgraph-schema.ts';

const parts = [...MARKET_PARTS, ...NODE_PARTS];
const schema = buildStoaSchema(parts, []);
const rules = readCostRules(subgraphTypeDefs(parts));

function cost(source: string, variables: Record<string, unknown> = {}, enough = 1e9): number {
  const document = parse(source);
  const operation = getOperationAST(document);
  if (!operation) throw new Error('no operation');
  return operationCost({ schema, document, operation, variables }, rules, enough);
}

describe('the cost of an operation', () => {
  it('counts each field as often as its lists are long', () => {
    expect(cost('{ orders(first: 1) { edges { node { id } } } }')).toBe(3);
    expect(cost('{ orders(first: 100) { edges { node { id } } } }')).toBe(201);
    // Without a size of its own a page has the size that the SDL assumes.
    expect(cost('{ orders { edges { node { id } } } }')).toBe(41);
    expect(cost('{ orders(last: 7) { edges { node { legs { id } } } } }')).toBe(1 + 7 * (2 + 5));
  });

  it('takes sizes from variables and their defaults', () => {
    const text = 'query ($n: Int = 50) { orders(first: $n) { edges { node { id } } } }';
    expect(cost(text)).toBe(101);
    expect(cost(text, { n: 3 })).toBe(7);
  });

  it('takes no discount for negative sizes', () => {
    expect(cost('{ orders(first: -100) { edges { node { id } } } }')).toBe(3);
    expect(cost('query ($n: Int) { a: orders(first: $n) { edges { cursor } } }', { n: -9 })).toBe(
      2,
    );
  });

  it('counts through fragments and depth arguments', () => {
    const book = 'book(instrument: "x", depth: 10) { bids { ...L } offers { ...L } }';
    const text = `{ ${book} } fragment L on PriceLevel { price venues { quantity } }`;
    expect(cost(text)).toBe(1 + 20 * (1 + 3));
  });

  it('has the weights of the SDL, a weight for the schema, and one for each entity asked for', () => {
    expect(cost('mutation { cancelAllOrders { __typename } }')).toBe(20);
    expect(cost(getIntrospectionQuery())).toBe(1_000);
    const entities =
      'query ($r: [_Any!]!) { _entities(representations: $r) { ... on Venue { node { version } } } }';
    const representations = Array.from({ length: 30 }, () => ({ __typename: 'Venue', id: 'a' }));
    expect(cost(entities, { r: representations })).toBe(30 + 30 * 10);
  });

  it('counts lists without pages as long as they may get, so that none is multiplied by another', () => {
    const most = 10_000;
    expect(cost('{ instruments { symbol listings { venue { id } status } } }')).toBeLessThan(most);
    const nested = '{ instruments { listings { venue { listings { status } } } } }';
    expect(cost(nested)).toBeGreaterThan(most);
  });

  it('stops counting once it is enough', () => {
    const nested =
      '{ orders(first: 100) { edges { node { legs { order { executions { legId } } } } } } }';
    expect(cost(nested, {}, 100)).toBeGreaterThan(100);
    expect(cost(nested, {}, 100)).toBeLessThan(1_000);
    expect(cost(nested)).toBeGreaterThan(5_000);
  });
});
