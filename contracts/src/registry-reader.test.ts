import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { watchDirectory } from './directory-watcher.ts';
import { listingRegistryAbi } from './generated/listing-registry.ts';
import { memberRegistryAbi } from './generated/member-registry.ts';
import { slugToBytes32 } from './member-slug.ts';
import { type Directory, readDirectory } from './registry-reader.ts';
import { startAnvil } from './testing/anvil.ts';
import { developmentAccount, startTestChain, type TestChain } from './testing/test-chain.ts';
import {
  batchIdOf,
  deployTestMarket,
  roles,
  type TestMarket,
  testTerms,
} from './testing/test-market.ts';

let chain: TestChain;
let market: TestMarket;

beforeAll(async () => {
  chain = await startTestChain();
  market = await deployTestMarket(chain);
});
afterAll(() => chain.stop());

const setVenue = (venue: string, status: number) =>
  market.write(memberRegistryAbi, market.memberRegistry, 'setMember', [
    slugToBytes32(venue),
    1,
    status,
  ]);

describe('reading the directory', () => {
  it('gives members, instruments and listings as plain data', async () => {
    await market.write(memberRegistryAbi, market.memberRegistry, 'setNodeKey', [
      slugToBytes32('alpha'),
      `0x${'ab'.repeat(32)}`,
      10n,
      0n,
    ]);
    const directory = await readDirectory(chain.client, market);
    const token = market.token.toLowerCase();
    const id = `eip155:31337/erc20:${token}`;
    expect(directory.members.find((member) => member.id === 'alpha')).toEqual({
      id: 'alpha',
      kind: 'venue',
      status: 'active',
      nodeKeys: [{ key: 'ab'.repeat(32), validFrom: 10, validTo: 0 }],
      signers: [
        {
          address: developmentAccount(roles.alpha).address.toLowerCase(),
          validFrom: 0,
          validTo: 0,
        },
      ],
    });
    expect(directory.instruments).toEqual([
      {
        id,
        token,
        standard: 'ERC-3643',
        symbol: 'AWK',
        name: 'Awkward Test Equity',
        isin: '',
        issuer: 'acme',
        tokenDecimals: 18,
        cashToken: market.cash.toLowerCase(),
        cashSymbol: 'TUSD',
        cashDecimals: 6,
        priceDecimals: 4,
        quantityDecimals: 0,
        tickSize: 100,
        lotSize: 1,
        partition: `0x${'00'.repeat(32)}`,
        nettable: false,
      },
    ]);
    expect(directory.listings).toHaveLength(3);
    expect(directory.listings[0]).toEqual({
      instrument: id,
      venue: 'alpha',
      status: 'listed',
      exemption: 'reg-d-506c',
      evidenceHash: batchIdOf('evidence'),
    });
    expect(directory.unreadableTokens).toEqual([]);
  });

  it('sets aside a token that does not answer, and still reads the rest', async () => {
    const snapshot = await chain.client.snapshot();
    // A contract, but no ERC-20.
    const wrong = market.memberRegistry;
    await market.write(listingRegistryAbi, market.listingRegistry, 'setInstrument', [
      wrong,
      testTerms({ cashToken: market.cash }),
    ]);
    const directory = await readDirectory(chain.client, market);
    expect(directory.unreadableTokens.map((token) => token.toLowerCase())).toEqual([
      wrong.toLowerCase(),
    ]);
    expect(directory.instruments).toHaveLength(1);
    await chain.client.revert({ id: snapshot });
  });
});

describe('watching the directory', () => {
  let stop = new AbortController();
  afterEach(() => stop.abort());

  function watch(options: { client?: TestChain['client']; initial?: Directory } = {}) {
    stop = new AbortController();
    const seen: Directory[] = [];
    const errors: unknown[] = [];
    const ended = watchDirectory({
      client: options.client ?? chain.client,
      addresses: market,
      pollIntervalMs: 20,
      signal: stop.signal,
      onChange: (directory) => seen.push(directory),
      onError: (error) => errors.push(error),
      ...(options.initial && { initial: options.initial }),
    });
    const statusOf = (venue: string) =>
      seen.at(-1)?.members.find((member) => member.id === venue)?.status;
    return { seen, errors, ended, statusOf };
  }

  it('reports the directory first, then once for every change', async () => {
    const { seen, statusOf, errors, ended } = watch();
    await expect.poll(() => seen.length).toBe(1);
    await setVenue('beta', 2);
    await expect.poll(() => statusOf('beta')).toBe('suspended');
    await setVenue('beta', 1);
    await expect.poll(() => statusOf('beta')).toBe('active');
    expect(seen).toHaveLength(3);
    expect(errors).toEqual([]);
    stop.abort();
    await ended;
  });

  it('says nothing of blocks without a registry event', async () => {
    const initial = await readDirectory(chain.client, market);
    const { seen } = watch({ initial });
    await chain.client.mine({ blocks: 3 });
    // Several polls, each of which could have said something.
    await sleep(200);
    expect(seen).toEqual([]);
    await setVenue('gamma', 3);
    await expect.poll(() => seen.length).toBe(1);
    expect(seen[0]?.blockNumber).toBe(initial.blockNumber + 4n);
    await setVenue('gamma', 1);
  });

  it('sees a change that a reorganisation takes back', async () => {
    await chain.client.mine({ blocks: 2 });
    const { seen, statusOf } = watch();
    await setVenue('beta', 2);
    await expect.poll(() => statusOf('beta')).toBe('suspended');
    const before = seen.length;
    await chain.client.request({ method: 'anvil_reorg', params: [1, []] } as never);
    await expect.poll(() => statusOf('beta')).toBe('active');
    expect(seen.length).toBe(before + 1);
  });

  it('reports an outage once, keeps quiet through it, and resumes with what it missed', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'stoa-outage-'));
    const port = Number(new URL(chain.anvil.rpcUrl).port);
    const { seen, errors, statusOf } = watch();
    await expect.poll(() => seen.length).toBe(1);
    const state = await chain.client.dumpState();
    await chain.anvil.stop();
    await expect.poll(() => errors.length).toBe(1);
    await sleep(200);
    expect(errors).toHaveLength(1);
    expect(seen).toHaveLength(1);

    const second = await startAnvil({ folder, port });
    try {
      await chain.client.loadState({ state });
      await setVenue('beta', 2);
      await expect.poll(() => statusOf('beta')).toBe('suspended');
      expect(errors.length).toBeLessThanOrEqual(2);
    } finally {
      await second.stop();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
