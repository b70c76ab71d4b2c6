import { createProofMaker } from '@stoa/node/testing/proof-maker';
import { until } from '@stoa/node/testing/until';
import { createClient } from 'graphql-ws';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
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
  const wsUrlOf = () => urlOf().replace(/^http/, 'ws');

  describe('over WebSocket, with the reference client', () => {
    it('streams public and private results, and ends what the client ends', async () => {
      const member = `ws-${server}`;
      const token = await servers.issuer.token(member, 'beta');
      const client = createClient({
        url: wsUrlOf(),
        webSocketImpl: WebSocket,
        connectionParams: { authorization: `Bearer ${token}` },
        retryAttempts: 0,
      });
      closing.push(() => client.dispose());
      const books = client.iterate({ query: BOOK });
      expect((await books.next()).value).toMatchObject({
        data: { book: { version: 1 } },
        extensions: { stream: { sequence: 1 } },
      });
      const orders = client.iterate({ query: ORDERS, variables: { after: 0 } });
      expect((await orders.next()).value).toEqual({
        data: { orderEvents: { sequence: 0, event: null } },
      });
      await placeOrder(urlOf(), `${member}-1`, token);
      expect((await orders.next()).value).toEqual({
        data: { orderEvents: { sequence: 1, event: { kind: 'LEG_EXECUTED' } } },
      });
      await books.return?.();
      await orders.return?.();
      const again = client.iterate({ query: ORDERS, extensions: { after: '0' } });
      await again.next();
      expect((await again.next()).value).toMatchObject({ data: { orderEvents: { sequence: 1 } } });
      await again.return?.();
    });

    it('answers queries and mutations, and reports what is refused as an error', async () => {
      const token = await servers.issuer.token('asker', 'beta');
      const client = createClient({
        url: wsUrlOf(),
        webSocketImpl: WebSocket,
        connectionParams: { authorization: `Bearer ${token}` },
        retryAttempts: 0,
      });
      closing.push(() => client.dispose());
      const query = client.iterate({ query: '{ venues { id } }' });
      expect((await query.next()).value).toMatchObject({ data: { venues: expect.any(Array) } });
      expect((await query.next()).done).toBe(true);
      const id = `asked-${server}`;
      const mutation = client.iterate({ query: PLACE, variables: { id } });
      expect((await mutation.next()).value).toEqual({ data: { placeOrder: { existed: false } } });
      const wrong = client.iterate({ query: 'subscription { nothing }' });
      await expect(wrong.next()).rejects.toMatchObject([
        { message: expect.stringContaining('nothing') },
      ]);
      const yetToCome = client.iterate({ query: ORDERS, variables: { after: 9_999 } });
      await expect(yetToCome.next()).rejects.toMatchObject([
        { extensions: { code: 'SEQUENCE_UNKNOWN' } },
      ]);
    });
  });

  describe('over WebSocket, by hand', () => {
    async function open(protocols = ['graphql-transport-ws']) {
      const socket = new WebSocket(wsUrlOf(), protocols);
      closing.push(() => socket.terminate());
      const messages: { id?: string; type: string; payload?: unknown }[] = [];
      const state: { code?: number; reason?: string } = {};
      socket.on('message', (data: Buffer) => messages.push(JSON.parse(data.toString()) as never));
      socket.on('close', (code, reason) =>
        Object.assign(state, { code, reason: reason.toString() }),
      );
      await new Promise((resolve) => socket.once('open', resolve));
      const say = (message: unknown) =>
        socket.send(typeof message === 'string' ? message : JSON.stringify(message));
      return { socket, messages, state, say };
    }
    const subscribe = (id: string, query = BOOK) => ({ id, type: 'subscribe', payload: { query } });
    const INIT = { type: 'connection_init' };

    it.each([
      ['a subscription before the acknowledgement', [subscribe('1')], 4401, 'Unauthorized'],
      ['a second initialisation', [INIT, INIT], 4429, 'Too many initialisation requests'],
      [
        'one id twice',
        [INIT, 'ack', subscribe('1'), subscribe('1')],
        4409,
        'Subscriber for 1 already exists',
      ],
      ['what is no JSON', ['{'], 4400, 'The message is not a JSON object'],
      ['what is no object', ['[]'], 4400, 'The message is not a JSON object'],
      [
        'a message of no known type',
        [{ type: 'shout', id: '1' }],
        4400,
        'The message is of no known type',
      ],
      [
        'a subscription without an id',
        [INIT, 'ack', { type: 'subscribe', payload: {} }],
        4400,
        'The message has no id',
      ],
      [
        'a subscription whose query is no text',
        [INIT, 'ack', { id: '1', type: 'subscribe', payload: { query: 1 } }],
        4400,
        'The payload is not an operation',
      ],
      [
        'a payload that is no object',
        [{ type: 'ping', payload: 7 }],
        4400,
        'A payload must be an object',
      ],
      [
        'a token that is refused',
        [{ type: 'connection_init', payload: { authorization: 'Bearer nonsense' } }],
        4403,
        'The token is malformed.',
      ],
    ])('closes on %s', async (_what, said, code, reason) => {
      const connection = await open();
      for (const message of said) {
        if (message === 'ack') await until(() => connection.messages.length > 0);
        else connection.say(message);
      }
      await until(() => connection.state.code !== undefined);
      expect(connection.state).toEqual({ code, reason });
    });

    it('closes on binary, on too much, on another subprotocol and on silence', async () => {
      const binary = await open();
      binary.socket.send(Buffer.from('{"type":"ping"}'), { binary: true });
      const large = await open();
      large.say({ type: 'ping', payload: { x: 'x'.repeat(200_000) } });
      const other = await open([]);
      const silent = await open();
      const all = [binary, large, other, silent];
      await until(() => all.every(({ state }) => state.code !== undefined));
      expect(binary.state.code).toBe(4400);
      expect(large.state.code).toBe(1009);
      expect(other.state).toEqual({ code: 4406, reason: 'Subprotocol not acceptable' });
      expect(silent.state).toEqual({ code: 4408, reason: 'Connection initialisation timeout' });
    });

    it('answers ping with its payload, and ignores pong and the end of what is unknown', async () => {
      const connection = await open();
      connection.say({ type: 'ping', payload: { at: 7 } });
      connection.say({ type: 'pong' });
      connection.say(INIT);
      connection.say({ id: 'unknown', type: 'complete' });
      await until(() => connection.messages.length === 2);
      expect(connection.messages).toEqual([
        { type: 'pong', payload: { at: 7 } },
        { type: 'connection_ack' },
      ]);
    });

    it('says nothing more after the client has ended an operation, and takes its id again', async () => {
      const connection = await open();
      connection.say(INIT);
      await until(() => connection.messages.length === 1);
      connection.say(subscribe('1'));
      connection.say({ id: '1', type: 'complete' });
      connection.say({ type: 'ping' });
      await until(() => connection.messages.some(({ type }) => type === 'pong'));
      const before = connection.messages.length;
      connection.say(subscribe('1', '{ venues { id } }'));
      await until(() => connection.messages.some(({ type }) => type === 'complete'));
      expect(connection.messages.slice(before)).toEqual([
        { id: '1', type: 'next', payload: { data: { venues: expect.any(Array) } } },
        { id: '1', type: 'complete' },
      ]);
    });

    it('runs a bounded number of operations on a connection', async () => {
      const connection = await open();
      connection.say(INIT);
      await until(() => connection.messages.length === 1);
      for (let id = 1; id <= 51; id += 1) connection.say(subscribe(String(id)));
      await until(() => connection.messages.some(({ type }) => type === 'error'));
      const refused = connection.messages.filter(({ type }) => type === 'error');
      expect(refused).toMatchObject([
        { id: '51', payload: [{ extensions: { code: 'TOO_MANY_SUBSCRIPTIONS' } }] },
      ]);
    });

    it('takes a bound token, and a proof with each operation that is the caller’s', async () => {
      const [client, thief] = [await createProofMaker(), await createProofMaker()];
      const spec = { keyThumbprint: client.thumbprint, client: 'desk' };
      const token = await servers.issuer.token('bound', 'beta', 300, spec);
      const connection = await open();
      const authorization = `DPoP ${token}`;
      connection.say({ type: 'connection_init', payload: { authorization } });
      await until(() => connection.messages.length === 1);
      expect(connection.messages).toEqual([{ type: 'connection_ack' }]);
      const answerTo = async (id: string, query: string, dpop?: string) => {
        const extensions = dpop === undefined ? {} : { dpop };
        const variables = { id: `bound-${server}-${id}` };
        connection.say({ id, type: 'subscribe', payload: { query, variables, extensions } });
        await until(() => connection.messages.some((message) => message.id === id));
        return JSON.stringify(connection.messages.find((message) => message.id === id)?.payload);
      };
      const proof = () => client.proof({ token, url: urlOf() });
      const first = await proof();
      expect(await answerTo('1', PLACE, first)).toBe('{"data":{"placeOrder":{"existed":false}}}');
      expect(await answerTo('2', PLACE, await proof())).toContain('"existed":false');
      // Each proof once, by the token's key, and none at all is none.
      expect(await answerTo('3', PLACE, first)).toContain('PROOF_INVALID');
      const stolen = await thief.proof({ token, url: urlOf() });
      expect(await answerTo('4', PLACE, stolen)).toContain('PROOF_INVALID');
      expect(await answerTo('5', PLACE)).toContain('PROOF_REQUIRED');
      expect(await answerTo('6', '{ orders(first: 1) { edges { cursor } } }')).toContain(
        'PROOF_REQUIRED',
      );
      expect(await answerTo('7', '{ venues { id } }')).toContain('"venues"');
      const bearer = await open();
      bearer.say({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } });
      await until(() => bearer.state.code !== undefined);
      expect(bearer.state.code).toBe(4403);
    });

    it('moves nothing with a token that is bound to no key', async () => {
      const token = await servers.issuer.token('loose', 'beta', 300, { client: 'desk' });
      const connection = await open();
      const authorization = `Bearer ${token}`;
      connection.say({ type: 'connection_init', payload: { authorization } });
      await until(() => connection.messages.length === 1);
      const payload = { query: PLACE, variables: { id: `loose-${server}` } };
      connection.say({ id: '1', type: 'subscribe', payload });
      await until(() => connection.messages.some((message) => message.id === '1'));
      expect(JSON.stringify(connection.messages)).toContain('PROOF_REQUIRED');
    });

    it('ends the operations of a token with it', async () => {
      const token = await servers.issuer.token('brief', 'beta', 1);
      const connection = await open();
      connection.say({ type: 'connection_init', payload: { authorization: `Bearer ${token}` } });
      await until(() => connection.messages.length === 1);
      connection.say(subscribe('1'));
      await until(() => connection.messages.some(({ type }) => type === 'error'));
      expect(connection.messages.at(-1)).toMatchObject({
        ...{ id: '1', type: 'error' },
        payload: [{ extensions: { code: 'UNAUTHENTICATED' } }],
      });
    });
  });
});
