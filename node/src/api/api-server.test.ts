import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '@stoa/schema';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Logger } from '../telemetry/logger.ts';
import { type SampleApi, startSampleApi } from './testing/sample-api.ts';
import { ACME, BOND, createSampleMarket } from './testing/sample-market.ts';
import { createSampleOrders } from './testing/sample-orders.ts';
import { createTokenIssuer, type TokenIssuer } from './testing/token-issuer.ts';

let folder: string;
let issuer: TokenIssuer;
let api: SampleApi;
const opened: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-api-'));
  issuer = await createTokenIssuer(folder);
  api = await startSampleApi('alpha', issuer.options);
});
afterAll(async () => {
  await api.stop();
  await rm(folder, { recursive: true });
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.stop();
});

interface Answer {
  readonly data?: Record<string, never> | null;
  readonly errors?: readonly { message: string; extensions?: Record<string, unknown> }[];
}

async function post(url: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, answer: (await response.json()) as Answer };
}

async function ask(query: string, token?: string, variables?: object): Promise<Answer> {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  return (await post(api.url, { query, variables }, headers as Record<string, string>)).answer;
}

const codes = (answer: Answer) => answer.errors?.map((error) => error.extensions?.code);

const PLACE = `mutation ($input: PlaceOrderInput!) {
  placeOrder(input: $input) {
    __typename
    ... on OrderPlaced { existed order { id status filled averagePrice instrument { symbol } } }
    ... on Refusal { code message action }
  }
}`;
const input = {
  clientOrderId: 'one',
  instrument: ACME.id,
  account: `0x${'11'.repeat(20)}`,
  side: 'BUY',
  quantity: '2',
  limitPrice: '100.1',
};

describe("a node's market data", () => {
  it('is public, in decimals, best first, with its venues', async () => {
    const answer = await ask(`{
      book(instrument: "${ACME.id}", depth: 1) {
        version asOf cbbo { locked crossed bid { price } offer { price quantity venues { venue quantity } } }
        bids { price quantity } venues { venue { id membership } state halted haltReason bid { price } }
      }
      instrument(symbol: "BOND") { id isin tickSize lotSize currency lastTrade { price } }
      venues { id membership quotes lastSequence }
      listings(status: HALTED) { instrument { symbol } venue { id } exemption }
    }`);
    expect(answer).toEqual({
      data: {
        book: {
          version: 1,
          asOf: '2026-01-02T03:04:05.678Z',
          cbbo: {
            locked: true,
            crossed: false,
            bid: { price: '100.1' },
            offer: {
              price: '100.1',
              quantity: '3',
              venues: [
                { venue: 'alpha', quantity: '1' },
                { venue: 'beta', quantity: '2' },
              ],
            },
          },
          bids: [{ price: '100.1', quantity: '1.5' }],
          venues: [
            {
              venue: { id: 'alpha', membership: 'ACTIVE' },
              ...{ state: 'LIVE', halted: false, haltReason: null, bid: { price: '100.1' } },
            },
            {
              venue: { id: 'beta', membership: 'ACTIVE' },
              ...{ state: 'DEGRADED', halted: true, haltReason: 'news pending', bid: null },
            },
          ],
        },
        instrument: {
          ...{ id: BOND.id, isin: null, tickSize: '0.05', lotSize: '0.5', currency: 'USDX' },
          lastTrade: null,
        },
        venues: [
          { id: 'alpha', membership: 'ACTIVE', quotes: 'LIVE', lastSequence: 2 ** 33 },
          { id: 'beta', membership: 'ACTIVE', quotes: 'DEGRADED', lastSequence: 7 },
          { id: 'gamma', membership: 'CEASING', quotes: 'SILENT', lastSequence: null },
        ],
        listings: [
          { instrument: { symbol: 'BOND' }, venue: { id: 'alpha' }, exemption: 'REGISTERED' },
        ],
      },
    });
  });

  it('refuses a depth or a page out of bounds', async () => {
    for (const depth of [0, 11, 'null']) {
      const answer = await ask(`{ book(instrument: "${ACME.id}", depth: ${depth}) { version } }`);
      expect(codes(answer)).toEqual(['BAD_USER_INPUT']);
    }
    const token = await issuer.token();
    expect(codes(await ask('{ orders(first: 101) { edges { cursor } } }', token))).toEqual([
      'BAD_USER_INPUT',
    ]);
  });

  it("speaks for its own venue's node only", async () => {
    const answer = await ask(`{ venues { id node {
      framesPublished peers registryBlock venueLink { adapter state since reason listings { outcome } }
    } } }`);
    expect(answer.data?.venues).toEqual([
      {
        id: 'alpha',
        node: {
          ...{ framesPublished: 2 ** 40, peers: ['beta', 'gamma'], registryBlock: 42 },
          venueLink: {
            ...{ adapter: 'rest', state: 'CONNECTING', since: '2023-11-14T22:13:20.000Z' },
            ...{ reason: null, listings: null },
          },
        },
      },
      { id: 'beta', node: null },
      { id: 'gamma', node: null },
    ]);
    expect(answer.errors?.map(({ extensions }) => extensions)).toEqual([
      { code: 'NODE_ELSEWHERE', venue: 'beta' },
      { code: 'NODE_ELSEWHERE', venue: 'gamma' },
    ]);
  });
});

