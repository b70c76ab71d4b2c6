import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../telemetry/logger.ts';
import { until } from '../testing/until.ts';
import { createTokenIssuer } from './testing/token-issuer.ts';
import { createTokenVerifier, type TokenVerifier } from './token-verifier.ts';

const SAID = {
  ...{ active: true, sub: 'trader', client_id: 'desk', aud: ['stoa'], iss: 'https://issuer.test' },
  ...{ member: 'broker', home: 'alpha', scope: 'orders:read orders:write' },
};

let folder: string;
let server: Server;
let verifier: TokenVerifier;
let nowMs: number;
/** What the issuer says of each token, and what it was asked. */
let tokens: Record<string, object>;
let asked: { authorization: string | undefined; body: string }[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-introspection-'));
  [nowMs, asked] = [Date.now(), []];
  const good = { ...SAID, exp: Math.floor(nowMs / 1_000) + 3_600 };
  tokens = { good, ended: good };
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      asked.push({ authorization: request.headers.authorization, body });
      const token = new URLSearchParams(body).get('token') ?? '';
      response.end(JSON.stringify(tokens[token] ?? { active: false }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const introspectionFile = join(folder, 'introspection.json');
  const url = `http://127.0.0.1:${port}/introspect`;
  const settings = { url, clientId: 'stoa node', clientSecret: 'a:b%' };
  await writeFile(introspectionFile, JSON.stringify(settings));
  const issuer = await createTokenIssuer(folder);
  verifier = await createTokenVerifier(
    { ...issuer.options, introspectionFile },
    { logger: createLogger('test', 'silent'), now: () => nowMs },
  );
});
afterEach(async () => {
  verifier.close();
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

const verify = (token: string) => verifier.verify(`Bearer ${token}`);

describe('a token that only its issuer can read', () => {
  it('has the rights that the issuer says, asked once for as long as the answer counts', async () => {
    const many = await Promise.all(Array.from({ length: 50 }, () => verify('good')));
    expect(many.every(({ kind }) => kind === 'caller')).toBe(true);
    expect(many[0]).toMatchObject({
      ...{ caller: { member: 'broker', home: 'alpha' }, subject: 'trader', client: 'desk' },
    });
    expect(asked).toEqual([
      {
        authorization: `Basic ${Buffer.from('stoa+node:a%3Ab%25').toString('base64')}`,
        body: 'token=good&token_type_hint=access_token',
      },
    ]);
    tokens = {};
    nowMs += 29_000;
    expect(await verify('good')).toMatchObject({ kind: 'caller' });
    nowMs += 2_000;
    expect(await verify('good')).toMatchObject({ kind: 'refused', code: 'UNAUTHENTICATED' });
  });

  it('ends what is watched when its issuer says so, and not while its issuer cannot be asked', async () => {
    const [kept, ended] = await Promise.all([verify('good'), verify('ended')]);
    if (kept.kind !== 'caller' || ended.kind !== 'caller') throw new Error('a token is refused');
    const lost: string[] = [];
    verifier.watch(kept, ({ code }) => lost.push(`kept ${code}`));
    verifier.watch(ended, ({ code }) => lost.push(`ended ${code}`));
    tokens = { ...tokens, good: [], ended: { active: false } };
    nowMs += 31_000;
    await until(() => lost.length > 0);
    expect(lost).toEqual(['ended UNAUTHENTICATED']);
    tokens['good'] = { active: false };
    await until(() => lost.length > 1);
    expect(lost[1]).toBe('kept UNAUTHENTICATED');
  });

  it('moves nothing without a proof where it is bound to a key', async () => {
    tokens['bound'] = { ...tokens['good'], cnf: { jkt: 'x'.repeat(43) } };
    expect(await verify('bound')).toMatchObject({ code: 'PROOF_REQUIRED' });
  });

  it.each([
    ['for another audience', { aud: 'other' }],
    ['for no audience', { aud: undefined }],
    ['by another issuer', { iss: 'https://elsewhere.test' }],
    ['before its time', { nbf: 9_999_999_999 }],
    ['after its time', { exp: 1 }],
    ['without an end', { exp: undefined }],
    ['of nobody', { member: undefined }],
    ['that is inactive', { active: false }],
  ])('is refused %s', async (_what, changes) => {
    tokens['good'] = { ...tokens['good'], ...changes };
    expect(await verify('good')).toMatchObject({ kind: 'refused', code: 'UNAUTHENTICATED' });
  });

  it('is asked about once where it is none, however often it comes, until it could be one', async () => {
    for (let time = 0; time < 20; time += 1) await verify('nonsense');
    expect(asked).toHaveLength(1);
    nowMs += 6_000;
    await verify('nonsense');
    expect(asked).toHaveLength(2);
  });

  it('is not said to be bad where its issuer cannot be asked', async () => {
    tokens['good'] = [] as never;
    expect(await verify('good')).toMatchObject({ code: 'AUTH_UNAVAILABLE' });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    expect(await verify('other')).toMatchObject({ code: 'AUTH_UNAVAILABLE' });
  });
});
