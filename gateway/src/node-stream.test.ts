import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { subscribeAtNode } from './node-stream.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function node(answer: (response: ServerResponse) => void): Promise<string> {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    answer(response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`;
}

describe('a stream of a node', () => {
  it('is given up when the node falls silent, also after its reader stalled', async () => {
    const text = JSON.stringify({ data: { long: 'x'.repeat(100_000) } });
    const url = await node((response) => {
      for (let each = 0; each < 40; each += 1) response.write(`event: next\ndata: ${text}\n\n`);
    });
    const silenceMs = 100;
    const stream = subscribeAtNode({
      ...{ url, body: '{}', timeoutMs: 1_000, silenceMs },
      signal: AbortSignal.timeout(10_000),
    });
    expect((await stream.next()).value).toMatchObject({ kind: 'result' });
    await sleep(4 * silenceMs);
    const kinds: string[] = [];
    for await (const step of stream) kinds.push(step.kind === 'broken' ? step.reason : step.kind);
    expect(kinds).toHaveLength(40);
    expect(kinds.at(-1)).toBe(`silent for ${silenceMs} ms`);
  });

  it('is not given up for time that this process itself lost', async () => {
    const event = `event: next\ndata: ${JSON.stringify({ data: {} })}\n\n`;
    const answers: ServerResponse[] = [];
    const url = await node((response) => {
      answers.push(response);
      response.write(event);
    });
    const silenceMs = 200;
    const stream = subscribeAtNode({
      ...{ url, body: '{}', timeoutMs: 1_000, silenceMs },
      signal: AbortSignal.timeout(5_000),
    });
    await stream.next();
    answers[0]?.write(event);
    // Nothing turns while this waits, and the event is in the socket all the while.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * silenceMs);
    expect((await stream.next()).value).toMatchObject({ kind: 'result' });
    await stream.return();
  });
});
