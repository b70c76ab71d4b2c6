import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { refuse } from '@stoa/schema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askApi } from './testing/ask-api.ts';
import { type SampleApi, startSampleApi } from './testing/sample-api.ts';
import { ACME } from './testing/sample-market.ts';
import { sampleSettlements } from './testing/sample-services.ts';
import { createTokenIssuer, type TokenIssuer } from './testing/token-issuer.ts';

let folder: string;
let issuer: TokenIssuer;
let api: SampleApi;
const retried: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-settlement-api-'));
  issuer = await createTokenIssuer(folder);
  api = await startSampleApi(
    'alpha',
    issuer.options,
    {},
    {
      settlements: {
        ...sampleSettlements,
        retryByOperator: async (batchId) => {
          retried.push(batchId);
          return batchId.endsWith('bb') ? 'sent-again' : refuse('BATCH_UNKNOWN', 'None.', 'Look.');
        },
        capTable: async (token, query) =>
          query.atBlock === 99n
            ? refuse('BLOCK_NOT_INDEXED', 'Block 99 is not indexed.', 'Ask later.')
            : sampleSettlements.capTable(token, query),
      },
    },
  );
});
afterAll(async () => {
  await api.stop();
  await rm(folder, { recursive: true });
});

const CAP_TABLE = `query ($atBlock: SafeInt) {
  capTable(instrument: "${ACME.id}", atBlock: $atBlock) {
    blockNumber holderCount verifiedCount supply hasMore instrument { symbol }
    byCountry { country holderCount balance } claims { topic holderCount }
    entries { holder balance country verified cursor }
  }
}`;
const QUEUE = '{ settlementQueue { batchId code reason trades { venueId tradeNumber } } }';
const LISTS = `{
  frameGaps(first: 1) { edges { node { venue epoch from to state lost since endedAt } } pageInfo { hasNextPage } }
  orderSessions { edges { node { member state sent acknowledged outbox received lastHeardAt } } }
  orderRefusals(filter: { code: "HALTED" }) { edges { node { action code } } }
}`;
const DIFFERENCES = '{ settlementReconciliation { cut differences { kind chain database } } }';
const LINK = '{ venues { id node { venueLink { state reason } } } }';
const retry = (batchId: string) => `mutation { retrySettlement(batchId: "${batchId}") {
  ... on SettlementRetried { outcome } ... on Refusal { code } } }`;

async function as(member: string, scope: string, query: string, variables?: object) {
  const token = await issuer.token({ member, home: 'alpha', scope });
  return askApi(api.url, query, { token, ...(variables && { variables }) });
}

describe('a cap table', () => {
  it('is the issuer’s, in decimals', async () => {
    const { data, errors } = await as(ACME.issuer, 'issuer:read', CAP_TABLE);
    expect(errors).toBeUndefined();
    expect(data?.['capTable']).toMatchObject({
      ...{ blockNumber: 77, holderCount: 1, supply: '1', instrument: { symbol: ACME.symbol } },
      byCountry: [{ country: 840, holderCount: 1, balance: '1' }],
      claims: [{ topic: '1', holderCount: 1 }],
      entries: [{ balance: '1', verified: true }],
    });
  });

  it.each([
    ['another member', 'harbor', 'issuer:read'],
    ['the venue', 'alpha', 'issuer:read settlement:operate'],
    ['a token of the issuer without the scope', ACME.issuer, 'orders:read'],
  ])('is not shown to %s', async (_, member, scope) => {
    const { data, errors } = await as(member, scope, CAP_TABLE);
    expect(data?.['capTable']).toBeNull();
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' });
  });

  it('says which block is not indexed', async () => {
    const { errors } = await as(ACME.issuer, 'issuer:read', CAP_TABLE, { atBlock: 99 });
    expect(errors?.[0]).toMatchObject({
      message: 'Block 99 is not indexed. Ask later.',
      extensions: { code: 'BLOCK_NOT_INDEXED' },
    });
  });
});

describe("the operator's part of settlement", () => {
  it('shows the queue and what does not reconcile', async () => {
    const scope = 'settlement:operate';
    expect((await as('alpha', scope, QUEUE)).data?.['settlementQueue']).toMatchObject([
      { code: 'TERMS_DIFFER', trades: [{ venueId: 'beta', tradeNumber: 10 }] },
    ]);
    expect((await as('alpha', scope, DIFFERENCES)).data).toMatchObject({
      settlementReconciliation: { cut: false, differences: [{ kind: 'SETTLED_UNRECORDED' }] },
    });
  });

  it('lists gaps, order sessions and refusals', async () => {
    const { data, errors } = await as('alpha', 'settlement:operate', LISTS);
    expect(errors).toBeUndefined();
    const since = '2023-11-14T22:13:20.000Z';
    expect(data).toEqual({
      frameGaps: {
        edges: [
          {
            node: {
              ...{ venue: 'beta', epoch: 7, from: 12, to: 12, state: 'OPEN', lost: 0 },
              ...{ since: '2023-11-14T22:13:21.000Z', endedAt: null },
            },
          },
        ],
        pageInfo: { hasNextPage: true },
      },
      orderSessions: {
        edges: [
          {
            node: {
              ...{ member: 'beta', state: 'UP', sent: 12, acknowledged: 9, outbox: 3, received: 4 },
              lastHeardAt: since,
            },
          },
        ],
      },
      orderRefusals: { edges: [{ node: { action: 'CANCEL_ALL', code: 'HALTED' } }] },
    });
  });

  it('tries a batch again, and says why it cannot', async () => {
    const known = `0x${'BB'.repeat(32)}`;
    const answer = async (batchId: string) =>
      (await as('alpha', 'settlement:operate', retry(batchId))).data?.['retrySettlement'];
    expect(await answer(known)).toEqual({ outcome: 'SENT_AGAIN' });
    expect(await answer(`0x${'12'.repeat(32)}`)).toEqual({ code: 'BATCH_UNKNOWN' });
    expect(await answer('0x12')).toEqual({ code: 'BATCH_UNKNOWN' });
    expect(retried).toEqual([known.toLowerCase(), `0x${'12'.repeat(32)}`]);
  });

  it.each([QUEUE, DIFFERENCES, LISTS, retry(`0x${'bb'.repeat(32)}`)])(
    'is for nobody else: %s',
    async (query) => {
      for (const [member, scope] of [
        ['harbor', 'settlement:operate'],
        ['alpha', 'orders:read orders:write'],
      ] as const) {
        const { errors } = await as(member, scope, query);
        expect(errors?.[0]?.extensions).toMatchObject({ code: 'FORBIDDEN' });
      }
      const anonymous = await askApi(api.url, query);
      expect(anonymous.errors?.[0]?.extensions).toMatchObject({ code: 'UNAUTHENTICATED' });
    },
  );

  it('tells the operator why the venue is not connected, and nobody else', async () => {
    for (const [member, reason] of [
      ['alpha', 'The venue answers 401.'],
      ['harbor', null],
    ] as const) {
      const { data } = await as(member, 'settlement:operate', LINK);
      expect(data?.['venues']).toContainEqual({
        ...{ id: 'alpha', node: { venueLink: { state: 'CONNECTING', reason } } },
      });
    }
  });
});
