import { cashTokenAbi } from '@stoa/contracts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '@stoa/node/testing/temporary-databases';
import { openTokenIndex, type TokenIndex } from '@stoa/node/testing/token-index';
import { type Address, numberToHex, parseAbi } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type NetworkFixture, startNetworkFixture } from '../chain/network-fixture.ts';

const tokenAbi = parseAbi([
  'function forcedTransfer(address from, address to, uint256 amount) returns (bool)',
]);

let databases: TemporaryDatabases;
let fixture: NetworkFixture;
let databaseUrl: string;
let index: TokenIndex;
/** The demo's cash is a plain ERC-20: anybody may hold it, so that there can be many holders. */
let token: Address;

beforeAll(async () => {
  [fixture, databases] = await Promise.all([startNetworkFixture(), startTemporaryDatabases()]);
  token = fixture.network.cashToken;
});
afterAll(async () => {
  await Promise.all([fixture.stop(), databases.stop()]);
});
beforeEach(async () => {
  databaseUrl = await databases.fresh();
  index = await open();
});
afterEach(() => index.stop());

const open = (maxRangeBlocks?: bigint) =>
  openTokenIndex({
    ...{ databaseUrl, client: fixture.client, token: { token, standard: 'ERC-3643' } },
    ...(maxRangeBlocks && { maxRangeBlocks }),
  });
const holder = (number: number) => numberToHex(0xabc000 + number, { size: 20 });

async function pay(to: Address, value: bigint): Promise<bigint> {
  const { client, network } = fixture;
  const account = privateKeyToAccount(network.alice.privateKey);
  const hash = await client.writeContract({
    ...{ account, address: token, abi: cashTokenAbi, functionName: 'transfer', args: [to, value] },
  });
  return (await client.waitForTransactionReceipt({ hash })).blockNumber;
}

async function expectChainsOwn(): Promise<void> {
  const { page, supply, hasMore } = await index.capTable({ first: 500 });
  expect(hasMore).toBe(false);
  for (const { holder: owner, balance } of page) {
    expect(balance).toBe(await fixture.balance(token, owner));
  }
  const totalSupply = await fixture.client.readContract({
    ...{ address: token, abi: parseAbi(['function totalSupply() view returns (uint256)']) },
    functionName: 'totalSupply',
  });
  expect(supply).toBe(totalSupply);
}

it('holds what the chain holds, and goes on where it stopped', async () => {
  await pay(holder(1), 5n);
  await index.advance();
  await expectChainsOwn();
  await index.stop();
  const at = await pay(holder(1), 7n);
  await pay(holder(2), 3n);
  // In ranges of two blocks: the result is the same.
  index = await open(2n);
  await index.advance();
  await expectChainsOwn();
  const then = await index.capTable({ atBlock: at, first: 500 });
  expect(then.page.find((one) => one.holder === holder(1))?.balance).toBe(12n);
  expect(then.page.some((one) => one.holder === holder(2))).toBe(false);
  const before = await index.capTable({ atBlock: at - 1n, first: 500 });
  expect(before.page.find((one) => one.holder === holder(1))?.balance).toBe(5n);
  await expect(index.capTable({ atBlock: 10n ** 9n })).rejects.toThrow('indexed up to block');
});

it('gives holders in pages, largest first, each of them once', async () => {
  for (let number = 10; number < 17; number += 1)
    await pay(holder(number), BigInt(number % 3) + 1n);
  await index.advance();
  const seen: string[] = [];
  const balances: bigint[] = [];
  let after: string | undefined;
  for (;;) {
    const { page, hasMore } = await index.capTable({ first: 3, ...(after && { after }) });
    seen.push(...page.map((one) => one.holder));
    balances.push(...page.map((one) => one.balance));
    after = page.at(-1)?.cursor;
    if (!hasMore) break;
  }
  const { holders } = await index.capTable();
  expect(new Set(seen).size).toBe(holders);
  expect(seen).toHaveLength(holders);
  expect(balances).toEqual(balances.toSorted((a, b) => (a < b ? 1 : a > b ? -1 : 0)));
  await expect(index.capTable({ after: 'x' })).rejects.toThrow('none of this list');
});

it('takes transfers back that a reorganized chain no longer has', async () => {
  const { client } = fixture;
  await client.mine({ blocks: 3 });
  await index.advance();
  await pay(holder(30), 9n);
  expect(await index.advance()).toBe(0);
  expect((await index.capTable({ first: 500 })).page.map((one) => one.holder)).toContain(
    holder(30),
  );
  await client.request({ method: 'anvil_reorg' as never, params: [1, []] as never });
  expect(await index.advance()).toBe(1);
  expect((await index.capTable({ first: 500 })).page.map((one) => one.holder)).not.toContain(
    holder(30),
  );
  await expectChainsOwn();
});

it('takes back what a chain that was reset does not have, also when that chain is longer', async () => {
  const { client } = fixture;
  await index.advance();
  const id = await client.snapshot();
  await pay(holder(40), 9n);
  await pay(holder(41), 9n);
  await index.advance();
  await client.revert({ id });
  await pay(holder(42), 1n);
  await client.mine({ blocks: 5 });
  expect(await index.advance()).toBe(1);
  const { page } = await index.capTable({ first: 500 });
  expect(page.map((one) => one.holder)).not.toContain(holder(40));
  expect(page.find((one) => one.holder === holder(42))?.balance).toBe(1n);
  await expectChainsOwn();
});

it('counts holders by country and by claim, as the token’s registry has them', async () => {
  const { network, client } = fixture;
  const share = 10n ** 18n;
  const admin = privateKeyToAccount(network.admin.privateKey);
  const from = network.flowWallets['alpha']?.address ?? '0x';
  const hash = await client.writeContract({
    ...{ account: admin, address: network.token, abi: tokenAbi, functionName: 'forcedTransfer' },
    args: [from, network.alice.address, share],
  });
  await client.waitForTransactionReceipt({ hash });
  await index.stop();
  index = await openTokenIndex({
    ...{ databaseUrl, client, token: { token: network.token, standard: 'ERC-3643' } },
  });
  await index.advance();
  await index.refreshHolders();
  const table = await index.capTable();
  expect(table).toMatchObject({
    holders: 4,
    verified: 4,
    claims: [{ topic: '1', holders: 4 }],
    byCountry: [{ country: 840, holders: 4, balance: table.supply }],
  });
  expect(table.page.at(-1)).toMatchObject({
    ...{ holder: network.alice.address.toLowerCase(), balance: share, verified: true },
  });
});
