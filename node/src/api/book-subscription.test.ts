import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../testing/until.ts';
import { type SampleApi, startSampleApi } from './testing/sample-api.ts';
import { ACME } from './testing/sample-market.ts';
import { createTokenIssuer, type TokenIssuer } from './testing/token-issuer.ts';

let folder: string;
let issuer: TokenIssuer;
let api: SampleApi;
const opened: { stop(): Promise<void> }[] = [];
const sockets: Socket[] = [];

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
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const one of opened.splice(0)) await one.stop();
});

const SUBSCRIBE = `subscription { book(instrument: "${ACME.id}") { version bids { price } } }`;

/** Subscribes over a raw socket, so that the test decides when anything is read. */
function subscribeRaw(url: string): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  sockets.push(socket);
  socket.write(
    `GET /graphql?query=${encodeURIComponent(SUBSCRIBE)} HTTP/1.1\r\nhost: ${hostname}:${port}\r\naccept: text/event-stream\r\n\r\n`,
  );
  return socket;
}

describe('the subscription on a book', () => {
  it('gives the book now and after every change, and ends with its reader', async () => {
    const socket = subscribeRaw(api.url);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    await until(() => text.includes('"version":1'));
    api.market.move();
    await until(() => text.includes('"version":2'));
    expect(text.toLowerCase()).toContain('content-type: text/event-stream');
    expect(api.market.watchers()).toBe(1);
    socket.destroy();
    await until(() => api.market.watchers() === 0);
  });

  it('costs one value for a reader that stopped reading', async () => {
    const stalled = await startSampleApi('alpha', issuer.options);
    opened.push(stalled);
    const socket = subscribeRaw(stalled.url);
    socket.pause();
    await until(() => stalled.market.watchers() === 1);
    // The kernel's buffers fill first; from then on nothing may be taken from the market.
    let before = -1;
    for (let round = 0; round < 400 && before !== stalled.market.delivered(); round += 1) {
      before = stalled.market.delivered();
      for (let turn = 0; turn < 200; turn += 1) {
        stalled.market.move();
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    const settled = stalled.market.delivered();
    const heapBefore = process.memoryUsage().heapUsed;
    for (let turn = 0; turn < 5_000; turn += 1) {
      stalled.market.move();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(stalled.market.delivered()).toBe(settled);
    expect(process.memoryUsage().heapUsed - heapBefore).toBeLessThan(32 * 1_024 * 1_024);

    // And when it reads again, it comes to the latest.
    let text = '';
    socket.on('data', (chunk) => {
      text = (text + chunk.toString()).slice(-4_096);
    });
    socket.resume();
    const latest = stalled.market.book(ACME.id).version;
    await until(() => text.includes(`"version":${latest}`));
  });

  it('is refused beyond the bound of the server', async () => {
    const small = await startSampleApi('alpha', issuer.options, {
      streams: { maxSubscriptions: 1 },
    });
    opened.push(small);
    subscribeRaw(small.url);
    await until(() => small.market.watchers() === 1);
    const second = subscribeRaw(small.url);
    let text = '';
    second.on('data', (chunk) => {
      text += chunk.toString();
    });
    await until(() => text.includes('TOO_MANY_SUBSCRIPTIONS'));
  });

  it('does not hold up the end of the server', async () => {
    const ending = await startSampleApi('alpha', issuer.options);
    const socket = subscribeRaw(ending.url);
    socket.pause();
    await until(() => ending.market.watchers() === 1);
    const startedAt = Date.now();
    await ending.stop();
    expect(Date.now() - startedAt).toBeLessThan(1_000);
    expect(ending.market.watchers()).toBe(0);
  });
});
