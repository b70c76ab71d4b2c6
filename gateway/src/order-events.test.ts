import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HttpServer } from '@stoa/node/market-api';
import { createLogger } from '@stoa/node/observer';
import { until } from '@stoa/node/testing/until';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createGateway, type GatewayOptions } from './gateway.ts';
import { readServerSentEvents } from './sse-reader.ts';
import { createMemoryAudit } from './testing/memory-audit.ts';
import { type NodeProcess, startNodeProcess } from './testing/node-process.ts';
import { createSampleView, SAMPLE_INSTRUMENT, sampleDirectory } from './testing/sample-view.ts';
import { createTokenIssuer, type TokenIssuer } from './testing/token-issuer.ts';

let folder: string;
let issuer: TokenIssuer;
let node: NodeProcess;
const opened: { stop(): unknown }[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-gateway-'));
  issuer = await createTokenIssuer(folder);
  node = await startNodeProcess('beta', issuer.options);
});
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.stop();
});
afterAll(async () => {
  await node.kill('SIGTERM');
  await rm(folder, { recursive: true });
});

async function startGateway(
  urls: readonly (readonly [string, string])[],
  options: Partial<GatewayOptions> = {},
): Promise<HttpServer> {
  const gateway = await createGateway(
    { host: '127.0.0.1', port: 0, tokens: issuer.options, nodes: new Map(urls), ...options },
    {
      market: createSampleView(),
      ...{ directory: sampleDirectory, audit: createMemoryAudit(), readiness: () => [] },
      metrics: new Registry(),
      logger: createLogger('gateway', 'silent'),
    },
  );
  opened.push(gateway);
  return gateway;
}

interface Update {
  readonly data?: {
    readonly orderEvents: { readonly sequence: number; readonly event: unknown } | null;
  } | null;
  readonly errors?: readonly { message: string; extensions?: Record<string, unknown> }[];
}

/** Watches orders; `updates` grows as they come, and `ended` says whether the stream is over. */
async function watch(url: string, token: string | undefined, after: number | null, fields = '') {
  const ended = new AbortController();
  opened.push({ stop: () => ended.abort() });
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    signal: ended.signal,
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    },
    body: JSON.stringify({
      query: `subscription ($after: SafeInt) { orderEvents(after: $after) { sequence event { kind ${fields} } } }`,
      variables: { after },
    }),
  });
  const updates: Update[] = [];
  const state = { updates, ended: false, close: () => ended.abort() };
  const body = response.body as AsyncIterable<Uint8Array>;
  void (async () => {
    for await (const { event, data } of readServerSentEvents(body, 100_000)) {
      if (event === 'next') updates.push(JSON.parse(data) as Update);
    }
  })()
    .catch(() => undefined)
    .finally(() => {
      state.ended = true;
    });
  return state;
}

async function place(url: string, token: string, clientOrderId: string): Promise<void> {
  const input = {
    ...{ clientOrderId, instrument: SAMPLE_INSTRUMENT.id, account: `0x${'11'.repeat(20)}` },
    ...{ side: 'BUY', quantity: '2', limitPrice: '100.1' },
  };
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({
      query:
        'mutation ($input: PlaceOrderInput!) { placeOrder(input: $input) { ... on OrderPlaced { existed } } }',
      variables: { input },
    }),
  });
  expect(await response.json()).toMatchObject({ data: { placeOrder: { existed: false } } });
}

const sequences = ({ updates }: { readonly updates: readonly Update[] }) =>
  updates.map(({ data }) => data?.orderEvents?.sequence);

