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
      STOA_MAX_CLOCK_SKEW_MS: 2_000,
      STOA_FINALITY: 'finalized',
      STOA_FRAME_RETENTION_HOURS: 72,
      STOA_FRAME_RETENTION_COUNT: 1_000_000,
    });
    if ('mistakes' in config) return;
    expect(config.STOA_NODE_KEY_FILE.publicKey).toMatch(/^[0-9a-f]{64}$/);
    expect(config.STOA_ACCOUNTS_FILE.get('harbor')?.has(ADDRESS)).toBe(true);
  });

  it('may be stricter about clocks than the wire, and not laxer', () => {
    const skew = (ms: string) => readNodeConfig({ ...env, STOA_MAX_CLOCK_SKEW_MS: ms });
    expect(skew('500')).toMatchObject({ STOA_MAX_CLOCK_SKEW_MS: 500 });
    for (const wrong of ['2001', '0', 'soon']) expect(skew(wrong)).toHaveProperty('mistakes');
  });

  it('takes a settlement key or a signing service, and one of the two', () => {
    const service = { STOA_SETTLEMENT_SIGNER_URL: 'https://signer.test/' };
    const account = { STOA_SETTLEMENT_SIGNER_ADDRESS: ADDRESS };
    const { STOA_SETTLEMENT_KEY_FILE: _, ...keyless } = env;
    expect(readNodeConfig({ ...keyless, ...service, ...account })).not.toHaveProperty('mistakes');
    for (const wrong of [
      keyless,
      { ...env, ...service, ...account },
      { ...keyless, ...service },
      { ...env, ...account },
      { ...keyless, ...account, STOA_SETTLEMENT_SIGNER_URL: 'ftp://signer.test/' },
    ]) {
      expect(readNodeConfig(wrong)).toHaveProperty('mistakes', [
        expect.stringMatching(/STOA_SETTLEMENT_/),
        ...(wrong === keyless ? [] : [expect.anything()]).slice(1),
      ]);
    }
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

  it('reads terms, limits and agreements from files, and names every mistake in them', () => {
    const write = (name: string, json: unknown): string => {
      const path = join(folder, name);
      writeFileSync(path, typeof json === 'string' ? json : JSON.stringify(json));
      return path;
    };
    const tiers = [{ fromNotional: '0', makerPpm: 200, takerPpm: 1_000 }];
    const terms = {
      ...{ version: 1, fees: { tiers, minimum: '0' } },
      ...{ minimumLots: 1, allOrNone: false, minQuantity: false },
    };
    const config = readNodeConfig({
      ...env,
      STOA_VENUE_TERMS_FILE: write('terms.json', terms),
      STOA_ORDER_LIMITS_FILE: write('limits.json', { defaults: { maxQuantity: '5' } }),
      STOA_ROUTING_AGREEMENTS_FILE: write('agreements.json', { from: [{ venue: 'beta' }] }),
    });
    expect(config).toMatchObject({
      STOA_VENUE_TERMS_FILE: terms,
      STOA_ORDER_LIMITS_FILE: { defaults: { maxQuantity: 5n * 10n ** 36n }, members: {} },
      STOA_ROUTING_AGREEMENTS_FILE: { from: [{ venue: 'beta', members: ['*'] }] },
    });

    const wrong = readNodeConfig({
      ...env,
      STOA_VENUE_TERMS_FILE: write('terms.json', { ...terms, version: 0.5, minimumLots: 0 }),
      STOA_ORDER_LIMITS_FILE: write('limits.json', '{ "defaults": '),
      STOA_ROUTING_AGREEMENTS_FILE: join(folder, 'none.json'),
    });
    expect('mistakes' in wrong && wrong.mistakes).toEqual([
      expect.stringMatching(/^STOA_VENUE_TERMS_FILE: .*version: .*minimumLots: /),
      expect.stringMatching(/^STOA_ORDER_LIMITS_FILE: .*JSON/),
      expect.stringMatching(/^STOA_ROUTING_AGREEMENTS_FILE: .*none\.json/),
    ]);
  });

  it('reads which venue is behind the node, and names every mistake in it', () => {
    const write = (json: unknown): string => {
      const path = join(folder, 'venue.json');
      writeFileSync(path, JSON.stringify(json));
      return path;
    };
    writeFileSync(join(folder, 'my-venue.ts'), '');
    const settlement = { clearingAccount: ADDRESS };
    const external = { kind: 'module', module: 'my-venue.ts', settlement };
    const asked = (json: unknown, more: Record<string, string> = {}) =>
      readNodeConfig({ ...env, STOA_VENUE_ADAPTER_FILE: write(json), ...more });
    const mistakes = (...parts: Parameters<typeof asked>) => {
      const config = asked(...parts);
      return 'mistakes' in config ? config.mistakes : [];
    };
    expect(asked({ kind: 'embedded' })).toMatchObject({
      STOA_VENUE_ADAPTER_FILE: { kind: 'embedded' },
    });
    expect(asked(external, { STOA_DATA_DIR: folder })).toMatchObject({
      STOA_VENUE_ADAPTER_FILE: { kind: 'module', create: expect.any(Function) },
    });
    // Somewhere its journal must go, and recorded flow needs an engine of the node's own.
    expect(mistakes(external)).toEqual([expect.stringMatching(/^STOA_DATA_DIR: .*journalFolder/)]);
    const flow = { STOA_FLOW_FILE: 'flow.csv', STOA_FLOW_ACCOUNT: ADDRESS };
    expect(mistakes({ ...external, journalFolder: '.' }, flow)).toEqual([
      expect.stringMatching(/^STOA_FLOW_FILE: .*embedded/),
    ]);
    expect(
      mistakes({ kind: 'module', module: '', settlement: { clearingAccount: '0x1' } }),
    ).toEqual([
      expect.stringMatching(/module: .*; settlement\.clearingAccount: must be an address/),
    ]);
    expect(mistakes({ ...external, module: 'none.ts' })).toEqual([
      expect.stringMatching(/none\.ts is not a file/),
    ]);
    expect(mistakes({ kind: 'telex' })).toEqual([expect.stringMatching(/kind: /)]);
    expect(readNodeConfig({ ...env, STOA_VENUE_ADAPTER_FILE: join(folder, 'none') })).toEqual({
      mistakes: [expect.stringMatching(/^STOA_VENUE_ADAPTER_FILE: .*cannot be read/)],
    });
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
