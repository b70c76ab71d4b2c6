import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HttpServer } from '@stoa/node/market-api';
import { createLogger } from '@stoa/node/observer';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createGateway, type GatewayOptions } from './gateway.ts';
import { createMemoryAudit } from './testing/memory-audit.ts';
import { createSampleView, SAMPLE_INSTRUMENT, sampleDirectory } from './testing/sample-view.ts';
import { createTokenIssuer, type TokenIssuer } from './testing/token-issuer.ts';

const QUERY = `query ($id: InstrumentId!, $depth: Int = 5, $first: Int = 1) {
  book(instrument: $id, depth: $depth) { version bids { price } }
  members(first: $first) { edges { node { id } } }
}`;
const BOOK =
  'query ($id: InstrumentId!) { book(instrument: $id) { version bids { price quantity } } }';
const id = SAMPLE_INSTRUMENT.id;

let folder: string;
let issuer: TokenIssuer;
const opened: HttpServer[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-known-'));
  issuer = await createTokenIssuer(folder);
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.stop();
});
afterAll(() => rm(folder, { recursive: true }));

async function start(guards: GatewayOptions['guards'] = {}) {
  const market = createSampleView();
  const metrics = new Registry();
  const gateway = await createGateway(
    { host: '127.0.0.1', port: 0, tokens: issuer.options, nodes: new Map(), guards },
    {
      ...{ market, metrics, directory: sampleDirectory, readiness: () => [] },
      audit: createMemoryAudit(),
      logger: createLogger('gateway', 'silent'),
    },
  );
  opened.push(gateway);
  const post = async (operation: object, token?: string) => {
    const response = await fetch(`${gateway.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(operation),
    });
    return { status: response.status, text: await response.text() };
  };
  const ask = (query: string, variables: object, token?: string) =>
    post({ query, variables }, token);
  const begun = async () =>
    /stoa_api_operations_total\{type="query"\} (\d+)/.exec(await metrics.metrics())?.[1];
  return { market, ask, post, begun };
}

describe('a public query that the gateway knows', () => {
  it('is answered as it was the first time, from the book as it is now, and counted', async () => {
    const { market, ask, begun } = await start();
    const answers = [];
    for (let time = 0; time < 4; time += 1) answers.push(await ask(BOOK, { id }));
    const [first] = answers;
    expect(first?.text).toContain('"version":1');
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    market.move();
    expect((await ask(BOOK, { id })).text).toBe(
      first?.text.replace('"version":1', '"version":2').replace('100.01', '100.02'),
    );
    expect(await begun()).toBe('5');
  });

  it('is refused in the same words, whatever is wrong with its variables', async () => {
    const wrong = [{}, { id: 'ACME' }, { id, depth: 99 }, { id, first: -1 }, { id, depth: [1, 2] }];
    const { ask } = await start();
    const unknown = [];
    for (const [at, variables] of wrong.entries()) {
      // Another text, which the gateway has not seen.
      unknown.push(await ask(`${QUERY} # ${at}`, variables));
    }
    for (let time = 0; time < 3; time += 1) await ask(QUERY, { id });
    const known = [];
    for (const variables of wrong) known.push(await ask(QUERY, variables));
    expect(known).toEqual(unknown);
    for (const { text } of known) expect(text).toContain('"errors"');
  });

  it('may still cost too much, by its variables', async () => {
    const { ask } = await start({ maxCost: 50 });
    for (let time = 0; time < 3; time += 1) await ask(QUERY, { id, first: 1 });
    expect((await ask(QUERY, { id, first: 100 })).text).toContain('OPERATION_TOO_COSTLY');
    expect((await ask(QUERY, { id, first: 1 })).text).toContain('"data"');
  });

  it('is counted against the rate of whoever asks', async () => {
    // So slow that no time the test takes brings another one.
    const { ask } = await start({ rates: { query: { perSecond: 0.001, burst: 3 } } });
    const statuses = [];
    for (let time = 0; time < 4; time += 1) statuses.push((await ask(BOOK, { id })).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    // Another client has a rate of its own: the token is looked at here too.
    expect((await ask(BOOK, { id }, await issuer.token('broker', 'beta'))).status).toBe(200);
  });

  it('is not taken by its text where persisted operations alone are, once its hash made it known', async () => {
    const hash = createHash('sha256').update(BOOK).digest('hex');
    const persistedOperationsFile = join(folder, 'operations.json');
    await writeFile(persistedOperationsFile, JSON.stringify({ [hash]: BOOK }));
    const { ask, post } = await start({ persistedOperationsFile, onlyPersisted: true });
    for (let time = 0; time < 3; time += 1) {
      expect(await post({ documentId: hash, variables: { id } })).toMatchObject({ status: 200 });
    }
    expect(await ask(BOOK, { id })).toMatchObject({ status: 403 });
  });

  it('is not taken with variables that are too many', async () => {
    const { ask } = await start({ maxVariableValues: 10 });
    for (let time = 0; time < 3; time += 1) await ask(BOOK, { id });
    const { text } = await ask(BOOK, { id, others: Array.from({ length: 20 }, () => 1) });
    expect(text).toContain('OPERATION_TOO_LARGE');
  });
});
