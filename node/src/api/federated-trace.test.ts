import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Trace } from '@apollo/usage-reporting-protobuf';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type SampleApi, startSampleApi } from './testing/sample-api.ts';
import { createTokenIssuer, type TokenIssuer } from './testing/token-issuer.ts';

describe('federated tracing', () => {
  let folder: string;
  let issuer: TokenIssuer;
  let api: SampleApi;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stoa-trace-'));
    issuer = await createTokenIssuer(folder);
    api = await startSampleApi('alpha', issuer.options);
  });
  afterAll(async () => {
    await api.stop();
    await rm(folder, { recursive: true });
  });

  async function ask(query: string, headers: Record<string, string>) {
    const response = await fetch(`${api.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query }),
    });
    return (await response.json()) as { data: unknown; extensions?: { ftv1?: string } };
  }
  const QUERY = '{ mine: venue(id: "alpha") { quotes } venues { node { version } } }';
  const asked = { 'apollo-federation-include-trace': 'ftv1' };

  it('says how long each field took, by its place in the answer', async () => {
    const authorization = `Bearer ${await issuer.token()}`;
    const plain = await ask(QUERY, { authorization });
    expect(plain.extensions).toBeUndefined();
    const answer = await ask(QUERY, { ...asked, authorization });
    expect(answer.data).toEqual(plain.data);
    const trace = Trace.decode(Buffer.from(answer.extensions?.ftv1 ?? '', 'base64'));
    expect(Number(trace.durationNs)).toBeGreaterThan(0);
    expect(Number(trace.endTime?.seconds)).toBeGreaterThanOrEqual(Number(trace.startTime?.seconds));
    const [mine, venues] = trace.root?.child ?? [];
    expect(mine).toMatchObject({
      ...{ responseName: 'mine', originalFieldName: 'venue', type: 'Venue', parentType: 'Query' },
      child: [{ responseName: 'quotes', type: 'QuoteState!', parentType: 'Venue' }],
    });
    expect(Number(mine?.endTime)).toBeGreaterThanOrEqual(Number(mine?.startTime));
    expect(venues?.child?.map(({ index, child }) => [index, child?.[0]?.responseName])).toEqual([
      ...[
        [0, 'node'],
        [1, 'node'],
        [2, 'node'],
      ],
    ]);
    // Beta's node is another one: the field failed, and the trace says no more than that.
    expect(venues?.child?.[1]?.child?.[0]?.error?.map(({ message }) => message)).toEqual([
      '<masked>',
    ]);
  });

  it('is for callers with a token, and in the one format there is', async () => {
    expect((await ask(QUERY, asked)).extensions).toBeUndefined();
    const authorization = `Bearer ${await issuer.token()}`;
    const other = { 'apollo-federation-include-trace': 'ftv2', authorization };
    expect((await ask(QUERY, other)).extensions).toBeUndefined();
    const refused = await ask(QUERY, { ...asked, authorization: 'Bearer x' });
    expect(refused.extensions).toBeUndefined();
  });
});
