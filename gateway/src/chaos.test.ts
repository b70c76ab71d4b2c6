import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HttpServer } from '@stoa/node/market-api';
import { createLogger } from '@stoa/node/observer';
import { until } from '@stoa/node/testing/until';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGateway } from './gateway.ts';
import { watchNodeAddresses } from './node-addresses.ts';
import { readServerSentEvents } from './sse-reader.ts';
import { createMemoryAudit } from './testing/memory-audit.ts';
import { type NodeProcess, startNodeProcess } from './testing/node-process.ts';
import { BOOK, ORDERS } from './testing/protocol-servers.ts';
import { createSampleView, type SampleView, sampleDirectory } from './testing/sample-view.ts';
import { createTokenIssuer, type TokenIssuer } from './testing/token-issuer.ts';

const VENUES = ['alpha', 'beta', 'gamma'];
const logger = createLogger('gateway', 'silent');
const QUERY = `{ venues { id quotes node { framesPublished } } orders(first: 1) { edges { cursor } } }`;

let folder: string;
let issuer: TokenIssuer;
let view: SampleView;
let gateway: HttpServer;
let addresses: Awaited<ReturnType<typeof watchNodeAddresses>>;
const nodes = new Map<string, NodeProcess>();
let token: string;

/** Tells the gateway where the nodes are now, as a careful operator does: by renaming. */
async function announce(more: Readonly<Record<string, string>> = {}): Promise<void> {
  const urls = { ...Object.fromEntries([...nodes].map(([id, { url }]) => [id, url])), ...more };
  const lines = Object.entries(urls).map(([venue, url]) => `${venue}=${url} # as of now`);
  await writeFile(join(folder, 'nodes.new'), `# nodes\n${lines.join('\n')}\n`);
  await rename(join(folder, 'nodes.new'), join(folder, 'nodes'));
}

async function startNode(venue: string): Promise<void> {
  nodes.set(venue, await startNodeProcess(venue, issuer.options));
}

async function killNode(venue: string): Promise<void> {
  await nodes.get(venue)?.kill('SIGKILL');
  nodes.delete(venue);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-chaos-'));
  issuer = await createTokenIssuer(folder);
  token = await issuer.token('broker', 'beta');
  await Promise.all(VENUES.map(startNode));
  await announce();
  addresses = await watchNodeAddresses(join(folder, 'nodes'), { logger, pollMs: 20 });
  view = createSampleView();
  gateway = await createGateway(
    { host: '127.0.0.1', port: 0, tokens: issuer.options, nodes: addresses },
    {
      ...{ market: view, directory: sampleDirectory, readiness: () => [] },
      audit: createMemoryAudit(),
      ...{ metrics: new Registry(), logger },
    },
  );
});
afterAll(async () => {
  await gateway.stop();
  addresses.close();
  await Promise.all([...nodes.values()].map((node) => node.kill('SIGTERM')));
  await rm(folder, { recursive: true });
});

interface Answer {
  readonly data: {
    readonly venues: readonly { id: string; quotes: string; node: object | null }[];
    readonly orders: { edges: unknown[] } | null;
  };
  readonly errors?: readonly {
    readonly path: readonly (string | number)[];
    readonly extensions: { readonly code: string; readonly venue: string };
  }[];
}

