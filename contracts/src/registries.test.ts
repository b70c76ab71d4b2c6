import { type Hex, stringToHex, zeroAddress } from 'viem';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { listingRegistryAbi } from './generated/listing-registry.ts';
import { memberRegistryAbi } from './generated/member-registry.ts';
import { slugToBytes32 } from './member-slug.ts';
import { refusalOf } from './testing/refusal-of.ts';
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
let snapshot: Hex;

beforeAll(async () => {
  chain = await startTestChain();
  market = await deployTestMarket(chain);
});
afterAll(() => chain.stop());
beforeEach(async () => {
  snapshot = await chain.client.snapshot();
});
afterEach(() => chain.client.revert({ id: snapshot }));

const members = (functionName: string, args: readonly unknown[], from?: number) =>
  market.write(memberRegistryAbi, market.memberRegistry, functionName, args, from);
const listings = (functionName: string, args: readonly unknown[], from?: number) =>
  market.write(listingRegistryAbi, market.listingRegistry, functionName, args, from);

const key = (digit: string): Hex => `0x${digit.repeat(64)}`;
const alpha = slugToBytes32('alpha');
const beta = slugToBytes32('beta');

describe('the member registry', () => {
  const readMembers = () =>
    chain.client.readContract({
      address: market.memberRegistry,
      abi: memberRegistryAbi,
      functionName: 'members',
    });
  const isSigner = (address: Hex) =>
    chain.client.readContract({
      address: market.memberRegistry,
      abi: memberRegistryAbi,
      functionName: 'isSigner',
      args: [alpha, address],
    });

  it('lists members with their keys and signers', async () => {
    await members('setNodeKey', [alpha, key('1'), 5n, 0n]);
    await members('setNodeKey', [alpha, key('2'), 9n, 20n]);
    const found = (await readMembers()).find((member) => member.id === alpha);
    expect(found).toMatchObject({
      kind: 1,
      status: 1,
      nodeKeys: [
        { key: key('1'), validFrom: 5n, validTo: 0n },
        { key: key('2'), validFrom: 9n, validTo: 20n },
      ],
      signers: [{ signer: developmentAccount(roles.alpha).address }],
    });
  });

  it('changes the window of a key it knows instead of adding it again', async () => {
    await members('setNodeKey', [alpha, key('1'), 0n, 0n]);
    await members('setNodeKey', [alpha, key('1'), 0n, 7n]);
    const found = (await readMembers()).find((member) => member.id === alpha);
    expect(found?.nodeKeys).toEqual([{ key: key('1'), validFrom: 0n, validTo: 7n }]);
  });

  it('never gives one member’s key to another, not even after its end', async () => {
    await members('setNodeKey', [alpha, key('1'), 0n, 1n]);
    expect(await refusalOf(members('setNodeKey', [beta, key('1'), 0n, 0n]))).toBe('NODE_KEY_TAKEN');
  });

  it('holds eight keys, and lets a ninth replace only one that is over', async () => {
    for (const digit of '12345678') await members('setNodeKey', [alpha, key(digit), 0n, 0n]);
    expect(await refusalOf(members('setNodeKey', [alpha, key('9'), 0n, 0n]))).toBe('TOO_MANY');
    await members('setNodeKey', [alpha, key('3'), 0n, 1n]);
    await members('setNodeKey', [alpha, key('9'), 0n, 0n]);
    const found = (await readMembers()).find((member) => member.id === alpha);
    expect(found?.nodeKeys.map((entry) => entry.key)).toEqual([...'12945678'].map(key));
  });

  it('knows a signer from the first to the last second of its window', async () => {
    const signer = developmentAccount(roles.stranger).address;
    const { timestamp } = await chain.client.getBlock();
    await members('setSigner', [alpha, signer, timestamp + 100n, timestamp + 200n]);
    for (const [offset, expected] of [
      [99n, false],
      [100n, true],
      [200n, true],
      [201n, false],
    ] as const) {
      await chain.client.setNextBlockTimestamp({ timestamp: timestamp + offset });
      await chain.client.mine({ blocks: 1 });
      expect(await isSigner(signer)).toBe(expected);
    }
  });

  it('refuses what is not a slug, a kind, a status, a key, a signer or a window', async () => {
    for (const text of ['Alpha', '1alpha', 'al pha', '']) {
      const id = stringToHex(text, { size: 32 });
      expect(await refusalOf(members('setMember', [id, 1, 1]))).toBe('INVALID_MEMBER_ID');
    }
    const hidden: Hex = `0x616200${'00'.repeat(27)}6100`;
    expect(await refusalOf(members('setMember', [hidden, 1, 1]))).toBe('INVALID_MEMBER_ID');
    expect(await refusalOf(members('setMember', [alpha, 6, 1]))).toBe('INVALID_KIND');
    expect(await refusalOf(members('setMember', [alpha, 1, 0]))).toBe('INVALID_STATUS');
    expect(await refusalOf(members('setNodeKey', [alpha, key('0'), 0n, 0n]))).toBe(
      'INVALID_NODE_KEY',
    );
    expect(await refusalOf(members('setSigner', [alpha, zeroAddress, 0n, 0n]))).toBe(
      'INVALID_SIGNER',
    );
    expect(await refusalOf(members('setNodeKey', [alpha, key('1'), 5n, 4n]))).toBe(
      'INVALID_WINDOW',
    );
    const stranger = slugToBytes32('stranger');
    expect(await refusalOf(members('setNodeKey', [stranger, key('1'), 0n, 0n]))).toBe(
      'UNKNOWN_MEMBER',
    );
  });

  it('keeps a member’s kind, and treats cessation as final', async () => {
    expect(await refusalOf(members('setMember', [alpha, 2, 1]))).toBe('KIND_IS_FIXED');
    await members('setMember', [alpha, 1, 4]);
    expect(await refusalOf(members('setMember', [alpha, 1, 1]))).toBe('MEMBER_HAS_CEASED');
    expect(await refusalOf(members('setNodeKey', [alpha, key('1'), 0n, 0n]))).toBe(
      'MEMBER_HAS_CEASED',
    );
  });

  it('obeys the governing admin alone, who hands over in two steps', async () => {
    const by = roles.stranger;
    const refused = 'OWNABLE_UNAUTHORIZED_ACCOUNT';
    expect(await refusalOf(members('setMember', [alpha, 1, 2], by))).toBe(refused);
    expect(await refusalOf(members('setNodeKey', [alpha, key('1'), 0n, 0n], by))).toBe(refused);
    expect(await refusalOf(members('setSigner', [alpha, zeroAddress, 0n, 0n], by))).toBe(refused);
    await members('transferOwnership', [developmentAccount(by).address]);
    expect(await refusalOf(members('setMember', [alpha, 1, 2], by))).toBe(refused);
    await members('acceptOwnership', [], by);
    await members('setMember', [alpha, 1, 2], by);
  });
});

