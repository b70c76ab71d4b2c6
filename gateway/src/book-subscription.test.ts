import { mkdtemp, rm } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HttpServer } from '@stoa/node/market-api';
import { createLogger } from '@stoa/node/observer';
import { until } from '@stoa/node/testing/until';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createGateway } from './gateway.ts';
import { createMemoryAudit } from './testing/memory-audit.ts';
import {
  createSampleView,
  SAMPLE_INSTRUMENT,
  type SampleView,
  sampleDirectory,
} from './testing/sample-view.ts';
import { createTokenIssuer } from './testing/token-issuer.ts';

let folder: string;
let view: SampleView;
let gateway: HttpServer;
const sockets: Socket[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-gateway-'));
  view = createSampleView();
  gateway = await createGateway(
    {
      host: '127.0.0.1',
      port: 0,
      tokens: (await createTokenIssuer(folder)).options,
      nodes: new Map(),
      streams: { maxSubscriptions: 2 },
    },
    {
      market: view,
      ...{ directory: sampleDirectory, audit: createMemoryAudit(), readiness: () => [] },
      metrics: new Registry(),
      logger: createLogger('gateway', 'silent'),
    },
  );
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await gateway.stop();
  await rm(folder, { recursive: true });
});

const SUBSCRIBE = `subscription { book(instrument: "${SAMPLE_INSTRUMENT.id}") { version bids { price } } }`;

/** Subscribes over a raw socket, so that the test decides when anything is read. */
function subscribe(query = SUBSCRIBE): { socket: Socket; text: () => string } {
  const { hostname, port } = new URL(gateway.url);
  const socket = connect(Number(port), hostname);
  sockets.push(socket);
  const body = JSON.stringify({ query });
  socket.write(
    `POST /graphql HTTP/1.1\r\nhost: ${hostname}:${port}\r\naccept: text/event-stream\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  let text = '';
  return {
    socket,
    text() {
      for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) {
        text = (text + String(chunk)).slice(-16_384);
      }
      return text;
    },
  };
}

describe("the gateway's subscription on a book", () => {
  it('is served in process, moves with the market, and ends with its reader', async () => {
    const reader = subscribe();
    await until(() => reader.text().includes('"version":1,"bids":[{"price":"100.01"}]'));
    view.move();
    await until(() => reader.text().includes('"version":2,"bids":[{"price":"100.02"}]'));
    reader.socket.destroy();
    await until(() => view.watchers() === 0);
  });

  it('takes nothing more from the market for a reader that stopped reading', async () => {
    const reader = subscribe();
    await until(() => view.watchers() === 1);
    async function move(times: number): Promise<void> {
      for (let turn = 0; turn < times; turn += 1) {
        view.move();
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    // The kernel's buffers fill first.
    let before = -1;
    for (let round = 0; round < 400 && before !== view.delivered(); round += 1) {
      before = view.delivered();
      await move(200);
    }
    const settled = view.delivered();
    const heapBefore = process.memoryUsage().heapUsed;
    await move(5_000);
    expect(view.delivered()).toBe(settled);
    expect(process.memoryUsage().heapUsed - heapBefore).toBeLessThan(48 * 1_024 * 1_024);

    const other = subscribe();
    await until(() => other.text().includes(`"version":${view.version()}`));
    await until(() => reader.text().includes(`"version":${view.version()}`));
  });

  it('is bounded in number, and refused for what does not exist', async () => {
    const readers = [subscribe(), subscribe()];
    await until(() => readers.every((reader) => reader.text().includes('"version":1')));
    // One execution for both.
    expect(view.watchers()).toBe(1);
    const third = subscribe();
    await until(() => third.text().includes('TOO_MANY_SUBSCRIPTIONS'));
    sockets[0]?.destroy();
    const nothing = SUBSCRIBE.replace(SAMPLE_INSTRUMENT.id, 'eip155:1/erc20:0x12');
    let wrong = subscribe(nothing);
    await until(() => {
      // Until the place of the first one is free.
      if (wrong.text().includes('TOO_MANY_SUBSCRIPTIONS')) wrong = subscribe(nothing);
      return wrong.text().includes('BAD_USER_INPUT');
    });
    expect(view.watchers()).toBe(1);
  });

  it('does not hold up the end of the gateway', async () => {
    subscribe();
    await until(() => view.watchers() === 1);
    const startedAt = Date.now();
    await gateway.stop();
    expect(Date.now() - startedAt).toBeLessThan(1_000);
    expect(view.watchers()).toBe(0);
  });
});
