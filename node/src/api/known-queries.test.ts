import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ApiServerOptions } from './api-server.ts';
import { askApi } from './testing/ask-api.ts';
import { type SampleApi, startSampleApi } from './testing/sample-api.ts';
import { createTokenIssuer, type TokenIssuer } from './testing/token-issuer.ts';

const ORDERS = `query ($first: Int = 2, $id: ID) {
  orders(first: $first) { edges { node { id status legs { id venue { id } } settlements { state } } } }
  order(id: $id, clientOrderId: null) { id }
}`;

let folder: string;
let issuer: TokenIssuer;
const opened: SampleApi[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-known-'));
  issuer = await createTokenIssuer(folder);
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.stop();
});
afterAll(() => rm(folder, { recursive: true }));

async function start(guards: ApiServerOptions['guards'] = {}) {
  const metrics = new Registry();
  const api = await startSampleApi('alpha', issuer.options, { guards }, { metrics });
  opened.push(api);
  const token = await issuer.token();
  const ask = (query: string, variables: object) => askApi(api.url, query, { token, variables });
  const begun = async () =>
    /stoa_api_operations_total\{type="query"\} (\d+)/.exec(await metrics.metrics())?.[1];
  return { api, ask, begun };
}

describe('a query that a node knows', () => {
  it('is answered as it was the first time, from what is so now, and counted', async () => {
    const { api, ask, begun } = await start();
    const first = await ask(ORDERS, { id: 'alpha-1' });
    expect(first.errors).toBeUndefined();
    expect(await ask(ORDERS, { id: 'alpha-1' })).toEqual(first);
    // Nobody in particular is told the same as the first time: nothing.
    expect(await askApi(api.url, ORDERS)).toEqual(await askApi(api.url, `${ORDERS} #`));
    expect(await begun()).toBe('4');
  });

  it('is refused in the same words, whatever is wrong with its variables', async () => {
    const { ask } = await start();
    const wrong = [{ first: 0 }, { first: 'two' }, { first: 1_000 }, { id: [1, 2] }, {}];
    const unknown = [];
    for (const [at, variables] of wrong.entries()) {
      unknown.push(await ask(`${ORDERS} # ${at}`, variables));
    }
    await ask(ORDERS, { id: 'alpha-1' });
    for (const [at, variables] of wrong.entries()) {
      const known = await ask(ORDERS, variables);
      expect(known.errors?.length).toBeGreaterThan(0);
      expect(known).toEqual(unknown[at]);
    }
  });

  it('may still cost too much, and come too often', async () => {
    const { ask } = await start({
      maxCost: 100,
      rates: { query: { perSecond: 0.001, burst: 3 } },
    });
    const codes = [];
    for (const first of [2, 100, 2, 2, 2]) {
      const { errors } = await ask(ORDERS, { first, id: 'alpha-1' });
      codes.push(errors?.[0]?.extensions?.['code']);
    }
    expect(codes).toEqual([
      ...[undefined, 'OPERATION_TOO_COSTLY', undefined, undefined],
      'RATE_LIMITED',
    ]);
  });

  it('has what it denies recorded each time', async () => {
    const { api } = await start();
    const query = '{ settlementQueue(first: 1) { batchId } }';
    const token = await issuer.token();
    const answers = [
      await askApi(api.url, query, { token }),
      await askApi(api.url, query, { token }),
    ];
    expect(answers[1]).toEqual(answers[0]);
    const denied = api.audit.records.filter(({ field }) => field === 'Query.settlementQueue');
    expect(denied).toHaveLength(2);
  });
});
