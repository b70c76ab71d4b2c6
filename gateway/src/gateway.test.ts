import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HttpServer } from '@stoa/node/market-api';
import { createLogger } from '@stoa/node/observer';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createGateway, type GatewayOptions } from './gateway.ts';
import { createMemoryAudit } from './testing/memory-audit.ts';
import { type NodeProcess, startNodeProcess } from './testing/node-process.ts';
import { createSampleView, SAMPLE_INSTRUMENT, sampleDirectory } from './testing/sample-view.ts';
import { createTokenIssuer, type TokenIssuer } from './testing/token-issuer.ts';

const VENUES = ['alpha', 'beta', 'gamma'];

let folder: string;
let issuer: TokenIssuer;
let nodes: NodeProcess[] = [];
let gateway: HttpServer;
const opened: { stop(): Promise<unknown> }[] = [];

function startGateway(
  urls: readonly (readonly [string, string])[],
  options: Partial<GatewayOptions> = {},
): Promise<HttpServer> {
  return createGateway(
    { host: '127.0.0.1', port: 0, tokens: issuer.options, nodes: new Map(urls), ...options },
    {
      market: createSampleView(),
      ...{ directory: sampleDirectory, audit: createMemoryAudit(), readiness: () => [] },
      metrics: new Registry(),
      logger: createLogger('gateway', 'silent'),
    },
  );
}

const nodeUrls = () =>
  VENUES.map((venue, index) => [venue, nodes[index]?.url ?? ''] as readonly [string, string]);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-gateway-'));
  issuer = await createTokenIssuer(folder);
  nodes = await Promise.all(VENUES.map((venue) => startNodeProcess(venue, issuer.options)));
  gateway = await startGateway(nodeUrls());
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.stop();
});
afterAll(async () => {
  await Promise.all(nodes.map((node) => node.kill('SIGTERM')));
  await gateway.stop();
  await rm(folder, { recursive: true });
});

interface Answer {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: readonly {
    message: string;
    path?: (string | number)[];
    extensions?: Record<string, unknown>;
  }[];
}

async function ask(url: string, query: string, token?: string, variables?: object) {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    },
    body: JSON.stringify({ query, variables }),
  });
  return (await response.json()) as Answer;
}