describe("the venue's list over the API", () => {
  it('is for the operator of the venue alone', async () => {
    const query = `{ venue(id: "alpha") { node { venueLink { listings {
      checkedAt outcome differenceCount onlyAtVenue passedOver differences { symbol field here venue }
    } } } } }`;
    const scope = 'settlement:operate';
    const asked = async (member: string) =>
      (await ask(query, await issuer.token({ member, scope }))).data;
    const told = {
      ...{ checkedAt: '2023-11-14T22:13:20.000Z', outcome: 'DIFFERENT', differenceCount: 1 },
      ...{ onlyAtVenue: 3, passedOver: 1 },
      differences: [{ symbol: 'ACME', field: 'TICK_SIZE', here: '0.1', venue: '0.01' }],
    };
    const answer = (listings: object | null) => ({ venue: { node: { venueLink: { listings } } } });
    expect(await asked('alpha')).toEqual(answer(told));
    expect(await asked('anna')).toEqual(answer(null));
  });
});

describe('orders over the API', () => {
  it.each([
    ['no token', async () => undefined, 'UNAUTHENTICATED'],
    ['an expired one', () => issuer.token({ lifetimeSeconds: -60 }), 'UNAUTHENTICATED'],
    ['one for another audience', () => issuer.token({ audience: 'x' }), 'UNAUTHENTICATED'],
    ['one without a signature', async () => 'eyJhbGciOiJub25lIn0.e30.', 'UNAUTHENTICATED'],
    ['one of another home', () => issuer.token({ home: 'beta' }), 'WRONG_HOME'],
    ['one without the scope', () => issuer.token({ scope: 'market:read' }), 'FORBIDDEN'],
  ])('are not for a caller with %s', async (_what, token, code) => {
    const proof = await token();
    const answer = await ask('{ venues { id } orders { edges { cursor } } }', proof);
    expect(codes(answer)).toEqual([code]);
    expect(answer.data?.orders).toBeNull();
    expect(answer.data?.venues).toHaveLength(3);
    expect(codes(await ask(PLACE, proof, { input }))).toEqual([code]);
    expect(api.orders.placeCalls()).toBe(0);
  });

  it('need the writing scope to be placed', async () => {
    const reader = await issuer.token({ scope: 'orders:read' });
    expect(codes(await ask(PLACE, reader, { input }))).toEqual(['FORBIDDEN']);
    expect(codes(await ask('mutation { cancelOrder(id: "x") { __typename } }', reader))).toEqual([
      'FORBIDDEN',
    ]);
    expect(await ask('{ orders { edges { cursor } } }', reader)).toEqual({
      data: { orders: { edges: [] } },
    });
  });

  it('are placed once, read back, paged, and canceled', async () => {
    const token = await issuer.token();
    const placed = {
      __typename: 'OrderPlaced',
      existed: false,
      order: {
        ...{ id: 'alpha-1', status: 'PARTIALLY_FILLED', filled: '1', averagePrice: '100.1' },
        instrument: { symbol: 'ACME' },
      },
    };
    expect(await ask(PLACE, token, { input })).toEqual({ data: { placeOrder: placed } });
    expect(await ask(PLACE, token, { input })).toEqual({
      data: { placeOrder: { ...placed, existed: true } },
    });
    await ask(PLACE, token, { input: { ...input, clientOrderId: 'two' } });
    const page = await ask(
      `{ orders(first: 1) { edges { node { clientOrderId } } pageInfo { endCursor hasNextPage } }
         next: orders(first: 5, after: "2") { edges { node { clientOrderId } } } }`,
      token,
    );
    expect(page.data).toEqual({
      orders: {
        edges: [{ node: { clientOrderId: 'two' } }],
        pageInfo: { endCursor: '2', hasNextPage: true },
      },
      next: { edges: [{ node: { clientOrderId: 'one' } }] },
    });
    const canceled = await ask(
      'mutation { cancelOrder(id: "alpha-1") { ... on CancelRequested { order { status } } } }',
      token,
    );
    expect(canceled.data?.cancelOrder).toEqual({ order: { status: 'PENDING_CANCEL' } });
    const settled = await ask(
      '{ settlements { state blockNumber legs { quantity amount } } order(clientOrderId: "one") { legs { venue { id quotes } limitPrice } settlements { batchId } } }',
      token,
    );
    expect(settled.data?.settlements).toEqual([
      { state: 'SETTLED', blockNumber: 77, legs: [{ quantity: '1', amount: '100.1' }] },
    ]);
    expect(settled.data?.order).toMatchObject({
      legs: [{ venue: { id: 'beta', quotes: 'DEGRADED' }, limitPrice: '100.1' }],
    });
    const stranger = await issuer.token({ member: 'other' });
    expect(await ask('{ order(id: "alpha-1") { id } }', stranger)).toEqual({
      data: { order: null },
    });
  });

  it('that cannot be are refused as values', async () => {
    const token = await issuer.token();
    const refusals = [
      [{ quantity: '13' }, 'CLAIM_MISSING', 'NotEligible'],
      [{ quantity: '1.0001' }, 'TOO_MANY_DECIMALS', 'InvalidInput'],
      [{ instrument: `eip155:1/erc20:0x${'00'.repeat(20)}` }, 'INSTRUMENT_UNKNOWN', 'NotFound'],
    ] as const;
    for (const [change, code, type] of refusals) {
      const answer = await ask(PLACE, token, { input: { ...input, ...change } });
      expect(answer).toMatchObject({ data: { placeOrder: { __typename: type, code } } });
    }
    const unknown = 'mutation { cancelOrder(id: "alpha-99") { ... on NotFound { code } } }';
    expect((await ask(unknown, token)).data?.cancelOrder).toEqual({ code: 'ORDER_UNKNOWN' });
  });

  it('are no orders where the operation itself is wrong: an amount as a number, an unknown side', async () => {
    const token = await issuer.token();
    for (const change of [
      { quantity: 2 },
      { side: 'HOLD' },
      { timeInForce: 7 },
      { colour: 'red' },
    ]) {
      const answer = await ask(PLACE, token, { input: { ...input, ...change } });
      expect(codes(answer)).toEqual(['BAD_USER_INPUT']);
      expect(answer.errors?.[0]?.message).toContain(Object.keys(change)[0]);
    }
  });
});

