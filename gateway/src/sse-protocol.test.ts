import { connect } from 'node:net';
import { until } from '@stoa/node/testing/until';
import { auditServer } from 'graphql-http';
import { createClient } from 'graphql-sse';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  BOOK,
  ORDERS,
  PLACE,
  type ProtocolServers,
  placeOrder,
  startProtocolServers,
} from './testing/protocol-servers.ts';

let servers: ProtocolServers;
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  servers = await startProtocolServers();
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(() => servers.stop());

describe.each(['node', 'gateway'] as const)('the %s', (server) => {
  const urlOf = () => servers.urls[server];

  it("passes every MUST of graphql-http's audits", async () => {
    const results = await auditServer({ url: urlOf() });
    expect(results.length).toBeGreaterThan(50);
    const failed = results.filter(({ status }) => status === 'error');
    expect(failed.map(({ id, name }) => `${id} ${name}`)).toEqual([]);
  });

  describe('over Server-Sent Events, with the reference client', () => {
    it('streams public and private results, and ends what the client ends', async () => {
      const member = `sse-${server}`;
      const token = await servers.issuer.token(member, 'beta');
      const client = createClient({
        url: urlOf(),
        headers: { authorization: `Bearer ${token}` },
        retryAttempts: 0,
      });
      closing.push(() => client.dispose());
      const books = client.iterate({ query: BOOK });
      expect((await books.next()).value).toMatchObject({ data: { book: { version: 1 } } });
      await books.return?.();
      const orders = client.iterate({ query: ORDERS, variables: { after: 0 } });
      expect((await orders.next()).value).toEqual({
        data: { orderEvents: { sequence: 0, event: null } },
      });
      await placeOrder(urlOf(), `${member}-1`, token);
      expect((await orders.next()).value).toEqual({
        data: { orderEvents: { sequence: 1, event: { kind: 'LEG_EXECUTED' } } },
      });
      await orders.return?.();
    });

    it('answers queries and reports what does not validate as a result', async () => {
      const client = createClient({ url: urlOf(), retryAttempts: 0 });
      closing.push(() => client.dispose());
      const query = client.iterate({ query: '{ venues { id } }' });
      expect((await query.next()).value).toMatchObject({ data: { venues: expect.any(Array) } });
      expect((await query.next()).done).toBe(true);
      const wrong = client.iterate({ query: 'subscription { nothing }' });
      expect((await wrong.next()).value).toMatchObject({
        errors: [{ message: expect.stringContaining('nothing') }],
      });
      expect((await wrong.next()).done).toBe(true);
      const refused = client.iterate({ query: ORDERS });
      expect((await refused.next()).value).toMatchObject({
        errors: [{ extensions: { code: 'UNAUTHENTICATED' } }],
      });
    });
  });

  describe('over Server-Sent Events, by hand', () => {
    async function open(init: RequestInit & { search?: string } = {}) {
      const stopping = new AbortController();
      closing.push(() => stopping.abort());
      const response = await fetch(`${urlOf()}${init.search ?? ''}`, {
        ...init,
        signal: stopping.signal,
        headers: { accept: 'text/event-stream', ...init.headers },
      });
      let text = '';
      const state = { response, text: () => text, close: () => stopping.abort(), ended: false };
      void (async () => {
        for await (const chunk of response.body ?? []) text += Buffer.from(chunk).toString();
      })()
        .catch(() => undefined)
        .finally(() => {
          state.ended = true;
        });
      return state;
    }
    const search = (query: string) => `?query=${encodeURIComponent(query)}`;

    it('numbers updates and tells one who comes back what it missed', async () => {
      const first = await open({ search: search(BOOK) });
      expect(first.response.headers.get('content-type')).toContain('text/event-stream');
      await until(() => first.text().includes('event: next'));
      const id = /^id: (\S+)$/m.exec(first.text())?.[1] ?? '';
      expect(id).toMatch(/\.1$/);
      const again = await open({ search: search(BOOK), headers: { 'last-event-id': id } });
      await until(() => again.text().includes('event: next'));
      expect(again.text()).toContain('"missed":0');
      const other = await open({ search: search(BOOK), headers: { 'last-event-id': 'other.7' } });
      await until(() => other.text().includes('event: next'));
      expect(other.text()).toContain('"missed":null');
    });

    it("goes on with a member's own events after the last id", async () => {
      const member = `resume-${server}`;
      const token = await servers.issuer.token(member, 'beta');
      const headers = { authorization: `Bearer ${token}` };
      for (const number of [1, 2, 3]) await placeOrder(urlOf(), `${member}-${number}`, token);
      const query = 'subscription { orderEvents(after: 0) { sequence event { kind } } }';
      const first = await open({ search: search(query), headers });
      await until(() => /^id: 3$/m.test(first.text()));
      expect([...first.text().matchAll(/^id: (\d+)$/gm)].map(([, id]) => id)).toEqual([
        ...['0', '1', '2', '3'],
      ]);
      first.close();
      const again = await open({
        search: search(query),
        headers: { ...headers, 'last-event-id': '2' },
      });
      await until(() => /^id: 3$/m.test(again.text()));
      expect([...again.text().matchAll(/^id: (\d+)$/gm)].map(([, id]) => id)).toEqual(['2', '3']);
      const wrong = await open({
        search: search(query),
        headers: { ...headers, 'last-event-id': 'x' },
      });
      await until(() => wrong.ended);
      expect(wrong.text()).toContain('BAD_USER_INPUT');
    });

    it.each([
      ['another method', { method: 'PUT' }, 405],
      ['a form', { method: 'POST', body: new URLSearchParams({ query: BOOK }) }, 415],
      [
        'no JSON',
        { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{' },
        400,
      ],
      [
        'no operation',
        { method: 'POST', headers: { 'content-type': 'application/json' }, body: '[]' },
        400,
      ],
      [
        'too large a body',
        {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ query: BOOK, variables: { x: 'x'.repeat(200_000) } }),
        },
        413,
      ],
      ['variables that are no JSON', { search: '?query=%7B__typename%7D&variables=%7B' }, 400],
    ])('refuses %s', async (_what, init, status) => {
      const { response } = await open(init);
      expect(response.status).toBe(status);
    });

    it('changes nothing by GET, and serves no stream to who accepts none', async () => {
      const token = await servers.issuer.token('getter', 'beta');
      const query = PLACE.replace('($id: String!)', '').replace('$id', '"got"');
      const stream = await open({
        search: search(query),
        headers: { authorization: `Bearer ${token}` },
      });
      await until(() => stream.ended);
      expect(stream.text()).toContain('from a POST request');
      const answer = await fetch(urlOf(), {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json' },
        body: JSON.stringify({ query: BOOK }),
      });
      expect(await answer.text()).toContain('text/event-stream');
    });

    it('ends a stream with its token, and says so', async () => {
      const token = await servers.issuer.token('brief', 'beta', 1);
      const stream = await open({
        search: search(BOOK),
        headers: { authorization: `Bearer ${token}` },
      });
      await until(() => stream.text().includes('"version":1'));
      await until(() => stream.ended);
      expect(stream.text()).toMatch(
        /event: next\ndata: .*The token has expired.*UNAUTHENTICATED.*\n\nevent: complete\ndata:\n\n$/s,
      );
    });

    it('keeps the order of requests that were sent in advance', async () => {
      const { hostname, port } = new URL(urlOf());
      const socket = connect(Number(port), hostname);
      closing.push(() => socket.destroy());
      const get = (query: string, accept: string) =>
        `GET /graphql${search(query)} HTTP/1.1\r\nhost: x\r\naccept: ${accept}\r\n\r\n`;
      socket.write(
        get('{ venues { id node { framesPublished } } }', 'application/json') +
          get(BOOK, 'text/event-stream'),
      );
      let text = '';
      socket.on('data', (chunk) => {
        text += chunk.toString();
      });
      await until(() => text.includes('"version":1'));
      expect(text.indexOf('"venues"')).toBeGreaterThan(0);
      expect(text.indexOf('"venues"')).toBeLessThan(text.indexOf('text/event-stream'));
    });
  });
});