async function ask(query = QUERY): Promise<Answer> {
  const response = await fetch(`${gateway.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query }),
  });
  return (await response.json()) as Answer;
}

/** What is wrong with an answer, whichever nodes are up: nothing may be missing without its name. */
function wrongIn({ data, errors = [] }: Answer): string | undefined {
  if (
    data.venues.map(({ id, quotes }) => `${id} ${quotes}`).join() !==
    'alpha LIVE,beta LIVE,gamma LIVE'
  ) {
    return 'the market is not whole';
  }
  const named = new Set(
    errors.map(({ path, extensions }) => `${path.join('.')} ${extensions.venue}`),
  );
  const missing = data.venues.flatMap(({ id, node }, at) =>
    node === null ? [`venues.${at}.node ${id}`] : [],
  );
  if (data.orders === null) missing.push('orders beta');
  const unnamed = missing.find((one) => !named.has(one));
  if (unnamed) return `${unnamed} is missing and not named`;
  return named.size === missing.length ? undefined : 'more is named than is missing';
}

/** Follows a stream, and opens it again at its last id whenever it ends. */
function follow(query: string) {
  const stopping = new AbortController();
  const state = { data: [] as string[], ends: 0, lastId: '' };
  const done = (async () => {
    while (!stopping.signal.aborted) {
      const response = await fetch(`${gateway.url}/graphql?query=${encodeURIComponent(query)}`, {
        signal: stopping.signal,
        headers: {
          ...{ accept: 'text/event-stream', authorization: `Bearer ${token}` },
          ...(state.lastId === '' ? {} : { 'last-event-id': state.lastId }),
        },
      });
      const body = response.body as AsyncIterable<Uint8Array>;
      for await (const { event, data, id } of readServerSentEvents(body, 100_000)) {
        if (event === 'next') state.data.push(data);
        if (id !== undefined) state.lastId = id;
      }
      state.ends += 1;
      await sleep(20, undefined, { signal: stopping.signal });
    }
  })().catch(() => undefined);
  return {
    state,
    async stop() {
      stopping.abort();
      await done;
    },
  };
}

describe('a gateway whose nodes come and go', () => {
  it('answers nothing wrong, names what is missing, and recovers without a restart', {
    timeout: 120_000,
  }, async () => {
    const book = follow(BOOK);
    const orders = follow(
      ORDERS.replace('$after: SafeInt', '').replace('()', '').replace('$after', '0'),
    );
    await until(() => book.state.data.length > 0 && orders.state.data.length > 0);
    const wrong: string[] = [];
    let answers = 0;
    let partial = 0;
    let isRunning = true;
    const load = Array.from({ length: 2 }, async () => {
      while (isRunning) {
        await sleep(5);
        const answer = await ask();
        const found = wrongIn(answer);
        if (found) wrong.push(`${found}: ${JSON.stringify(answer)}`);
        answers += 1;
        if (answer.errors) partial += 1;
        view.move();
      }
    });
    // The caller's home is one of them; each comes back at another address.
    try {
      for (const venue of ['gamma', 'beta']) {
        await killNode(venue);
        await until(
          async () => (await ask()).errors?.some((one) => one.extensions.venue === venue) === true,
        );
        await startNode(venue);
        await announce();
        await until(async () => (await ask()).errors === undefined);
      }
    } finally {
      isRunning = false;
      await Promise.all(load);
    }
    await until(() => orders.state.data.at(-1)?.includes('"sequence":0') === true);
    await Promise.all([book.stop(), orders.stop()]);
    expect(wrong).toEqual([]);
    expect(answers).toBeGreaterThan(20);
    expect(partial).toBeGreaterThan(0);
    // The book is the gateway's own: no node's end ends it. The orders' stream ended, and said why.
    expect(book.state.ends).toBe(0);
    const versions = book.state.data.map((data) => Number(/"version":(\d+)/.exec(data)?.[1]));
    expect(versions).toEqual([...versions].sort((a, b) => a - b));
    expect(orders.state.ends).toBeGreaterThan(0);
    expect(orders.state.data.some((data) => data.includes('NODE_UNAVAILABLE'))).toBe(true);
  });

  it('takes in a node that leaves and one that joins', async () => {
    const gamma = nodes.get('gamma');
    nodes.delete('gamma');
    await announce();
    await until(async () => (await ask()).errors !== undefined);
    const answer = await ask();
    expect(wrongIn(answer)).toBeUndefined();
    expect(answer.errors).toMatchObject([
      { extensions: { code: 'NODE_UNAVAILABLE', venue: 'gamma' } },
    ]);
    if (gamma) nodes.set('gamma', gamma);
    await announce();
    await until(async () => (await ask()).errors === undefined);
  });

  it('names a node that has another version of the API, and takes none of its word', async () => {
    const server: Server = createServer((_request, response) => {
      const message = 'Cannot query field "framesPublished" on type "NodeStatus".';
      response.writeHead(400, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({ errors: [{ message, extensions: { code: 'BAD_USER_INPUT' } }] }),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      await announce({ beta: `http://127.0.0.1:${port}/graphql` });
      const codes = async () => new Set((await ask()).errors?.map((one) => one.extensions.code));
      await until(async () => (await codes()).has('NODE_SCHEMA_DIFFERS'));
      const answer = await ask();
      expect(wrongIn(answer)).toBeUndefined();
      expect(new Set(answer.errors?.map((one) => one.extensions.venue))).toEqual(new Set(['beta']));
      await announce();
      await until(async () => (await ask()).errors === undefined);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('keeps what the file last said when it is spoilt', async () => {
    await writeFile(join(folder, 'nodes'), 'alpha=nonsense\n');
    await sleep(100);
    expect((await ask()).errors).toBeUndefined();
    await announce();
  });

  it('ends its streams with the reason within two seconds when it stops', async () => {
    const book = follow(BOOK);
    await until(() => book.state.data.length > 0);
    const startedAt = Date.now();
    await gateway.stop();
    expect(Date.now() - startedAt).toBeLessThan(2_000);
    await until(() => book.state.data.at(-1)?.includes('SERVER_STOPPING') === true);
    await book.stop();
  });
});
