import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RequestHead } from './request-head.ts';

let server: Server;
const heads: RequestHead[] = [];
const closed: Promise<unknown>[] = [];

beforeAll(async () => {
  server = createServer((incoming, response) => {
    const head = new RequestHead(incoming, response, 'POST');
    // Made by being asked for, before the answer.
    expect(head.signal.aborted).toBe(false);
    heads.push(head);
    closed.push(once(response, 'close'));
    if (incoming.url === '/answered') response.end('done');
    else response.flushHeaders();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

async function ask(path: string, isLeft: boolean): Promise<RequestHead> {
  const { port } = server.address() as AddressInfo;
  const asking = request({ port, path, method: 'POST', agent: false }).end();
  const [response] = (await once(asking, 'response')) as [NodeJS.ReadableStream];
  if (isLeft) asking.destroy();
  else response.resume();
  await closed.at(-1);
  return heads.at(-1) as RequestHead;
}

describe('the signal of a request', () => {
  it('aborts when whoever asked is gone before the answer', async () => {
    const { signal } = await ask('/slow', true);
    expect([signal.aborted, signal.reason.name]).toEqual([true, 'AbortError']);
  });

  it('says nothing of an answer that was given', async () => {
    expect((await ask('/answered', false)).signal.aborted).toBe(false);
  });
});
