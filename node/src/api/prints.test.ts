import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askApi } from './testing/ask-api.ts';
import { type SampleApi, startSampleApi } from './testing/sample-api.ts';
import { ACME } from './testing/sample-market.ts';
import { createTokenIssuer } from './testing/token-issuer.ts';

describe('the recorded trades of a node', () => {
  let folder: string;
  let api: SampleApi;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stoa-prints-'));
    api = await startSampleApi('alpha', (await createTokenIssuer(folder)).options);
  });
  afterAll(async () => {
    await api.stop();
    await rm(folder, { recursive: true });
  });
  const candles = (args: string) =>
    askApi(
      api.url,
      `{ candles(instrument: "${ACME.id}", ${args}) { start open close volume notional vwap } }`,
    );

  it('come as prints, in decimal amounts and with their cursors', async () => {
    const query = (
      more: string,
    ) => `{ prints(instrument: "${ACME.id}"${more}) { pageInfo { hasNextPage }
      edges { cursor node { venue executionId price quantity executedAt state } } } }`;
    const answer = await askApi(api.url, query(''));
    const page = answer.data?.['prints'] as { edges: { cursor: string }[] };
    expect(page.edges).toMatchObject([
      {
        node: {
          ...{ venue: 'beta', executionId: 'beta-9', price: '100.1', quantity: '1' },
          ...{ executedAt: '2023-11-14T22:13:20.000Z', state: 'CORRECTED' },
        },
      },
    ]);
    const next = await askApi(api.url, query(`, after: "${page.edges[0]?.cursor}"`));
    expect(next.data?.['prints']).toMatchObject({ edges: [] });
    const wrong = await askApi(api.url, query(', after: "nothing"'));
    expect(wrong.errors?.[0]?.extensions?.['code']).toBe('CURSOR_INVALID');
  });

  it('come as candles, of whole intervals and within bounds', async () => {
    const day = 'interval: HOUR, from: "2026-01-02T03:04:05Z", to: "2026-01-02T09:00:00Z"';
    expect(await candles(day)).toEqual({
      data: {
        candles: [
          {
            ...{ start: '2026-01-02T03:00:00.000Z', open: '100.1', close: '100.1' },
            ...{ volume: '1', notional: '100.1', vwap: '100.1' },
          },
        ],
      },
    });
    for (const range of [
      'interval: MINUTE, from: "2026-01-02T00:00:00Z", to: "2026-01-02T08:20:01Z"',
      'interval: DAY, from: "2026-01-02T00:00:00Z", to: "2026-01-02T00:00:00Z"',
      'interval: DAY, from: "2026-01-02T00:00:00Z", to: "2025-01-02T00:00:00Z"',
      'interval: DAY, from: "2026-02-30T00:00:00Z", to: "2026-03-02T00:00:00Z"',
    ]) {
      const { errors } = await candles(range);
      expect(errors?.[0]?.extensions?.['code'], range).toBe('BAD_USER_INPUT');
    }
    const most = 'interval: MINUTE, from: "2026-01-02T00:00:00Z", to: "2026-01-02T08:20:00Z"';
    expect((await candles(most)).errors).toBeUndefined();
  });
});
