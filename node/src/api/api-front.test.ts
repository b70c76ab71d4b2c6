import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ApiServerNeeds, ApiServerOptions } from './api-server.ts';
import { type SampleApi, startSampleApi } from './testing/sample-api.ts';
import { ACME } from './testing/sample-market.ts';
import { createSampleOrders } from './testing/sample-orders.ts';
import { createTokenIssuer, type TokenIssuer } from './testing/token-issuer.ts';

let folder: string;
let issuer: TokenIssuer;
const opened: SampleApi[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-front-'));
  issuer = await createTokenIssuer(folder);
});
afterEach(async () => {
  for (const api of opened.splice(0)) await api.stop();
});
afterAll(() => rm(folder, { recursive: true }));

async function start(
  options: Partial<ApiServerOptions> = {},
  needs: Partial<ApiServerNeeds> = {},
): Promise<SampleApi> {
  const api = await startSampleApi('alpha', issuer.options, options, needs);
  opened.push(api);
  return api;
}

async function ask(
  { url }: SampleApi,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly response: Response; readonly text: string }> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { response, text: await response.text() };
}

const VENUES = { query: '{ venues { id } }' };

describe('the front of a server', () => {
  it('names requests, keeps good names, and dresses every answer', async () => {
    const api = await start({ front: { hstsSeconds: 60 } });
    const { headers } = (await ask(api, VENUES, { 'x-request-id': 'desk-00042' })).response;
    expect(headers.get('x-request-id')).toBe('desk-00042');
    expect(headers.get('strict-transport-security')).toContain('max-age=60');
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    const forged = await ask(api, VENUES, { 'x-request-id': 'a"b' });
    expect(forged.response.headers.get('x-request-id')).toMatch(/^[\w-]{36}$/);
  });

  it('limits an address, by the socket and not by what a header says', async () => {
    const api = await start({ front: { addressRate: { perSecond: 1, burst: 3 } } });
    const statuses = [];
    for (const client of ['1.1.1.1', '2.2.2.2', '3.3.3.3', '4.4.4.4']) {
      statuses.push((await ask(api, VENUES, { 'x-forwarded-for': client })).response.status);
    }
    expect(statuses).toEqual([200, 200, 200, 429]);
    const { response, text } = await ask(api, VENUES);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(text).toContain('"RATE_LIMITED"');
  });

  it('takes the address from as many proxies as are ours', async () => {
    const front = { trustedProxies: 1, addressRate: { perSecond: 1, burst: 1 } };
    const api = await start({ front });
    const from = async (chain: string) =>
      (await ask(api, VENUES, { 'x-forwarded-for': chain })).response.status;
    expect(await from('1.1.1.1')).toBe(200);
    expect(await from('2.2.2.2')).toBe(200);
    // What the client wrote itself stands further left.
    expect(await from('9.9.9.9, 2.2.2.2')).toBe(429);
    expect(await from('2001:db8::1')).toBe(200);
    expect(await from('2001:db8::ffff:1')).toBe(429);
  });

  it('lets pages of named sites read, and no others', async () => {
    const api = await start({ front: { corsOrigins: ['https://desk.example'] } });
    const preflight = await fetch(`${api.url}/graphql`, {
      method: 'OPTIONS',
      headers: { origin: 'https://desk.example', 'access-control-request-method': 'POST' },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('https://desk.example');
    expect(preflight.headers.get('access-control-allow-headers')).toContain('dpop');
    const { response } = await ask(api, VENUES, { origin: 'https://evil.example' });
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
    expect(response.headers.get('vary')).toContain('origin');
  });

  it('tells counts on a port of its own, or to this machine alone', async () => {
    const here = await start();
    expect((await fetch(`${here.url}/metrics`)).status).toBe(200);
    const apart = await start({ operations: { host: '127.0.0.1', port: 0 } });
    expect((await fetch(`${apart.url}/metrics`)).status).toBe(404);
    expect(await (await fetch(`${apart.operationsUrl}/metrics`)).text()).toContain('stoa_api_');
    expect((await fetch(`${apart.operationsUrl}/graphql`)).status).toBe(404);
    const open = await start({ host: '0.0.0.0' });
    const { port } = new URL(open.url);
    expect((await fetch(`http://127.0.0.1:${port}/metrics`)).status).toBe(404);
    // A load balancer needs to know whether, not why.
    expect(await (await fetch(`http://127.0.0.1:${port}/readyz`)).json()).toEqual({ ready: true });
  });

  it('says where its tokens come from', async () => {
    const api = await start();
    for (const path of ['oauth-protected-resource', 'oauth-protected-resource/graphql']) {
      expect(await (await fetch(`${api.url}/.well-known/${path}`)).json()).toMatchObject({
        resource: `${api.url}/graphql`,
        authorization_servers: [issuer.options.issuer],
        bearer_methods_supported: ['header'],
        dpop_signing_alg_values_supported: ['EdDSA', 'ES256'],
      });
    }
  });
});

describe('the guards of a server', () => {
  it('limit the operations of a client, by type, whichever address it comes from', async () => {
    const api = await start({ guards: { rates: { query: { perSecond: 1, burst: 2 } } } });
    const bearer = async (member: string) => ({
      authorization: `Bearer ${await issuer.token({ member })}`,
    });
    const mine = await bearer('limited');
    for (let turn = 0; turn < 2; turn += 1) await ask(api, VENUES, mine);
    const refused = await ask(api, VENUES, mine);
    expect([refused.response.status, refused.response.headers.get('retry-after')]).toEqual([
      429,
      '1',
    ]);
    expect(refused.text).toContain('"RATE_LIMITED"');
    expect((await ask(api, VENUES, await bearer('another'))).response.status).toBe(200);
    // Mutations are counted apart.
    const act = { query: 'mutation { cancelAllOrders { __typename } }' };
    expect((await ask(api, act, mine)).text).not.toContain('RATE_LIMITED');
  });

  it('count operations and streams without a token by who is behind the proxy, and a network as one', async () => {
    const api = await start({
      front: { trustedProxies: 1 },
      guards: { rates: { query: { perSecond: 0.01, burst: 1 } } },
      streams: { maxSubscriptionsPerClient: 1 },
    });
    const leaving = new AbortController();
    const from = (client: string, query: string, accept: string) =>
      fetch(`${api.url}/graphql`, {
        ...{ method: 'POST', body: JSON.stringify({ query }), signal: leaving.signal },
        headers: { 'content-type': 'application/json', accept, 'x-forwarded-for': client },
      });
    const clients = ['1.1.1.1', '2.2.2.2', '2001:db8::1', '2001:db8::2'];
    const told: string[] = [];
    for (const client of clients) {
      const { status } = await from(client, VENUES.query, 'application/json');
      const book = `subscription { book(instrument: "${ACME.id}") { version } }`;
      const response = await from(client, book, 'text/event-stream');
      const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
      let text = '';
      while (!/event: (next|complete)/.test(text)) text += (await reader?.read())?.value ?? '';
      told.push(`${status} ${/TOO_MANY_SUBSCRIPTIONS/.exec(text)?.[0]}`);
    }
    leaving.abort();
    expect(told).toEqual([
      ...['200 undefined', '200 undefined', '200 undefined'],
      '429 TOO_MANY_SUBSCRIPTIONS',
    ]);
  });

  it('tell the schema to whom the policy says', async () => {
    const schema = { query: '{ ...S } fragment S on Query { __schema { queryType { name } } }' };
    const member = { authorization: `Bearer ${await issuer.token()}` };
    const members = await start({ guards: { introspection: 'members' } });
    expect((await ask(members, schema)).text).toContain('INTROSPECTION_OFF');
    expect((await ask(members, schema, member)).text).toContain('"queryType"');
    const off = await start({ guards: { introspection: 'off' } });
    expect((await ask(off, schema, member)).text).toContain('INTROSPECTION_OFF');
    expect((await ask(off, { query: '{ __typename }' })).text).toContain('"Query"');
  });

  it('take persisted operations by their hash, and nothing else where that is the policy', async () => {
    const hash = createHash('sha256').update(VENUES.query).digest('hex');
    const persistedOperationsFile = join(folder, 'operations.json');
    await writeFile(persistedOperationsFile, JSON.stringify({ [`sha256:${hash}`]: VENUES.query }));
    const api = await start({ guards: { persistedOperationsFile, onlyPersisted: true } });
    const named = [
      { documentId: `sha256:${hash}` },
      { extensions: { persistedQuery: { version: 1, sha256Hash: hash } } },
    ];
    for (const body of named) expect((await ask(api, body)).text).toContain('"venues":[');
    const free = await ask(api, { query: '{ venues { quotes } }' });
    expect([free.response.status, free.text]).toEqual([
      403,
      expect.stringContaining('PERSISTED_OPERATIONS_ONLY'),
    ]);
    // The name of one does not let another through.
    const other = await ask(api, { ...named[0], query: '{ instruments { id } }' });
    expect(other.text).not.toContain('instruments');
    const unknown = await ask(api, { documentId: `sha256:${'0'.repeat(64)}` });
    expect(unknown.text).toContain('PERSISTED_OPERATION_UNKNOWN');
  });

  it('do not start with a persisted operation under the hash of another', async () => {
    const persistedOperationsFile = join(folder, 'wrong.json');
    await writeFile(
      persistedOperationsFile,
      JSON.stringify({ [`sha256:${'0'.repeat(64)}`]: VENUES.query }),
    );
    await expect(start({ guards: { persistedOperationsFile } })).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
    });
  });

  it('give up a query that takes too long, and no mutation', async () => {
    const orders = createSampleOrders('alpha');
    const late = async <T>(answer: () => Promise<T>): Promise<T> => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      return answer();
    };
    const api = await start(
      { guards: { maxQueryMs: 50 } },
      {
        blotter: {
          ...orders.blotter,
          orders: (...given) => late(async () => orders.blotter.orders(...given)),
        },
        orders: { ...orders, cancelAll: (...given) => late(() => orders.cancelAll(...given)) },
      },
    );
    const token = { authorization: `Bearer ${await issuer.token()}` };
    const query = await ask(api, { query: '{ orders { edges { cursor } } }' }, token);
    expect(query.text).toContain('OPERATION_TIMEOUT');
    const act = { query: 'mutation { cancelAllOrders { ... on CancelAllRequested { count } } }' };
    expect((await ask(api, act, token)).text).toContain('"count"');
  });
});