describe("a member's order events through the gateway", () => {
  it('come from the home node, with what other subgraphs know of them', async () => {
    const gateway = await startGateway([['beta', node.url]]);
    const token = await issuer.token('broker', 'beta');
    const stream = await watch(
      gateway.url,
      token,
      null,
      'price quantity order { id instrument { symbol book { version } } legs { venue { quotes } } }',
    );
    await until(() => stream.updates.length === 1);
    await place(gateway.url, token, 'watched');
    await until(() => stream.updates.length === 2);
    expect(stream.updates).toEqual([
      { data: { orderEvents: { sequence: 0, event: null } } },
      {
        data: {
          orderEvents: {
            sequence: 1,
            event: {
              ...{ kind: 'LEG_EXECUTED', price: '100.1', quantity: '1' },
              order: {
                id: 'beta-1',
                instrument: { symbol: 'ACME', book: { version: 1 } },
                legs: [{ venue: { quotes: 'LIVE' } }],
              },
            },
          },
        },
      },
    ]);
    const stranger = await watch(gateway.url, await issuer.token('other', 'beta'), 0);
    await until(() => stranger.updates.length === 1);
    expect(sequences(stranger)).toEqual([0]);
  });

  it('end at the node when their reader goes', async () => {
    const gateway = await startGateway([['beta', node.url]]);
    const token = await issuer.token('reader', 'beta');
    const before = await node.subscriptions();
    const stream = await watch(gateway.url, token, 0);
    await until(async () => (await node.subscriptions()) === before + 1);
    stream.close();
    await until(async () => (await node.subscriptions()) === before);
  });

  it.each([
    ['no token', async () => undefined, 'UNAUTHENTICATED'],
    ['another home', () => issuer.token('broker', 'nowhere'), 'NODE_UNAVAILABLE'],
  ])('are refused to a caller with %s', async (_what, tokenOf, code) => {
    const gateway = await startGateway([['beta', node.url]]);
    const stream = await watch(gateway.url, await tokenOf(), 0);
    await until(() => stream.ended);
    expect(stream.updates).toMatchObject([{ errors: [{ extensions: { code } }] }]);
  });

  it('pass on what the node refuses', async () => {
    const gateway = await startGateway([['beta', node.url]]);
    const stream = await watch(gateway.url, await issuer.token('broker', 'beta'), 77);
    await until(() => stream.ended);
    expect(stream.updates).toMatchObject([
      { errors: [{ extensions: { code: 'SEQUENCE_UNKNOWN' } }] },
    ]);
  });

  it('are bounded in number, and end with the gateway', async () => {
    const gateway = await startGateway([['beta', node.url]], { streams: { maxSubscriptions: 1 } });
    const token = await issuer.token('bounded', 'beta');
    const first = await watch(gateway.url, token, 0);
    await until(() => first.updates.length === 1);
    const second = await watch(gateway.url, token, 0);
    await until(() => second.ended);
    expect(second.updates).toMatchObject([
      { errors: [{ extensions: { code: 'TOO_MANY_SUBSCRIPTIONS' } }] },
    ]);
    const startedAt = Date.now();
    await gateway.stop();
    expect(Date.now() - startedAt).toBeLessThan(1_500);
    await until(() => first.ended);
  });
});

/** A home node with nine events: it cuts its stream after three, as one that is killed does. */
async function frailNode(port = 0) {
  const asked: { after: number; authorization: string | undefined }[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk) => {
      text += chunk;
    });
    request.on('end', () => {
      const { variables } = JSON.parse(text) as { variables: { after: number } };
      asked.push({ after: variables.after, authorization: request.headers.authorization });
      tell(response, variables.after);
    });
  });
  function tell(response: ServerResponse, after: number): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (let sequence = after + 1; sequence <= Math.min(after + 3, 9); sequence += 1) {
      const data = { orderEvents: { sequence, event: { kind: 'LEG_EXECUTED' } } };
      response.write(`event: next\ndata: ${JSON.stringify({ data })}\n\n`);
    }
    if (after >= 6) response.end('event: complete\ndata:\n\n');
  }
  server.on('connection', (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const die = (): Promise<unknown> => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  };
  opened.push({ stop: die });
  const own = (server.address() as AddressInfo).port;
  return { url: `http://127.0.0.1:${own}/graphql`, port: own, asked, die };
}

describe('when the home node goes away', () => {
  it('its reader is told, goes on from its number, and misses and repeats nothing', async () => {
    const first = await frailNode();
    const gateway = await startGateway([['beta', first.url]]);
    const token = await issuer.token('broker', 'beta');
    const one = await watch(gateway.url, token, 0);
    await until(() => one.updates.length === 3);
    await first.die();
    await until(() => one.ended);
    expect(sequences(one)).toEqual([1, 2, 3, undefined]);
    expect(one.updates[3]?.errors).toMatchObject([
      { extensions: { code: 'NODE_UNAVAILABLE', venue: 'beta' } },
    ]);

    const down = await watch(gateway.url, token, 3);
    await until(() => down.ended);
    expect(down.updates).toMatchObject([
      { errors: [{ extensions: { code: 'NODE_UNAVAILABLE' } }] },
    ]);

    const again = await frailNode(first.port);
    const two = await watch(gateway.url, token, 3);
    await until(() => two.updates.length === 3);
    two.close();
    const three = await watch(gateway.url, token, 6);
    await until(() => three.ended);
    expect([...sequences(two), ...sequences(three)]).toEqual([4, 5, 6, 7, 8, 9]);
    expect(again.asked).toEqual([
      { after: 3, authorization: `Bearer ${token}` },
      { after: 6, authorization: `Bearer ${token}` },
    ]);
  });

  it('one that says nothing at all is given up', async () => {
    const silent = await frailNode();
    const gateway = await startGateway([['beta', silent.url]], {
      timeouts: { streamSilenceMs: 200 },
    });
    const stream = await watch(gateway.url, await issuer.token('broker', 'beta'), 0);
    await until(() => stream.ended);
    expect(stream.updates.at(-1)?.errors).toMatchObject([
      { message: expect.stringContaining('silent for 200 ms') },
    ]);
  });
});
