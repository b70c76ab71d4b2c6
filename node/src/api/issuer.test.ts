import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { askApi } from './testing/ask-api.ts';
import { type SampleApi, startSampleApi } from './testing/sample-api.ts';
import { ACME, BOND } from './testing/sample-market.ts';
import { createTokenIssuer, type TokenIssuer } from './testing/token-issuer.ts';

describe('what an issuer sees of its tokens', () => {
  let folder: string;
  let tokens: TokenIssuer;
  let api: SampleApi;
  let token: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stoa-issuer-'));
    tokens = await createTokenIssuer(folder);
    api = await startSampleApi('alpha', tokens.options);
    token = await tokens.token({ member: 'acme', scope: 'issuer:read' });
  });
  afterAll(async () => {
    await api.stop();
    await rm(folder, { recursive: true });
  });
  const ask = (query: string, by = token) => askApi(api.url, query, { token: by });

  it('is every listing, with what the venue shows and what contradicts it', async () => {
    const answer = await ask(`{ listingMatrix { instrument { symbol } venue { id } status exemption
      quotes halted haltReason bid { price } spread lastPrice volume trades tokenPaused
      contradictions { code message } } }`);
    expect(answer.errors).toBeUndefined();
    const rows = answer.data?.['listingMatrix'] as { venue: { id: string } }[];
    expect(rows).toHaveLength(3);
    expect(rows[0]).toMatchObject({
      ...{ instrument: { symbol: 'ACME' }, venue: { id: 'alpha' }, status: 'LISTED', spread: '0' },
      ...{
        quotes: 'LIVE',
        bid: { price: '100.1' },
        volume: '0',
        lastPrice: null,
        tokenPaused: false,
      },
      contradictions: [],
    });
    expect(rows[1]).toMatchObject({
      ...{ venue: { id: 'beta' }, halted: true, haltReason: 'news pending', spread: null },
      ...{ lastPrice: '100.1', volume: '4.5', trades: 3 },
      contradictions: [{ code: 'HALTED_WHILE_LISTED' }],
    });
    // The venue shows what the registry has halted.
    expect(rows[2]).toMatchObject({
      ...{ instrument: { symbol: 'BOND' }, status: 'HALTED' },
      contradictions: [{ code: 'TRADING_WHILE_NOT_LISTED' }],
    });
  });

  it('is what happened, in pages, newest first', async () => {
    const query = (more: string) => `{ listingHistory(instrument: "${BOND.id}"${more}) {
      edges { cursor node { kind at venue { id } before after } } pageInfo { hasNextPage } } }`;
    await vi.waitFor(async () => {
      const all = await ask(query(''));
      expect(all.data?.['listingHistory']).toMatchObject({
        edges: [
          { node: { kind: 'CONTRADICTION', before: null, after: 'TRADING_WHILE_NOT_LISTED' } },
          { node: { kind: 'STATUS', venue: { id: 'alpha' }, before: null, after: 'HALTED' } },
        ],
        pageInfo: { hasNextPage: false },
      });
    });
    const one = await ask(query(', first: 1'));
    expect(one.data?.['listingHistory']).toMatchObject({ pageInfo: { hasNextPage: true } });
    expect((await ask(query(', venue: "beta"'))).data?.['listingHistory']).toMatchObject({
      edges: [],
    });
  });

  it('is nothing for anybody else', async () => {
    const code = async (query: string, by: string) =>
      (await ask(query, by)).errors?.[0]?.extensions?.['code'];
    const broker = await tokens.token();
    expect(await code('{ listingMatrix { status } }', broker)).toBe('FORBIDDEN');
    const other = await tokens.token({ member: 'zeta', scope: 'issuer:read' });
    expect((await ask('{ listingMatrix { status } }', other)).data).toEqual({ listingMatrix: [] });
    const query = (id: string) => `{ listingHistory(instrument: "${id}") { edges { cursor } } }`;
    const unknown = `eip155:1/erc20:0x${'00'.repeat(20)}`;
    expect(await code(query(ACME.id), other)).toBe('FORBIDDEN');
    expect(await code(query(unknown), other)).toBe('FORBIDDEN');
    expect(await code(`{ listingMatrix(instrument: "${ACME.id}") { status } }`, other)).toBe(
      'FORBIDDEN',
    );
  });
});