describe('the listing registry', () => {
  const evidence = batchIdOf('evidence');

  it('answers for one listing, and with status 0 for none', async () => {
    const listing = (venue: Hex) =>
      chain.client.readContract({
        address: market.listingRegistry,
        abi: listingRegistryAbi,
        functionName: 'listing',
        args: [market.token, venue],
      });
    expect(await listing(alpha)).toMatchObject({ status: 2, exemption: 2, evidenceHash: evidence });
    expect(await listing(slugToBytes32('acme'))).toMatchObject({ status: 0 });
  });

  it('lists only at an active venue, and still halts or delists at a suspended one', async () => {
    const set = (venue: Hex, status: number) =>
      listings('setListing', [market.token, venue, status, 2, evidence]);
    expect(await refusalOf(set(slugToBytes32('acme'), 2))).toBe('NOT_A_VENUE');
    expect(await refusalOf(set(slugToBytes32('nobody'), 2))).toBe('NOT_A_VENUE');
    await members('setMember', [beta, 1, 2]);
    expect(await refusalOf(set(beta, 2))).toBe('VENUE_NOT_ACTIVE');
    await set(beta, 3);
    await set(beta, 5);
  });

  it('refuses unknown statuses, exemptions and instruments', async () => {
    const set = (...args: unknown[]) => refusalOf(listings('setListing', args));
    expect(await set(market.token, alpha, 6, 2, evidence)).toBe('INVALID_STATUS');
    expect(await set(market.token, alpha, 2, 7, evidence)).toBe('INVALID_EXEMPTION');
    expect(await set(market.cash, alpha, 2, 2, evidence)).toBe('UNKNOWN_INSTRUMENT');
  });

  it('refuses terms that make no market', async () => {
    const set = (overrides: Record<string, unknown>) =>
      refusalOf(
        listings('setInstrument', [
          market.token,
          testTerms({ cashToken: market.cash, ...overrides }),
        ]),
      );
    expect(await set({ standard: 3 })).toBe('INVALID_STANDARD');
    expect(await set({ partition: key('1') })).toBe('INVALID_TERMS');
    expect(await set({ cashToken: market.token })).toBe('INVALID_CASH_TOKEN');
    expect(await set({ cashToken: zeroAddress })).toBe('INVALID_CASH_TOKEN');
    expect(await set({ tickSize: 0n })).toBe('INVALID_TERMS');
    expect(await set({ lotSize: 0n })).toBe('INVALID_TERMS');
    expect(await set({ priceDecimals: 19 })).toBe('INVALID_TERMS');
    expect(await set({ isin: 'short' })).toBe('INVALID_TERMS');
    expect(await set({ symbol: '' })).toBe('INVALID_TERMS');
    expect(await set({ name: 'x'.repeat(129) })).toBe('INVALID_TERMS');
    expect(await set({ issuer: alpha })).toBe('NOT_AN_ISSUER');
    const stranger = developmentAccount(roles.stranger).address;
    const terms = testTerms({ cashToken: market.cash });
    expect(await refusalOf(listings('setInstrument', [stranger, terms]))).toBe('INVALID_TOKEN');
  });

  it('keeps a listed instrument’s units, and lets its tick change', async () => {
    const set = (overrides: Record<string, unknown>) =>
      listings('setInstrument', [
        market.token,
        testTerms({ cashToken: market.cash, ...overrides }),
      ]);
    expect(await refusalOf(set({ priceDecimals: 2 }))).toBe('TERMS_ARE_FIXED');
    await set({ tickSize: 50n });
  });

  it('obeys the governing admin alone', async () => {
    const args = [market.token, alpha, 3, 2, evidence];
    expect(await refusalOf(listings('setListing', args, roles.stranger))).toBe(
      'OWNABLE_UNAUTHORIZED_ACCOUNT',
    );
  });
});
