import { buildStoaSchema } from '@stoa/node/market-api';
import { MARKET_PARTS, NODE_PARTS } from '@stoa/schema';
import { GraphQLError, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { homeExecution } from './home-execution.ts';
import type { SubgraphRequest, SubgraphResult } from './pool-transport.ts';

const schema = buildStoaSchema([...MARKET_PARTS, ...NODE_PARTS], []);

/** Runs a document as far as the stage takes it: what the pool was asked, and what came of it. */
async function run(query: string, answer: SubgraphResult = { data: {} }) {
  const asked: SubgraphRequest[] = [];
  const denied: object[] = [];
  let again: Again | undefined;
  const stage = homeExecution(
    {
      async home(request) {
        asked.push(request);
        return answer;
      },
    },
    {
      known: { note: (_args, answering) => void (again = answering as Again) },
      ...{ audit: { denied: (entry) => void denied.push(entry) }, nowMs: () => 1 },
    },
  );
  let execute: ((args: object) => Promise<unknown>) | undefined;
  const args = { schema, document: parse(query), contextValue: {}, variableValues: { x: 1 } };
  const event = {
    args,
    setExecuteFn(fn: typeof execute) {
      execute = fn;
    },
  };
  await stage.onExecute?.(event as never);
  const result = await execute?.(args);
  return { result, asked, denied, again: () => again?.(args) };
}

type Again = (args: object) => Promise<unknown>;

describe('an operation about the own orders', () => {
  it.each([
    '{ orders { edges { node { id legs { venue { id membership } } instrument { symbol } settlements { state } } } } }',
    'mutation { cancelOrder(id: "alpha-1") { ... on CancelRequested { order { id } } } }',
    'query Q($c: String!) { a: order(clientOrderId: $c) { ...f } } fragment f on Order { id }',
  ])('goes to the home node as it is: %s', async (query) => {
    const { asked } = await run(query);
    expect(asked).toMatchObject([{ document: parse(query), variables: { x: 1 } }]);
  });

  it.each([
    [
      'quotes, which the gateway verifies itself',
      '{ orders { edges { node { instrument { book { version } } } } } }',
    ],
    ["a venue's feed", '{ orders { edges { node { legs { venue { quotes } } } } } }'],
    ["a venue's own word", '{ orders { edges { node { legs { venue { node { version } } } } } } }'],
    ['the market beside it', '{ venues { id } orders { edges { cursor } } }'],
    ['the schema', '{ __schema { types { name } } orders { edges { cursor } } }'],
    ['a fragment at the root', '{ ...f } fragment f on Query { orders { edges { cursor } } }'],
    [
      'two operations',
      'query A { orders { edges { cursor } } } query B { orders { edges { cursor } } }',
    ],
    ['a stream', 'subscription { orderEvents { sequence } }'],
  ])('goes by plan with %s', async (_what, query) => {
    expect((await run(query)).asked).toEqual([]);
  });

  it('is passed on as its node wrote it when it comes again', async () => {
    const text = '{"data":{"orders":{"edges":[]}}}';
    const { again } = await run('{ orders { edges { cursor } } }', { ...JSON.parse(text), text });
    expect(await again()).toEqual({ text });
  });

  it('has its denied fields recorded when it comes again', async () => {
    const errors = [new GraphQLError('no', { path: ['mine'], extensions: { code: 'FORBIDDEN' } })];
    const { again, denied } = await run('{ mine: order(id: "alpha-1") { id } }', {
      ...{ data: { mine: null }, errors },
    });
    expect(await again()).toEqual({ result: { data: { mine: null }, errors } });
    expect(denied).toMatchObject([{ field: 'Query.order', code: 'FORBIDDEN', atMs: 1 }]);
  });

  it('has no data at all where the root field that failed may not be null', async () => {
    const errors = [new GraphQLError('down')];
    const mutation = await run('mutation { a: cancelOrder(id: "alpha-1") { __typename } }', {
      ...{ data: { a: null }, errors },
    });
    expect(mutation.result).toEqual({ data: null, errors });
    const query = await run('{ order(id: "alpha-1") { id } }', { data: { order: null }, errors });
    expect(query.result).toEqual({ data: { order: null }, errors });
  });
});
