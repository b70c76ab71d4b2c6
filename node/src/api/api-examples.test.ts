import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askApi } from './testing/ask-api.ts';
import { type SampleApi, startSampleApi } from './testing/sample-api.ts';
import { ACME } from './testing/sample-market.ts';
import { createTokenIssuer, type TokenIssuer } from './testing/token-issuer.ts';

const page = await readFile(new URL('../../../docs/api.md', import.meta.url), 'utf8');
const examples = [...page.matchAll(/```graphql\n# (\w+)\n(.*?)```/gs)].map(
  ([, who = '', text = '']) => {
    const query = text
      .replaceAll('eip155:31337/erc20:0x…', ACME.id)
      .replaceAll('"0x…"', `"0x${'11'.repeat(20)}"`);
    return { who, query, of: /\w+(?=[ (]*[({])/.exec(query.slice(1))?.[0] ?? query };
  },
);

describe('the examples of docs/api.md', () => {
  let folder: string;
  let issuer: TokenIssuer;
  let api: SampleApi;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stoa-examples-'));
    issuer = await createTokenIssuer(folder);
    api = await startSampleApi('alpha', issuer.options);
  });
  afterAll(async () => {
    await api.stop();
    await rm(folder, { recursive: true });
  });

  async function tokenOf(who: string): Promise<string | undefined> {
    switch (who) {
      case 'anybody':
        return undefined;
      case 'broker':
        return issuer.token();
      case 'issuer':
        return issuer.token({ member: 'acme', scope: 'issuer:read' });
      case 'operator':
        return issuer.token({ member: 'alpha', scope: 'settlement:operate' });
      case 'examiner':
        return issuer.token({ member: 'examiner', scope: 'records:read' });
      default:
        throw new Error(`docs/api.md has an example of ${who}`);
    }
  }

  it('are all there', () => {
    const all = [...page.matchAll(/```graphql/g)];
    expect(examples).toHaveLength(all.length);
    expect(new Set(examples.map(({ who }) => who))).toEqual(
      new Set(['anybody', 'broker', 'issuer', 'operator', 'examiner']),
    );
  });

  it.each(examples)('run as they stand: $of, asked by $who', async ({ who, query }) => {
    const token = await tokenOf(who);
    if (!query.startsWith('subscription')) {
      const { data, errors } = await askApi(api.url, query, token === undefined ? {} : { token });
      expect(errors).toBeUndefined();
      expect(Object.values(data ?? {}).filter((value) => value === null)).toEqual([]);
      return;
    }
    const ended = new AbortController();
    const response = await fetch(`${api.url}/graphql`, {
      method: 'POST',
      signal: ended.signal,
      headers: {
        'content-type': 'application/json',
        accept: 'text/event-stream',
        authorization: `Bearer ${token}`,
      },
      body: JSON.stringify({ query }),
    });
    let text = '';
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk).toString();
      if (text.includes('event: next')) break;
    }
    ended.abort();
    expect(text).toContain('"data":{"listingAlerts":{"sequence":1,"event":{"kind":"STATUS"');
  });
});
