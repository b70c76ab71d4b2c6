import { createHash, createPrivateKey } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Directory, type DirectorySource, nodeKeyFromSeed } from '@stoa/schema';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '../telemetry/logger.ts';
import { checkForwarded, createForwarder } from './forwarded-proof.ts';
import { createReplayStore } from './replay-store.ts';
import { createProofMaker, type ProofMaker, type ProofSpec } from './testing/proof-maker.ts';
import { createTokenIssuer, type TokenIssuer } from './testing/token-issuer.ts';
import {
  createTokenVerifier,
  type PresentedRequest,
  type TokenVerifier,
} from './token-verifier.ts';

const URL_HERE = 'https://alpha.example/graphql';
const URL_GATEWAY = 'https://gateway.example/graphql';
const logger = createLogger('test', 'silent');
const gatewayKey = nodeKeyFromSeed(Buffer.alloc(32, 7));
let folder: string;
let issuer: TokenIssuer;
let verifier: TokenVerifier;
let client: ProofMaker;
let token: string;

const directory: DirectorySource = {
  current: () =>
    ({
      members: new Map(
        (
          [
            ['broker', 'broker', []],
            ['gateway', 'observer', [{ key: gatewayKey.publicKey, validFrom: 0, validTo: 0 }]],
          ] as const
        ).map(([id, kind, nodeKeys]) => [id, { id, kind, nodeKeys, status: 'active' }]),
      ),
    }) as unknown as Directory,
  onChange: () => () => {},
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-proof-'));
  issuer = await createTokenIssuer(folder);
  verifier = await createTokenVerifier(
    { ...issuer.options, publicUrls: [URL_HERE] },
    { logger, directory, self: 'alpha' },
  );
  client = await createProofMaker();
  token = await issuer.token({ keyThumbprint: client.thumbprint });
});
afterAll(async () => {
  verifier.close();
  await rm(folder, { recursive: true });
});

async function present(
  proof: string | null,
  request: Partial<PresentedRequest> = {},
  authorization = `DPoP ${token}`,
  by = verifier,
): Promise<string> {
  const presented = { method: 'POST', proof, acts: true, ...request };
  const verified = await by.verify(authorization, presented);
  if (verified.kind === 'refused') return `${verified.code}: ${verified.reason}`;
  return verified.kind === 'caller' ? verified.holding : verified.kind;
}

const made = (spec: Partial<ProofSpec> = {}) => client.proof({ token, url: URL_HERE, ...spec });

describe('a token that is bound to a key', () => {
  it('is good with a proof by that key, once', async () => {
    const proof = await made();
    expect(await present(proof)).toBe('proven');
    expect(await present(proof)).toContain('PROOF_INVALID: The DPoP proof was used before');
    expect(await present(await made())).toBe('proven');
  });

  it('is good for nothing without one, and never as a bearer token', async () => {
    expect(await present(null)).toContain('PROOF_REQUIRED');
    expect(await present(await made(), {}, `Bearer ${token}`)).toContain('PROOF_REQUIRED');
    expect((await verifier.verify(`DPoP ${token}`)).kind).toBe('refused');
  });

  it.each([
    ['another method', { method: 'GET' }, 'method'],
    ['another address', { url: 'https://evil.example/graphql' }, 'htu'],
    ['another path', { url: 'https://alpha.example/other' }, 'htu'],
    ['another token', { tokenHashOf: 'another' }, 'ath'],
    ['long ago', { madeInSeconds: -61 }, 'iat'],
    ['the future', { madeInSeconds: 30 }, 'iat'],
    ['another type', { typ: 'JWT' }, 'typ'],
  ])('refuses a proof for %s', async (_what, spec, why) => {
    const told = await present(await made(spec));
    expect(told).toContain('PROOF_INVALID');
    expect(told).toContain(why);
  });

  it('refuses a proof by another key, and one that names the right key and is not signed by it', async () => {
    const thief = await createProofMaker();
    const stolen = await thief.proof({ token, url: URL_HERE });
    expect(await present(stolen)).toContain('another key');
    const [header] = (await made()).split('.');
    const [, payload, signature] = stolen.split('.');
    expect(await present([header, payload, signature].join('.'))).toContain('PROOF_INVALID');
    for (const nonsense of ['x', 'a.b.c', 'y'.repeat(5_000), `${await made()}, ${await made()}`]) {
      expect(await present(nonsense)).toContain('PROOF_INVALID');
    }
  });

  it('compares addresses without query and in normal form', async () => {
    const proof = await made({ url: 'HTTPS://ALPHA.example:443/graphql?x=1#y' });
    expect(await present(proof)).toBe('proven');
  });

  it('asks for a nonce of its own where that is configured', async () => {
    const strict = await createTokenVerifier(
      { ...issuer.options, publicUrls: [URL_HERE], proofNonce: true },
      { logger },
    );
    expect(await present(await made(), {}, undefined, strict)).toContain('PROOF_NONCE');
    const nonce = strict.nonce() ?? '';
    expect(await present(await made({ nonce }), {}, undefined, strict)).toBe('proven');
    expect(await present(await made({ nonce: 'x' }), {}, undefined, strict)).toContain('NONCE');
    strict.close();
  });
});

