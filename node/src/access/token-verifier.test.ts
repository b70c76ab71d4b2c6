import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '../telemetry/logger.ts';
import { createTokenIssuer, type TokenIssuer } from './testing/token-issuer.ts';
import { createTokenVerifier, type TokenVerifier } from './token-verifier.ts';

const logger = createLogger('test', 'silent');
let folder: string;
let issuer: TokenIssuer;
let verifier: TokenVerifier;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-token-'));
  issuer = await createTokenIssuer(folder);
  verifier = await createTokenVerifier(issuer.options, { logger });
});
afterAll(() => rm(folder, { recursive: true }));

const verify = async (token: string) => verifier.verify(`Bearer ${token}`);

describe('the check of tokens', () => {
  it('proves the caller of a good token', async () => {
    expect(await verify(await issuer.token())).toEqual({
      kind: 'caller',
      caller: { member: 'broker', home: 'alpha', scopes: new Set(['orders:read', 'orders:write']) },
      expiresAtMs: expect.any(Number),
      ...{ subject: 'trader', client: 'test-client', holding: 'exempt' },
    });
  });

  it('takes ES256 as well', async () => {
    const other = await mkdtemp(join(tmpdir(), 'stoa-token-'));
    const es256 = await createTokenIssuer(other, 'ES256');
    const check = await createTokenVerifier(es256.options, { logger });
    expect(await check.verify(`Bearer ${await es256.token()}`)).toMatchObject({ kind: 'caller' });
    await rm(other, { recursive: true });
  });

  it.each([
    ['expired', { lifetimeSeconds: -60 }, 'expired'],
    ['for another audience', { audience: 'other' }, '"aud"'],
    ['of another issuer', { issuer: 'https://evil.test' }, '"iss"'],
    ['of another type', { typ: 'JWT' }, '"typ"'],
    ['for no member', { member: 'Not A Slug' }, 'malformed'],
  ])('refuses a token %s', async (_what, spec, reason) => {
    expect(await verify(await issuer.token(spec))).toMatchObject({
      kind: 'refused',
      code: 'UNAUTHENTICATED',
      reason: expect.stringContaining(reason),
    });
  });

  it('refuses alg none, a shared secret, a stranger, nonsense', async () => {
    const claims = { member: 'broker', home: 'alpha', scope: 'orders:read', sub: 'x' };
    const unsigned = new UnsecuredJWT(claims)
      .setIssuer(issuer.options.issuer)
      .setAudience(issuer.options.audience)
      .setExpirationTime('1h')
      .encode();
    const shared = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt' })
      .sign(new TextEncoder().encode('a shared secret of thirty-two bytes'));
    const other = await mkdtemp(join(tmpdir(), 'stoa-token-'));
    const stranger = await (await createTokenIssuer(other)).token();
    await rm(other, { recursive: true });
    for (const token of [unsigned, shared, stranger, 'a.b.c', 'x'.repeat(9_000)]) {
      expect(await verify(token)).toMatchObject({ kind: 'refused', code: 'UNAUTHENTICATED' });
    }
    expect(await verifier.verify('Basic dXNlcg==')).toMatchObject({ kind: 'refused' });
    expect(await verifier.verify(undefined)).toEqual({ kind: 'anonymous' });
  });

  it('remembers a token only until it expires', async () => {
    let nowMs = Date.now();
    const check = await createTokenVerifier(issuer.options, { logger, now: () => nowMs });
    const bearer = `Bearer ${await issuer.token({ lifetimeSeconds: 60 })}`;
    expect(await check.verify(bearer)).toMatchObject({ kind: 'caller' });
    nowMs += 120_000;
    expect(await check.verify(bearer)).toMatchObject({ kind: 'refused' });
  });

  it('fetches the keys from a URL, and says so when it cannot', async () => {
    const keys = await import('node:fs/promises').then((fs) =>
      fs.readFile(issuer.options.jwks ?? ''),
    );
    const server = createServer((_request, response) => response.end(keys));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const jwks = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
    const check = await createTokenVerifier({ ...issuer.options, jwks }, { logger });
    expect(await check.verify(`Bearer ${await issuer.token()}`)).toMatchObject({ kind: 'caller' });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    const blind = await createTokenVerifier({ ...issuer.options, jwks }, { logger });
    expect(await blind.verify(`Bearer ${await issuer.token()}`)).toMatchObject({
      code: 'AUTH_UNAVAILABLE',
    });
  });

  it('does not start with a key file that is none', async () => {
    const broken = join(folder, 'broken.json');
    await writeFile(broken, 'not json');
    await expect(
      createTokenVerifier({ ...issuer.options, jwks: broken }, { logger }),
    ).rejects.toMatchObject({ code: 'JWKS_UNREADABLE' });
  });
});
