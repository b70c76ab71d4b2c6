import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSubgraph } from '@stoa/node/market-api';
import { parse } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NodeProcess, startNodeProcess } from './testing/node-process.ts';
import { SAMPLE_INSTRUMENT } from './testing/sample-view.ts';
import {
  localSubgraph,
  runSupergraph,
  type SupergraphRuntime,
} from './testing/supergraph-runtime.ts';
import { createTokenIssuer, type TokenIssuer } from './testing/token-issuer.ts';

/** What a broker knows of its own: research on instruments, whose desk an order is, ratings of members. */
const DESK = parse(`
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key"])
  scalar InstrumentId
  type Query { picks: [Instrument!]!, watched: [Venue!]! }
  type Instrument @key(fields: "id") { id: InstrumentId!, rating: String! }
  type Order @key(fields: "clientOrderId") { clientOrderId: String!, desk: String! }
  type Venue @key(fields: "id", resolvable: false) { id: ID! }
  type Member @key(fields: "id") { id: ID!, isPreferred: Boolean! }
`);

const desk = buildSubgraph(DESK, [
  {
    Query: { picks: () => [{ id: SAMPLE_INSTRUMENT.id }], watched: () => [{ id: 'beta' }] },
    Instrument: {
      __resolveReference: ({ id }: { id: string }) => ({ id }),
      rating: () => 'buy',
    },
    Order: {
      __resolveReference: ({ clientOrderId }: { clientOrderId: string }) => ({ clientOrderId }),
      desk: ({ clientOrderId }: { clientOrderId: string }) => `desk of ${clientOrderId}`,
    },
    Member: {
      __resolveReference: ({ id }: { id: string }) => ({ id }),
      isPreferred: ({ id }: { id: string }) => id === 'acme',
    },
  },
]);

describe('a broker that composes a node into its own supergraph', () => {
  let folder: string;
  let issuer: TokenIssuer;
  let node: NodeProcess;
  let runtime: SupergraphRuntime;
  let token: string;

  async function askNode(request: object): Promise<unknown> {
    const response = await fetch(node.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify(request),
    });
    return response.json();
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stoa-broker-'));
    issuer = await createTokenIssuer(folder);
    node = await startNodeProcess('alpha', issuer.options);
    token = await issuer.token('broker', 'alpha');
    const said = (await askNode({ query: '{ _service { sdl } }' })) as {
      data: { _service: { sdl: string } };
    };
    const { sdl } = said.data._service;
    runtime = runSupergraph([
      { name: 'stoa', sdl, ask: askNode },
      await localSubgraph('desk', desk),
    ]);
  });
  afterAll(async () => {
    await runtime.stop();
    await node.kill('SIGTERM');
    await rm(folder, { recursive: true });
  });

  it('sees the market beside what is its own', async () => {
    const answer = await runtime.ask(`{
      picks { rating symbol cbbo: book(depth: 1) { cbbo { bid { price } } } issuedBy { id isPreferred } }
      watched { membership quotes }
      instrument(id: "${SAMPLE_INSTRUMENT.id}") { rating }
    }`);
    expect(answer).toEqual({
      data: {
        picks: [
          {
            ...{ rating: 'buy', symbol: 'ACME', cbbo: { cbbo: { bid: { price: '100.1' } } } },
            issuedBy: { id: 'acme', isPreferred: true },
          },
        ],
        watched: [{ membership: 'ACTIVE', quotes: 'DEGRADED' }],
        instrument: { rating: 'buy' },
      },
    });
  });

  it('places an order and sees it by its own id, refusals and all', async () => {
    const place = (quantity: string) =>
      runtime.ask(`mutation {
      placeOrder(input: { clientOrderId: "mine", instrument: "${SAMPLE_INSTRUMENT.id}",
        account: "0x${'11'.repeat(20)}", side: BUY, quantity: "${quantity}", limitPrice: "100.10" }) {
        __typename ... on OrderPlaced { order { clientOrderId desk side } } ... on Refusal { code } } }`);
    expect(await place('2')).toEqual({
      data: {
        placeOrder: {
          __typename: 'OrderPlaced',
          order: { clientOrderId: 'mine', desk: 'desk of mine', side: 'BUY' },
        },
      },
    });
    expect(await place('13')).toEqual({
      data: { placeOrder: { __typename: 'NotEligible', code: 'CLAIM_MISSING' } },
    });
  });

  it('resolves an order at the node by the id that the broker gave it', async () => {
    const query = `query ($of: [_Any!]!) { _entities(representations: $of) { ... on Order { id } } }`;
    const of = [
      { __typename: 'Order', clientOrderId: 'mine' },
      { __typename: 'Order', clientOrderId: { a: 1 } },
      { __typename: 'Order', id: 'alpha-1' },
    ];
    const answer = (await askNode({ query, variables: { of } })) as {
      data: object;
      errors: { path: unknown; extensions: { code: string } }[];
    };
    expect(answer.data).toEqual({ _entities: [{ id: 'alpha-1' }, null, { id: 'alpha-1' }] });
    expect(answer.errors.map(({ path, extensions }) => [path, extensions.code])).toEqual([
      [['_entities', 1], 'BAD_USER_INPUT'],
    ]);
  });
});