/** A node that counts what it is sent, and does with it what the test says. */
async function countingNode(handle: (request: IncomingMessage, response: ServerResponse) => void) {
  const bodies: { query: string; authorization: string | undefined }[] = [];
  const server: Server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      bodies.push({
        query: (JSON.parse(body) as { query: string }).query,
        authorization: request.headers.authorization,
      });
      handle(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.push({
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`,
    bodies,
  };
}

const PLACE = `mutation ($input: PlaceOrderInput!) {
  placeOrder(input: $input) {
    ... on OrderPlaced { existed order { id status instrument { symbol book { version } } } }
    ... on Refusal { code }
  }
}`;
const input = {
  clientOrderId: 'one',
  instrument: SAMPLE_INSTRUMENT.id,
  account: `0x${'11'.repeat(20)}`,
  side: 'BUY',
  quantity: '2',
  limitPrice: '100.1',
};
const NODES = '{ venues { id quotes node { peers framesPublished } } instruments { symbol } }';

describe('the gateway', () => {
  it('answers the market itself and each venue from its own node', async () => {
    const answer = await ask(gateway.url, NODES);
    expect(answer.errors).toBeUndefined();
    expect(answer.data).toMatchObject({
      instruments: [{ symbol: 'ACME' }],
      venues: VENUES.map((id) => ({ id, quotes: 'LIVE', node: { peers: ['beta', 'gamma'] } })),
    });
  });

  it("places at the caller's home and answers across subgraphs", async () => {
    const token = await issuer.token('broker', 'beta');
    expect(await ask(gateway.url, PLACE, token, { input })).toEqual({
      data: {
        placeOrder: {
          existed: false,
          order: {
            id: 'beta-1',
            status: 'PARTIALLY_FILLED',
            instrument: { symbol: 'ACME', book: { version: 1 } },
          },
        },
      },
    });
    expect(await nodes[1]?.operations('mutation')).toBe(1);
    const read = await ask(
      gateway.url,
      `{ orders { edges { node { id legs { venue { id quotes node { framesPublished } } } settlements { state } } } }
         settlements { blockNumber } }`,
      token,
    );
    expect(read).toEqual({
      data: {
        orders: {
          edges: [
            {
              node: {
                id: 'beta-1',
                // A leg's venue is asked of that venue's node, not of the home node.
                legs: [
                  { venue: { id: 'beta', quotes: 'LIVE', node: { framesPublished: 2 ** 40 } } },
                ],
                settlements: [{ state: 'SETTLED' }],
              },
            },
          ],
        },
        settlements: [{ blockNumber: 77 }],
      },
    });
    const elsewhere = await issuer.token('broker', 'alpha');
    expect(await ask(gateway.url, '{ orders { edges { cursor } } }', elsewhere)).toEqual({
      data: { orders: { edges: [] } },
    });
  });

  it("has the past and what an account could settle from the caller's home node", async () => {
    const account = `0x${'22'.repeat(20)}`;
    const query = `{
      bookAt(instrument: "${SAMPLE_INSTRUMENT.id}", at: "2023-11-14T22:13:20.000Z") { digest complete }
      settleableBook(instrument: "${SAMPLE_INSTRUMENT.id}", account: "${account}") {
        bid { price venues } buyRefusal { code }
      }
      book(instrument: "${SAMPLE_INSTRUMENT.id}") { digest }
    }`;
    const answer = await ask(gateway.url, query, await issuer.token('broker', 'beta'));
    expect(answer).toEqual({
      data: {
        bookAt: { digest: expect.stringMatching(/^[0-9a-f]{64}$/), complete: true },
        settleableBook: {
          bid: { price: '100.1', venues: ['alpha'] },
          buyRefusal: { code: 'CLAIM_MISSING' },
        },
        book: { digest: expect.stringMatching(/^[0-9a-f]{64}$/) },
      },
    });
    const anonymous = await ask(gateway.url, query);
    expect(anonymous.data).toMatchObject({ bookAt: null, settleableBook: null });
    expect(anonymous.data?.['book']).not.toBeNull();
  });

  it('passes refusals and input errors on as the home node gives them', async () => {
    const token = await issuer.token('broker', 'beta');
    const refused = await ask(gateway.url, PLACE, token, { input: { ...input, quantity: '13' } });
    expect(refused).toEqual({ data: { placeOrder: { code: 'CLAIM_MISSING' } } });
    const wrong = await ask(gateway.url, PLACE, token, { input: { ...input, quantity: 2.5 } });
    expect(wrong.errors?.[0]?.message).toContain('non string value');
    const many = await ask(gateway.url, '{ orders(first: 1000) { edges { cursor } } }', token);
    expect(many).toMatchObject({
      data: { orders: null },
      errors: [{ path: ['orders'], extensions: { code: 'BAD_USER_INPUT' } }],
    });
  });

  it.each([
    ['no token', async () => undefined, 'UNAUTHENTICATED'],
    ['an expired token', () => issuer.token('broker', 'beta', -60), 'UNAUTHENTICATED'],
    ['a home it does not know', () => issuer.token('broker', 'omega'), 'NODE_UNAVAILABLE'],
  ])('answers the public part of a caller with %s', async (_what, token, code) => {
    const query = '{ venues { id } orders { edges { cursor } } }';
    const answer = await ask(gateway.url, query, await token());
    expect(answer).toMatchObject({
      data: { venues: VENUES.map((id) => ({ id })), orders: null },
      errors: [{ path: ['orders'], extensions: { code } }],
    });
    expect(answer.errors).toHaveLength(1);
  });

  it('tells what is wrong with a market query, as a literal and as a variable', async () => {
    const literal = await ask(
      gateway.url,
      '{ venues { id } book(instrument: "ACME") { version } }',
    );
    expect(literal.errors?.[0]).toMatchObject({
      message: expect.stringContaining('CAIP-19'),
      extensions: { code: 'BAD_USER_INPUT' },
    });
    const query =
      'query ($id: InstrumentId!, $depth: Int) { book(instrument: $id, depth: $depth) { version } }';
    const variable = await ask(gateway.url, query, undefined, { id: 'ACME' });
    expect(variable).toMatchObject({
      errors: [{ message: expect.stringContaining('CAIP-19') }],
    });
    const id = SAMPLE_INSTRUMENT.id;
    expect(await ask(gateway.url, query, undefined, { id, depth: 11 })).toMatchObject({
      data: { book: null },
      errors: [{ path: ['book'], extensions: { code: 'BAD_USER_INPUT' } }],
    });
  });

  it('refuses what is too large before it asks any node', async () => {
    const aliases = Array.from({ length: 40 }, (_, index) => `a${index}: venues { id }`).join(' ');
    const answer = await ask(gateway.url, `{ ${aliases} }`);
    expect(answer.errors?.[0]?.extensions?.code).toBe('OPERATION_TOO_LARGE');
    const form = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      body: new URLSearchParams({ query: '{ venues { id } }' }),
    });
    expect(form.status).toBe(415);
  });

  it('shows GraphiQL with examples, from our own packages', async () => {
    const own = await startGateway(nodeUrls(), { graphiqlToken: 'demo-token' });
    opened.push(own);
    const page = await fetch(`${own.url}/graphql`, { headers: { accept: 'text/html' } });
    const html = await page.text();
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(html).toContain('subscription WatchBook');
    expect(html).toContain('Bearer demo-token');
    expect(html).not.toContain('unpkg.com');
  });
});

describe('when nodes fail', () => {
  it('a killed node loses its own fields, by name, and nothing else', async () => {
    const three = await Promise.all(VENUES.map((venue) => startNodeProcess(venue, issuer.options)));
    const own = await startGateway(VENUES.map((venue, index) => [venue, three[index]?.url ?? '']));
    opened.push(own, { stop: () => Promise.all(three.map((node) => node.kill('SIGKILL'))) });
    expect((await ask(own.url, NODES)).errors).toBeUndefined();
    await three[1]?.kill('SIGKILL');

    const answer = await ask(own.url, NODES);
    expect(answer.data).toMatchObject({
      instruments: [{ symbol: 'ACME' }],
      venues: [
        { id: 'alpha', quotes: 'LIVE', node: { framesPublished: 2 ** 40 } },
        { id: 'beta', quotes: 'LIVE', node: null },
        { id: 'gamma', quotes: 'LIVE', node: { framesPublished: 2 ** 40 } },
      ],
    });
    expect(answer.errors).toHaveLength(1);
    expect(answer.errors?.[0]).toMatchObject({
      path: ['venues', 1, 'node'],
      extensions: { code: 'NODE_UNAVAILABLE', venue: 'beta' },
    });
    const token = await issuer.token('broker', 'beta');
    const homeless = await ask(own.url, '{ venues { id } orders { edges { cursor } } }', token);
    expect(homeless).toMatchObject({
      data: { venues: [{}, {}, {}], orders: null },
      errors: [{ path: ['orders'], extensions: { code: 'NODE_UNAVAILABLE', venue: 'beta' } }],
    });
    expect(await ask(own.url, PLACE, token, { input })).toMatchObject({
      errors: [{ extensions: { code: 'NODE_UNAVAILABLE', venue: 'beta', outcome: 'NOT_SENT' } }],
    });
    const other = await issuer.token('broker', 'alpha');
    expect((await ask(own.url, PLACE, other, { input })).errors).toBeUndefined();
  });

  it('a late node is given up after its deadline, and the others are not kept waiting', async () => {
    const silent = await countingNode(() => {});
    const own = await startGateway(
      [['beta', silent.url], ...nodeUrls().filter(([id]) => id !== 'beta')],
      {
        timeouts: { venueTimeoutMs: 300 },
      },
    );
    opened.push(own);
    const startedAt = Date.now();
    const answer = await ask(own.url, NODES);
    expect(Date.now() - startedAt).toBeLessThan(1_500);
    expect(answer.errors).toMatchObject([
      { message: expect.stringContaining('300 ms'), extensions: { venue: 'beta' } },
    ]);
    expect(answer.data).toMatchObject({ venues: [{ node: {} }, { node: null }, { node: {} }] });
  });

  it('a mutation is sent once, whatever becomes of it', async () => {
    const ways: [string, (request: IncomingMessage, response: ServerResponse) => void][] = [
      ['cut', (request) => request.socket.destroy()],
      ['500', (_request, response) => response.writeHead(500).end('oops')],
      ['503', (_request, response) => response.writeHead(503, { 'retry-after': '0' }).end('{}')],
      ['late', () => {}],
    ];
    const token = await issuer.token('broker', 'beta');
    for (const [way, handle] of ways) {
      let isReading = true;
      const node = await countingNode((request, response) => {
        if (isReading) response.end(JSON.stringify({ data: { orders: { edges: [] } } }));
        else handle(request, response);
      });
      const own = await startGateway([['beta', node.url]], {
        timeouts: { mutationTimeoutMs: 300 },
      });
      // Leaves an open connection behind: the one place where a client might think of sending again.
      await ask(own.url, '{ orders { edges { cursor } } }', token);
      isReading = false;
      const answer = await ask(own.url, PLACE, token, { input });
      expect(answer.errors, way).toMatchObject([
        { extensions: { code: 'NODE_UNAVAILABLE', venue: 'beta', outcome: 'UNKNOWN' } },
      ]);
      expect(node.bodies.filter(({ query }) => query.includes('mutation'))).toHaveLength(1);
      await own.stop();
    }
  });

  it('a query meets no connection that the node has closed', async () => {
    let answers = 0;
    const node = await countingNode((request, response) => {
      answers += 1;
      // The first answer leaves a connection that looks alive and is cut under the second question.
      if (answers === 2) request.socket.destroy();
      else response.end(JSON.stringify({ data: { orders: { edges: [] } } }));
    });
    const own = await startGateway([['beta', node.url]]);
    opened.push(own);
    const token = await issuer.token('broker', 'beta');
    for (let turn = 0; turn < 2; turn += 1) {
      const answer = await ask(own.url, '{ orders { edges { cursor } } }', token);
      expect(answer).toEqual({ data: { orders: { edges: [] } } });
    }
    expect(answers).toBe(3);
  });
});

describe('two callers with one query', () => {
  it('are never merged, and each token goes to its own home only', async () => {
    const answerSlowly = (_request: IncomingMessage, response: ServerResponse) => {
      setTimeout(() => response.end(JSON.stringify({ data: { orders: { edges: [] } } })), 100);
    };
    const [home, other] = [await countingNode(answerSlowly), await countingNode(answerSlowly)];
    const own = await startGateway([
      ['alpha', home.url],
      ['beta', other.url],
    ]);
    opened.push(own);
    const tokens = [
      await issuer.token('broker', 'alpha'),
      await issuer.token('other', 'alpha'),
      await issuer.token('broker', 'beta'),
    ];
    const query = '{ orders { edges { cursor } } venues { node { version } } }';
    await Promise.all(tokens.map((token) => ask(own.url, query, token)));
    const seen = (bodies: typeof home.bodies) =>
      bodies.filter(({ query }) => query.includes('orders')).map((one) => one.authorization);
    expect(seen(home.bodies)).toHaveLength(2);
    expect(new Set(seen(home.bodies))).toEqual(
      new Set([`Bearer ${tokens[0]}`, `Bearer ${tokens[1]}`]),
    );
    expect(seen(other.bodies)).toEqual([`Bearer ${tokens[2]}`]);
    const venueCalls = [...home.bodies, ...other.bodies].filter(({ query }) =>
      query.includes('_entities'),
    );
    expect(venueCalls.length).toBeGreaterThan(0);
    expect(venueCalls.every(({ authorization }) => authorization === undefined)).toBe(true);
  });
});
