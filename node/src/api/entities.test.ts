import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askApi } from './testing/ask-api.ts';
import { type SampleApi, startSampleApi } from './testing/sample-api.ts';
import { ACME } from './testing/sample-market.ts';
import { createTokenIssuer } from './testing/token-issuer.ts';

describe('the entities of a node', () => {
  let folder: string;
  let api: SampleApi;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stoa-entities-'));
    api = await startSampleApi('alpha', (await createTokenIssuer(folder)).options);
  });
  afterAll(async () => {
    await api.stop();
    await rm(folder, { recursive: true });
  });

  const ask = (query: string, variables: object) => askApi(api.url, query, { variables });
  const codes = ({ errors = [] }: Awaited<ReturnType<typeof ask>>) =>
    errors.map(({ extensions }) => extensions?.['code']);

  it('resolves federated entities', async () => {
    const answer = await ask(
      `query ($of: [_Any!]!) { _entities(representations: $of) {
        ... on Venue { quotes } ... on Instrument { symbol } ... on Member { kind } } _service { sdl } }`,
      {
        of: [
          { __typename: 'Venue', id: 'beta' },
          { __typename: 'Instrument', id: ACME.id },
          { __typename: 'Venue', id: 'nobody' },
          { __typename: 'Member', id: 'acme' },
        ],
      },
    );
    expect(answer.data?._entities).toEqual([
      ...[{ quotes: 'DEGRADED' }, { symbol: 'ACME' }, null, { kind: 'ISSUER' }],
    ]);
    expect(answer.data?._service).toMatchObject({ sdl: expect.stringContaining('@key') });
  });

  it('resolves a thousand entities at a time, and no key that is no text', async () => {
    const query = `query ($of: [_Any!]!) { _entities(representations: $of) { ... on Venue { id } } }`;
    const of = (count: number) =>
      Array.from({ length: count }, () => ({ __typename: 'Venue', id: 'beta' }));
    const most = await ask(query, { of: of(1_000) });
    expect(most.data?._entities).toHaveLength(1_000);
    expect(codes(await ask(query, { of: of(1_001) }))).toEqual(['BAD_USER_INPUT']);
    for (const id of [undefined, null, 1, { a: 1 }, 'x'.repeat(257)]) {
      const answer = await ask(query, { of: [{ __typename: 'Venue', id }] });
      expect(codes(answer)).toEqual(['BAD_USER_INPUT']);
    }
  });
});
