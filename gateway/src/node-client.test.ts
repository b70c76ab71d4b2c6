import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createNodeClient, type NodeQuestion } from './node-client.ts';

const client = createNodeClient();
const asked: { headers: IncomingHttpHeaders; url: string | undefined; body: string }[] = [];
let server: Server;
let port: number;

beforeAll(async () => {
  server = createServer(async (request, response) => {
    asked.push({ headers: request.headers, url: request.url, body: await text(request) });
    // What came before the end is JSON by itself: only that it was cut off says that it is not all.
    if (request.url === '/cut') response.write('{"data":{}}', () => response.destroy());
    else response.end('{"data":{"name":"é"}}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterAll(() => {
  client.close();
  server.close();
});

const ask = (path: string, given: Partial<NodeQuestion> = {}, credentials = '') =>
  client.ask({
    ...{ url: `http://${credentials}127.0.0.1:${port}${path}`, body: '{"query":"{ é }"}' },
    ...{ timeoutMs: 5_000, repeatable: true, ...given },
  });

describe('a question to a node', () => {
  it('comes whole, with what goes with it, on a connection that is kept', async () => {
    const headers = { authorization: 'Bearer one', 'x-request-id': 'request-1' };
    for (let time = 1; time <= 2; time += 1) {
      const answer = await ask('/graphql?a=1', { headers });
      expect(answer).toMatchObject({ answered: true, result: { data: { name: 'é' } } });
    }
    const { headers: came, url, body } = asked.at(-1) ?? { headers: {} };
    expect(came).toMatchObject({
      ...{ ...headers, host: `127.0.0.1:${port}`, connection: 'keep-alive' },
      ...{ accept: 'application/json', 'content-type': 'application/json' },
      'content-length': String(Buffer.byteLength(body ?? '')),
    });
    expect([url, body]).toEqual(['/graphql?a=1', '{"query":"{ é }"}']);
  });

  it("comes with the name and password of its address, where it has no caller's token", async () => {
    await ask('/graphql', {}, 'gate%40way:secret@');
    const basic = `Basic ${Buffer.from('gate@way:secret').toString('base64')}`;
    expect(asked.at(-1)?.headers.authorization).toBe(basic);
    await ask('/graphql', { headers: { authorization: 'Bearer one' } }, 'gate%40way:secret@');
    expect(asked.at(-1)?.headers.authorization).toBe('Bearer one');
  });

  it('is not answered by half an answer', async () => {
    const answer = await ask('/cut', { repeatable: false });
    expect(answer).toMatchObject({ answered: false, mayHaveBeenHeard: true });
  });
});
