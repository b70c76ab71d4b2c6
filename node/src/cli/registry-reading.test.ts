import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  listingRegistryAbi,
  listingRegistryBytecode,
  memberRegistryAbi,
  memberRegistryBytecode,
  slugToBytes32,
} from '@stoa/contracts';
import { type Anvil, startAnvil } from '@stoa/contracts/testing/anvil';
import { createWalletClient, http, publicActions } from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import { foundry } from 'viem/chains';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testKey } from '../network/testing/memory-directory.ts';
import { registryExport } from '../routing/verification/verify-registry.ts';
import { readRegistry } from './registry-reading.ts';
import { runCommand } from './run-command.ts';

const account = mnemonicToAccount('test test test test test test test test test test test junk');
let folder: string;
let anvil: Anvil;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-registry-'));
  anvil = await startAnvil({ folder });
});
afterAll(async () => {
  await anvil.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Registries that know alpha, a venue, and its node key. */
async function deployRegistries(): Promise<string> {
  const client = createWalletClient({
    ...{ account, chain: foundry, transport: http(anvil.rpcUrl, { retryCount: 0 }) },
    ...{ pollingInterval: 10, cacheTime: 0 },
  }).extend(publicActions);
  const mined = async (sent: Promise<`0x${string}`>) =>
    client.waitForTransactionReceipt({ hash: await sent });
  const members = await mined(
    client.deployContract({
      ...{ abi: memberRegistryAbi, bytecode: memberRegistryBytecode, args: [account.address] },
    }),
  );
  const address = members.contractAddress ?? '0x';
  const listings = await mined(
    client.deployContract({
      ...{ abi: listingRegistryAbi, bytecode: listingRegistryBytecode },
      args: [address, account.address],
    }),
  );
  const registry = { address, abi: memberRegistryAbi } as const;
  const id = slugToBytes32('alpha');
  await mined(client.writeContract({ ...registry, functionName: 'setMember', args: [id, 1, 1] }));
  const key = `0x${testKey('alpha').publicKey}` as const;
  await mined(
    client.writeContract({ ...registry, functionName: 'setNodeKey', args: [id, key, 1n, 0n] }),
  );
  return `${address},${listings.contractAddress}`;
}

describe('stoa registry', () => {
  it('exports what the chain says, for receipts to be held against', async () => {
    const registries = await deployRegistries();
    let printed = '';
    const args = ['registry', '--rpc', anvil.rpcUrl, '--registry', registries];
    const code = await runCommand(args, { out: (text) => (printed += text), err: () => undefined });
    expect(code).toBe(0);
    const exported = registryExport.parse(JSON.parse(printed));
    expect(exported).toMatchObject({
      registry: { chainId: 31_337, memberRegistry: registries.split(',')[0]?.toLowerCase() },
      members: [
        {
          ...{ id: 'alpha', kind: 'venue', status: 'active' },
          nodeKeys: [{ key: testKey('alpha').publicKey, validFrom: 1, validTo: 0 }],
        },
      ],
      listings: [],
    });
  });

  it('says what is wrong with addresses, and with a chain that does not answer', async () => {
    await expect(readRegistry(anvil.rpcUrl, '0x12')).rejects.toMatchObject({
      code: 'REGISTRY_ADDRESSES',
    });
    const nowhere = `0x${'1'.repeat(40)},0x${'2'.repeat(40)}`;
    await expect(readRegistry(anvil.rpcUrl, nowhere)).rejects.toMatchObject({
      code: 'REGISTRY_UNREADABLE',
    });
    await expect(readRegistry('http://127.0.0.1:1', nowhere)).rejects.toMatchObject({
      code: 'REGISTRY_UNREADABLE',
    });
  });
});
