import {
  cashTokenAbi,
  listingRegistryAbi,
  readDirectory,
  type SettlementGroup,
  slugToBytes32,
} from '@stoa/contracts';
import {
  partitionedTokenAbi,
  partitionedTokenBytecode,
} from '@stoa/contracts/testing/partitioned-token';
import { createPreTradeChecks, type PreTradeChecks } from '@stoa/node/pre-trade';
import type { Instrument } from '@stoa/schema';
import { pino } from 'pino';
import { type Abi, type Address, keccak256, parseEther, stringToHex } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ChainWriter, createChainWriter } from '../chain/chain-writer.ts';
import { type NetworkFixture, startNetworkFixture } from '../chain/network-fixture.ts';

const classA = stringToHex('class-a', { size: 32 });
const classB = stringToHex('class-b', { size: 32 });
const seller = privateKeyToAccount(generatePrivateKey());

let fixture: NetworkFixture;
let writer: ChainWriter;
let token: Address;
let instrument: Instrument;
let checks: PreTradeChecks;

const write = (
  abi: Abi,
  to: Address,
  functionName: string,
  args: readonly unknown[],
  account = seller,
) => writer.write({ to, abi, functionName, args, account });

beforeAll(async () => {
  fixture = await startNetworkFixture();
  const { network, client } = fixture;
  const admin = privateKeyToAccount(network.admin.privateKey);
  await client.setBalance({ address: seller.address, value: parseEther('10') });
  writer = createChainWriter(client, admin);
  token = await writer.deploy({ abi: partitionedTokenAbi, bytecode: partitionedTokenBytecode }, [
    ...['Class A', 'CLA', classB, admin.address],
  ]);
  const asIssuer = (functionName: string, ...args: readonly unknown[]) =>
    write(partitionedTokenAbi, token, functionName, args, admin);
  for (const { address } of [seller, network.alice]) await asIssuer('setAdmitted', address, true);
  for (const part of [classA, classB]) {
    await asIssuer('issueByPartition', part, seller.address, 100n, '0x');
  }
  const terms = {
    ...{ standard: 2, partition: classA, cashToken: network.cashToken, symbol: 'CLA' },
    ...{ priceDecimals: 2, quantityDecimals: 0, tickSize: 1n, lotSize: 1n, isin: '' },
    ...{ name: 'Class A', issuer: slugToBytes32('acme') },
  };
  const registry = network.listingRegistry;
  await write(listingRegistryAbi, registry, 'setInstrument', [token, terms], admin);
  const evidence = keccak256(stringToHex('Form D'));
  const listing = [token, slugToBytes32('alpha'), 2, 2, evidence];
  await write(listingRegistryAbi, registry, 'setListing', listing, admin);
  const { instruments } = await readDirectory(client, network);
  const found = instruments.find((each) => each.symbol === 'CLA');
  if (!found) throw new Error('the token is not in the directory');
  instrument = found;
  checks = createPreTradeChecks({
    ...{ client, settlement: network.settlement, nowMs: Date.now },
    logger: pino({ level: 'silent' }),
    // What the chain has just done must show in the next answer.
    freshForMs: 0,
  });
});
afterAll(() => fixture.stop());

const offer = () =>
  checks.checkOrder({ instrument, side: 'sell', account: seller.address, quantity: 10 });
const trade = (tradeNumber: bigint): SettlementGroup[] => [
  [
    fixture.leg({
      ...{ executingVenue: 'alpha', tradeNumber, token, seller: seller.address },
      ...{ quantity: 10n, amount: 1_000_000n },
    }),
  ],
];
const held = (part: typeof classA, owner: Address) =>
  fixture.client.readContract({
    address: token,
    abi: partitionedTokenAbi,
    functionName: 'balanceOfByPartition',
    args: [part, owner],
  });

it('refuses a partition that the settlement contract may not move, before and at settlement', async () => {
  expect(await offer()).toMatchObject({
    code: 'OPERATOR_NOT_AUTHORIZED',
    action: expect.stringContaining('operator of the partition'),
  });
  const { settled } = await fixture.settle(trade(1n));
  expect(settled).toEqual([]);
  expect(await held(classA, seller.address)).toBe(100n);
});

it('settles one partition of an ERC-1400 token against cash, and touches no other', async () => {
  const { network } = fixture;
  const authorize = [classA, network.settlement];
  await write(partitionedTokenAbi, token, 'authorizeOperatorByPartition', authorize);
  expect(await offer()).toBeUndefined();
  const bid = { instrument, side: 'buy', quantity: 10, limitPrice: 100 } as const;
  expect(await checks.checkOrder({ ...bid, account: network.alice.address })).toBeUndefined();
  const mallory = network.mallory.address;
  expect(await checks.checkOrder({ ...bid, account: mallory })).toMatchObject({
    code: 'RECEIVER_REFUSED',
  });
  const { settled } = await fixture.settle(trade(2n));
  expect(settled).toHaveLength(1);
  expect(await held(classA, network.alice.address)).toBe(10n);
  expect(await held(classB, network.alice.address)).toBe(0n);
  expect(await held(classB, seller.address)).toBe(100n);
  const paid = await fixture.client.readContract({
    address: network.cashToken,
    abi: cashTokenAbi,
    functionName: 'balanceOf',
    args: [seller.address],
  });
  expect(paid).toBe(1_000_000n);
});