describe('what crosses the API when something breaks', () => {
  it('is a code and a plain sentence; the rest goes to the log', async () => {
    const logged: unknown[] = [];
    const logger: Logger = {
      ...{ debug() {}, info() {}, warn() {} },
      error: (fields: unknown) => void logged.push(fields),
      child: () => logger,
    };
    const broken = await startSampleApi(
      'alpha',
      issuer.options,
      {},
      {
        logger,
        blotter: {
          ...createSampleOrders('alpha').blotter,
          async ordersNamed() {
            throw new Error('password authentication failed for user "stoa"');
          },
          async orders() {
            throw new CodedError('DATABASE_UNREACHABLE', 'postgres://secret@host is down');
          },
        },
      },
    );
    opened.push(broken);
    const { answer } = await post(
      broken.url,
      { query: '{ order(id: "x") { id } orders { edges { cursor } } }' },
      { authorization: `Bearer ${await issuer.token()}` },
    );
    expect(answer).toEqual({
      data: { order: null, orders: null },
      errors: [
        {
          message: 'Unexpected error.',
          path: ['orders'],
          extensions: { code: 'DATABASE_UNREACHABLE' },
        },
        // Names are gathered for a turn before they are looked up.
        {
          message: 'Unexpected error.',
          path: ['order'],
          extensions: { code: 'INTERNAL_SERVER_ERROR' },
        },
      ],
    });
    expect(logged).toHaveLength(2);
  });
});

