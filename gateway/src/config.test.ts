import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readGatewayConfig } from './config.ts';

const folder = mkdtempSync(join(tmpdir(), 'stoa-config-'));
const keyFile = join(folder, 'node.key');
writeFileSync(keyFile, 'ab'.repeat(32));
afterAll(() => rmSync(folder, { recursive: true }));

const env = {
  STOA_MEMBER: 'gateway',
  STOA_NODE_KEY_FILE: keyFile,
  STOA_RPC_URL: 'http://127.0.0.1:8545',
  STOA_MEMBER_REGISTRY: `0x${'01'.repeat(20)}`,
  STOA_LISTING_REGISTRY: `0x${'02'.repeat(20)}`,
  STOA_NODES: 'alpha=http://127.0.0.1:4001/graphql, beta=https://beta.example/graphql',
  STOA_JWKS: 'jwks.json',
  STOA_TOKEN_ISSUER: 'https://issuer.example',
};

describe("the gateway's configuration", () => {
  it('reads the nodes by venue', () => {
    expect(readGatewayConfig(env)).toMatchObject({
      STOA_NODES: new Map([
        ['alpha', 'http://127.0.0.1:4001/graphql'],
        ['beta', 'https://beta.example/graphql'],
      ]),
      STOA_TOKEN_AUDIENCE: 'stoa',
      STOA_HTTP_PORT: 0,
    });
  });

  it('takes a file that is to be watched in their place', () => {
    expect(readGatewayConfig({ ...env, STOA_NODES: 'file:/etc/stoa/nodes' })).toMatchObject({
      STOA_NODES: { file: '/etc/stoa/nodes' },
    });
  });

  it('names every mistake at once', () => {
    const config = readGatewayConfig({
      ...env,
      STOA_MEMBER: 'Not A Slug',
      STOA_NODE_KEY_FILE: join(folder, 'missing'),
      STOA_NODES: 'alpha=ftp://x,alpha,beta=http://b/graphql,beta=http://c/graphql',
      STOA_JWKS: 'http://keys.example/jwks',
      STOA_TOKEN_ALGORITHMS: 'HS256',
      STOA_TOKEN_CLAIMS: 'firm=x',
    });
    expect('mistakes' in config && config.mistakes).toEqual([
      expect.stringContaining('STOA_MEMBER'),
      expect.stringContaining('STOA_NODE_KEY_FILE'),
      expect.stringContaining('"alpha=ftp://x"'),
      expect.stringContaining('"alpha"'),
      expect.stringContaining('beta stands there twice'),
      expect.stringContaining('STOA_JWKS: must be a file, or https://'),
      expect.stringContaining('STOA_TOKEN_ALGORITHMS: must be asymmetric'),
      expect.stringContaining('"firm=x"'),
    ]);
  });

  it('finds keys by the metadata of an https issuer, and needs them to be named otherwise', () => {
    const discovered = { ...env, STOA_JWKS: '', STOA_TOKEN_ISSUER: 'https://issuer.example/realm' };
    expect(readGatewayConfig(discovered)).toMatchObject({ STOA_TOKEN_TYPE: 'at+jwt' });
    const nameless = readGatewayConfig({ ...discovered, STOA_TOKEN_ISSUER: 'our-issuer' });
    expect('mistakes' in nameless && nameless.mistakes).toEqual([
      expect.stringContaining('STOA_JWKS'),
    ]);
  });
});
