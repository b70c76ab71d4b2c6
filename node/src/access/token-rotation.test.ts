import { mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Directory, DirectorySource, Member } from '@stoa/schema';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '../telemetry/logger.ts';
import { until } from '../testing/until.ts';
import { createTokenIssuer, type TokenIssuer } from './testing/token-issuer.ts';
import {
  createTokenVerifier,
  type TokenOptions,
  type TokenVerifier,
  type TokenVerifierNeeds,
} from './token-verifier.ts';
import type { Verification } from './verification.ts';

const logger = createLogger('test', 'silent');
const opened: { close(): void }[] = [];
let folder: string;
let issuer: TokenIssuer;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-access-'));
  issuer = await createTokenIssuer(folder);
});
afterEach(async () => {
  for (const one of opened.splice(0)) one.close();
  await rm(folder, { recursive: true });
});

async function open(options: Partial<TokenOptions> = {}, needs: Partial<TokenVerifierNeeds> = {}) {
  const verifier = await createTokenVerifier(
    { ...issuer.options, ...options },
    { logger, ...needs },
  );
  opened.push(verifier);
  return verifier;
}

/** The code of what a token proves, `caller` where it proves one. */
async function codeOf(verifier: TokenVerifier, token: string): Promise<string> {
  const verified = await verifier.verify(`Bearer ${token}`);
  return verified.kind === 'refused' ? verified.code : verified.kind;
}