describe('the guards before execution', () => {
  it('turn away what is too large', async () => {
    const large = { query: '{ venues { id } }', extensions: { x: 'x'.repeat(200_000) } };
    expect((await post(api.url, large)).status).toBe(413);
    const chunked = await fetch(`${api.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(JSON.stringify(large)));
          controller.close();
        },
      }),
      duplex: 'half',
    } as RequestInit);
    expect(chunked.status).toBe(413);
    const tokens = `{ ${'venues { id } '.repeat(1_000)} }`;
    expect((await post(api.url, { query: tokens })).answer.errors?.[0]?.message).toContain('token');
    const aliases = Array.from({ length: 40 }, (_, index) => `a${index}: venues { id }`).join(' ');
    expect(codes((await post(api.url, { query: `{ ${aliases} }` })).answer)).toEqual([
      'OPERATION_TOO_LARGE',
    ]);
  });

  it('turn away forms, batches, mutations by GET, and nonsense', async () => {
    const query = '{ venues { id } }';
    const form = await fetch(`${api.url}/graphql`, {
      method: 'POST',
      body: new URLSearchParams({ query }),
    });
    expect(form.status).toBe(415);
    expect((await post(api.url, [{ query }, { query }])).status).toBe(400);
    expect((await post(api.url, 'nonsense')).status).toBe(400);
    const mutation = encodeURIComponent('mutation { cancelOrder(id: "x") { __typename } }');
    expect((await fetch(`${api.url}/graphql?query=${mutation}`)).status).toBe(405);
    expect((await post(api.url, { query: '{ nothing }' })).answer.errors?.[0]?.message).toContain(
      'Cannot query field',
    );
  });
});

describe('the operational paths', () => {
  it('tell life, readiness and metrics', async () => {
    const market = createSampleMarket();
    const waiting = ['the registries were not read yet'];
    const metrics = new Registry();
    const one = await startSampleApi(
      'alpha',
      issuer.options,
      {},
      {
        market,
        metrics,
        readiness: () => waiting,
      },
    );
    opened.push(one);
    expect((await fetch(`${one.url}/livez`)).status).toBe(200);
    const unready = await fetch(`${one.url}/readyz`);
    expect(unready.status).toBe(503);
    expect(await unready.json()).toEqual({ ready: false, waitsFor: waiting });
    waiting.length = 0;
    expect((await fetch(`${one.url}/readyz`)).status).toBe(200);
    await post(one.url, { query: '{ venues { id } }' });
    await post(one.url, { query: '{ orders { edges { cursor } } }' });
    const text = await (await fetch(`${one.url}/metrics`)).text();
    expect(text).toContain('stoa_api_operations_total{type="query"} 2');
    expect(text).toContain('stoa_api_errors_total{code="UNAUTHENTICATED"} 1');
    expect((await fetch(`${one.url}/elsewhere`)).status).toBe(404);
  });

  it('name the address that is taken', async () => {
    const port = Number(new URL(api.url).port);
    await expect(startSampleApi('alpha', issuer.options, { port })).rejects.toMatchObject({
      code: 'HTTP_LISTEN_FAILED',
    });
  });
});
