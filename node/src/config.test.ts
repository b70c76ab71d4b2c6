import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readNodeConfig } from './config.ts';

const ADDRESS = `0x${'ab'.repeat(20)}`;

describe('the environment of a node', () => {
  let folder: string;
  let env: Record<string, string>;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'stoa-config-'));
    writeFileSync(join(folder, 'node.key'), 'ab'.repeat(32));
    writeFileSync(join(folder, 'settlement.key'), `0x${'cd'.repeat(32)}\n`);
    writeFileSync(
      join(folder, 'accounts.json'),
      JSON.stringify({ harbor: [ADDRESS.toUpperCase().replace('0X', '0x')] }),
    );
    env = {
      STOA_VENUE: 'alpha',
      STOA_NODE_KEY_FILE: join(folder, 'node.key'),
      STOA_SETTLEMENT_KEY_FILE: join(folder, 'settlement.key'),
      STOA_RPC_URL: 'http://127.0.0.1:8545',
      STOA_MEMBER_REGISTRY: ADDRESS,
      STOA_LISTING_REGISTRY: ADDRESS,
      STOA_SETTLEMENT: ADDRESS,
      DATABASE_URL: 'postgres://stoa@127.0.0.1/alpha',
      STOA_JWKS: join(folder, 'jwks.json'),
      STOA_TOKEN_ISSUER: 'https://issuer.test',
      STOA_ACCOUNTS_FILE: join(folder, 'accounts.json'),
    };
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is read with its defaults', () => {
    const config = readNodeConfig(env);
    expect(config).toMatchObject({
      STOA_VENUE: 'alpha',
      STOA_PEERS: [],
      STOA_HEARTBEAT_MS: 1_000,
      STOA_FINALITY: 'finalized',
      STOA_FRAME_RETENTION_HOURS: 72,
      STOA_FRAME_RETENTION_COUNT: 1_000_000,
    });
    if ('mistakes' in config) return;
    expect(config.STOA_NODE_KEY_FILE.publicKey).toMatch(/^[0-9a-f]{64}$/);
    expect(config.STOA_ACCOUNTS_FILE.get('harbor')?.has(ADDRESS)).toBe(true);
  });

  it('names every mistake at once', () => {
    const config = readNodeConfig({
      ...env,
      STOA_VENUE: 'Alpha Venue',
      STOA_RPC_URL: '',
      STOA_NODE_KEY_FILE: join(folder, 'missing'),
      STOA_HTTP_PORT: '70000',
      STOA_SETTLEMENT: '0x12',
    });
    expect('mistakes' in config && [...config.mistakes].sort()).toEqual([
      expect.stringMatching(/^STOA_HTTP_PORT: /),
      expect.stringMatching(/^STOA_NODE_KEY_FILE: the node key cannot be read/),
      'STOA_RPC_URL is not set',
      expect.stringMatching(/^STOA_SETTLEMENT: must be an address/),
      'STOA_VENUE: must be a member id such as "alpha"',
    ]);
  });

  it('asks for a data folder, a flow account and a patient stale interval where they are needed', () => {
    const { DATABASE_URL: _url, ...rest } = env;
    const config = readNodeConfig({
      ...rest,
      STOA_FLOW_FILE: 'flow.csv',
      STOA_HEARTBEAT_MS: '1000',
      STOA_STALE_AFTER_MS: '1500',
    });
    expect(
      'mistakes' in config && config.mistakes.map((mistake) => mistake.split(/[: ]/)[0]),
    ).toEqual(['STOA_DATA_DIR', 'STOA_FLOW_ACCOUNT', 'STOA_STALE_AFTER_MS']);
  });
});