/** A server of a token issuer: documents by path, which the test changes; counts what is asked. */
async function serveIssuer(documents: Map<string, () => unknown>) {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const document = documents.get(request.url ?? '')?.();
    if (document === undefined) response.writeHead(404).end();
    else response.end(JSON.stringify(document));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  opened.push({
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, server };
}

const keySet = async () => JSON.parse(await readFile(issuer.options.jwks ?? '', 'utf8'));

describe('the keys of the token issuer', () => {
  it('are read anew from their file, and what the old one signed counts no longer', async () => {
    const verifier = await open();
    const old = await issuer.token();
    const verified = await verifier.verify(`Bearer ${old}`);
    if (verified.kind !== 'caller') throw new Error(verified.kind);
    const lost: string[] = [];
    verifier.watch(verified, ({ code }) => lost.push(code));
    await issuer.rotate();
    const fresh = await issuer.token();
    await until(async () => (await codeOf(verifier, fresh)) === 'caller');
    expect(await codeOf(verifier, old)).toBe('UNAUTHENTICATED');
    await until(() => lost.length === 1);
    expect(lost).toEqual(['UNAUTHENTICATED']);
  });

  it('stay as they were where their file turns bad', async () => {
    const verifier = await open();
    const token = await issuer.token();
    await writeFile(issuer.options.jwks ?? '', 'half a fi');
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(await codeOf(verifier, token)).toBe('caller');
  });

  it('are fetched once more for a key nobody knows, and no more often than allowed', async () => {
    let keys = await keySet();
    const { url, asked } = await serveIssuer(new Map([['/keys', () => keys]]));
    let nowMs = Date.now();
    const verifier = await open({ jwks: `${url}/keys` }, { now: () => nowMs });
    const old = await issuer.token();
    expect(await codeOf(verifier, old)).toBe('caller');
    await issuer.rotate();
    const fresh = await issuer.token();
    for (let turn = 0; turn < 5; turn += 1) {
      expect(await codeOf(verifier, fresh)).toBe('UNAUTHENTICATED');
    }
    expect(asked).toHaveLength(1);
    keys = await keySet();
    nowMs += 11_000;
    expect(await codeOf(verifier, fresh)).toBe('caller');
    expect(asked).toHaveLength(2);
    // The set that was fetched holds the old key no longer.
    expect(await codeOf(verifier, old)).toBe('UNAUTHENTICATED');
  });

  it('count for an hour while the issuer is down, and then no longer', async () => {
    let keys: unknown = await keySet();
    const { url } = await serveIssuer(new Map([['/keys', () => keys]]));
    let nowMs = Date.now();
    const verifier = await open({ jwks: `${url}/keys` }, { now: () => nowMs });
    const token = await issuer.token({ lifetimeSeconds: 10_000 });
    expect(await codeOf(verifier, token)).toBe('caller');
    keys = undefined;
    nowMs += 59 * 60_000;
    expect(await codeOf(verifier, token)).toBe('caller');
    expect(await codeOf(verifier, await issuer.token({ lifetimeSeconds: 20_000 }))).toBe('caller');
    nowMs += 2 * 60_000;
    expect(await codeOf(verifier, token)).toBe('AUTH_UNAVAILABLE');
  });

  it('are found by the metadata of the issuer, which must be its own', async () => {
    const documents = new Map<string, () => unknown>();
    const { url } = await serveIssuer(documents);
    const named = `${url}/realm`;
    let claimed = 'https://another.test';
    documents.set('/realm/.well-known/openid-configuration', () => ({
      issuer: claimed,
      jwks_uri: `${url}/keys`,
    }));
    const keys = await keySet();
    documents.set('/keys', () => keys);
    let nowMs = Date.now();
    const verifier = await open({ jwks: undefined, issuer: named }, { now: () => nowMs });
    const token = await issuer.token({ issuer: named });
    expect(await codeOf(verifier, token)).toBe('AUTH_UNAVAILABLE');
    claimed = named;
    nowMs += 2_000;
    expect(await codeOf(verifier, token)).toBe('caller');
  });

  it('are public ones for signatures: shared secrets and private keys in a set are passed over', async () => {
    const secret = { kty: 'oct', k: 'c2VjcmV0', kid: 'key-1', alg: 'HS256' };
    await writeFile(issuer.options.jwks ?? '', JSON.stringify({ keys: [secret] }));
    await expect(open()).rejects.toMatchObject({ code: 'JWKS_UNREADABLE' });
  });
});

describe('a token', () => {
  it.each([
    ['its id', () => ({ tokens: ['the-one'] })],
    ['its subject', () => ({ subjects: ['trader'] })],
    ['its client', () => ({ clients: ['test-client'] })],
    ['its member', () => ({ members: ['broker'] })],
    ['its key', () => ({ keys: ['key-1'] })],
    ['its age', () => ({ issuedBefore: new Date(Date.now() + 60_000).toISOString() })],
  ])('that is denied by %s counts no longer within seconds, on open streams too', async (_, of) => {
    const denylistFile = join(folder, 'denied.json');
    await writeFile(denylistFile, '{}');
    const verifier = await open({ denylistFile });
    const token = await issuer.token({ tokenId: 'the-one' });
    const verified: Verification = await verifier.verify(`Bearer ${token}`);
    if (verified.kind !== 'caller') throw new Error(verified.kind);
    const lost: string[] = [];
    verifier.watch(verified, ({ code }) => lost.push(code));
    await writeFile(`${denylistFile}.new`, JSON.stringify(of()));
    await rename(`${denylistFile}.new`, denylistFile);
    await until(async () => (await codeOf(verifier, token)) === 'TOKEN_REVOKED');
    await until(() => lost.length === 1);
    expect(lost).toEqual(['TOKEN_REVOKED']);
    // What is revoked stays so when the list is lost.
    await rm(denylistFile);
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(await codeOf(verifier, token)).toBe('TOKEN_REVOKED');
  });

  it('gives the rights that the member registry leaves, as it is now', async () => {
    const broker: Member = {
      ...{ id: 'broker', kind: 'broker', status: 'active' },
      ...{ nodeKeys: [], signers: [] },
    };
    const members = new Map([['broker', broker]]);
    const directory: DirectorySource = {
      current: () => ({ members }) as unknown as Directory,
      onChange: () => () => {},
    };
    const verifier = await open({}, { directory });
    const bearer = `Bearer ${await issuer.token({ scope: 'orders:read settlement:operate' })}`;
    const verified = await verifier.verify(bearer);
    if (verified.kind !== 'caller') throw new Error(verified.kind);
    expect(verified.caller.scopes).toEqual(new Set(['orders:read']));
    const lost: string[] = [];
    verifier.watch(verified, ({ code }) => lost.push(code));
    members.set('broker', { ...broker, status: 'ceasing' });
    expect(await verifier.verify(bearer)).toMatchObject({ kind: 'caller' });
    for (const status of ['suspended', 'ceased'] as const) {
      members.set('broker', { ...broker, status });
      expect(await verifier.verify(bearer)).toMatchObject({ code: 'MEMBER_NOT_STANDING' });
    }
    await until(() => lost.length === 1);
    members.clear();
    expect(await verifier.verify(bearer)).toMatchObject({ code: 'MEMBER_NOT_STANDING' });
  });

  it('may say what it says under other names, as providers do', async () => {
    const verifier = await open({
      claims: {
        member: 'https://stoa.example/member',
        home: '/stoa/home',
        scope: 'scp',
        role: '/realm_access/roles',
      },
    });
    const more = {
      'https://stoa.example/member': 'harbor',
      stoa: { home: 'beta' },
      realm_access: { roles: ['broker', 'offline_access'] },
      ...{ member: undefined, home: undefined, scope: undefined },
    };
    expect(await verifier.verify(`Bearer ${await issuer.token({ more })}`)).toMatchObject({
      caller: { member: 'harbor', home: 'beta', scopes: new Set(['orders:read', 'orders:write']) },
    });
    const scoped = { ...more, scp: ['orders:read'] };
    expect(await verifier.verify(`Bearer ${await issuer.token({ more: scoped })}`)).toMatchObject({
      caller: { scopes: new Set(['orders:read']) },
    });
  });
});