describe('a proof that a gateway forwards', () => {
  const body = '{"query":"mutation { x }"}';
  const forwarded = async (change: { body?: string; home?: string; seed?: number } = {}) => {
    const proof = await made({ url: URL_GATEWAY });
    const key = change.seed ? nodeKeyFromSeed(Buffer.alloc(32, change.seed)) : gatewayKey;
    const sign = await createForwarder('gateway', key);
    return sign({
      ...{ token, proof },
      home: change.home ?? 'alpha',
      body: change.body ?? body,
    });
  };

  it('is good with the statement of a registered gateway, and moves one order', async () => {
    const proof = await made({ url: URL_GATEWAY });
    const readings = { acts: false, body };
    // One operation of the gateway may ask several times …
    expect(await present(proof, { ...readings, forwarded: await forwarded() })).toBe('proven');
    expect(await present(proof, { ...readings, forwarded: await forwarded() })).toBe('proven');
    // … and acts once, whatever the gateway signs.
    expect(await present(proof, { body, forwarded: await forwarded() })).toBe('proven');
    const again = await present(proof, { body, forwarded: await forwarded() });
    expect(again).toContain('used before');
    // Without the statement it is for another address.
    expect(await present(proof, { body })).toContain('htu');
  });

  it.each([
    ['of nobody in the registry', { seed: 9 }],
    ['for another node', { home: 'beta' }],
    ['for another body', { body: '{"query":"mutation { y }"}' }],
  ])('is refused with a statement %s', async (_what, change) => {
    const proof = await made({ url: URL_GATEWAY });
    const told = await present(proof, { body, forwarded: await forwarded(change) });
    expect(told).toContain("PROOF_INVALID: The gateway's statement");
  });

  it('is refused with a statement that was used before, and without the proof itself', async () => {
    const statement = await forwarded();
    const proof = await made({ url: URL_GATEWAY });
    expect(await present(proof, { body, forwarded: statement })).toBe('proven');
    const other = await made({ url: URL_GATEWAY });
    expect(await present(other, { body, forwarded: statement })).toContain('used before');
    expect(await present(null, { body, forwarded: await forwarded() })).toContain('PROOF_REQUIRED');
    const thief = await createProofMaker();
    const stolen = await thief.proof({ token, url: URL_GATEWAY });
    const told = await present(stolen, { body, forwarded: await forwarded() });
    expect(told).toContain('another key');
  });
});

describe('a statement of a gateway that says it is good for years', () => {
  it('is remembered for as long as it is taken, and no longer', async () => {
    const body = '{}';
    const nowMs = Date.now();
    const privateKey = createPrivateKey({
      key: Buffer.concat([
        Buffer.from('302e020100300506032b657004220420', 'hex'),
        Buffer.alloc(32, 7),
      ]),
      ...{ format: 'der', type: 'pkcs8' },
    });
    const hash = (text: string) => createHash('sha256').update(text).digest('base64url');
    const statement = await new SignJWT({
      ...{ ath: hash(token), htm: 'POST', htu: URL_GATEWAY, bh: hash(body), jti: 'one' },
      ...{ iss: 'gateway', aud: 'alpha', exp: 9_999_999_999, iat: Math.floor(nowMs / 1_000) },
    })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'stoa-forwarded+jwt' })
      .sign(privateKey);
    const uses = createReplayStore(1);
    const check = (atMs: number) =>
      checkForwarded(statement, { self: 'alpha', token, body, directory, uses }, atMs);
    expect(await check(nowMs)).toEqual({ method: 'POST', url: URL_GATEWAY });
    for (const laterMs of [1_000, 15_000, 24_000]) {
      expect(await check(nowMs + laterMs)).toMatchObject({ kind: 'refused' });
      expect(uses.take('another', nowMs + 90_000, nowMs + laterMs)).toBe('full');
    }
    expect(await check(nowMs + 27_000)).toMatchObject({ kind: 'refused' });
    expect(uses.take('another', nowMs + 90_000, nowMs + 27_000)).toBe('first');
  });
});

describe('the store of uses', () => {
  it('is bounded, refuses what it could not remember, and forgets what has ended', () => {
    const uses = createReplayStore(2);
    expect(uses.take('a', 100, 0)).toBe('first');
    expect(uses.take('b', 100, 0)).toBe('first');
    expect(uses.take('a', 100, 50)).toBe('replayed');
    expect(uses.take('c', 150, 50)).toBe('full');
    expect(uses.take('c', 200, 101)).toBe('first');
    expect(uses.take('a', 200, 101)).toBe('first');
  });
});
