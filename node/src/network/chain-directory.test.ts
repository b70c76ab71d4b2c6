import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
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
import { createLogger } from '../telemetry/logger.ts';
import { openChainDirectory } from './chain-directory.ts';
import { testKey } from './testing/memory-directory.ts';

const account = mnemonicToAccount('test test test test test test test test test test test junk');
const logger = createLogger('test', 'silent');
let folder: string;
let anvil: Anvil;
let client: ReturnType<typeof connect>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-directory-'));
  anvil = await startAnvil({ folder });
  client = connect(anvil.rpcUrl);
});
afterAll(async () => {
  await anvil.stop();
  await rm(folder, { recursive: true, force: true });
});

function connect(rpcUrl: string) {
  const transport = http(rpcUrl, { retryCount: 0 });
  return createWalletClient({
    ...{ account, chain: foundry, transport, pollingInterval: 10, cacheTime: 0 },
  }).extend(publicActions);
}

async function deployRegistries() {
  const mined = async (hash: `0x${string}`) => {
    const { contractAddress } = await client.waitForTransactionReceipt({ hash });
    if (!contractAddress) throw new Error('deployment failed');
    return contractAddress;
  };
  const memberRegistry = await mined(
    await client.deployContract({
      ...{ abi: memberRegistryAbi, bytecode: memberRegistryBytecode, args: [account.address] },
    }),
  );
  const listingRegistry = await mined(
    await client.deployContract({
      abi: listingRegistryAbi,
      bytecode: listingRegistryBytecode,
      args: [memberRegistry, account.address],
    }),
  );
  return { memberRegistry, listingRegistry };
}

describe('the directory of the chain', () => {
  it('is the registries as they are, and says so when they change', async () => {
    const addresses = await deployRegistries();
    const write = async (
      functionName: 'setMember' | 'setNodeKey',
      args: readonly [unknown, ...unknown[]],
    ) => {
      const hash = await client.writeContract({
        ...{ address: addresses.memberRegistry, abi: memberRegistryAbi, functionName },
        args: args as never,
      });
      await client.waitForTransactionReceipt({ hash });
    };
    const alpha = slugToBytes32('alpha');
    const key = testKey('alpha').publicKey;
    await write('setMember', [alpha, 1, 1]);
    await write('setNodeKey', [alpha, `0x${key}`, 0n, 0n]);

    const ended = new AbortController();
    const directory = await openChainDirectory(
      { addresses, pollIntervalMs: 20, signal: ended.signal },
      { client, logger },
    );
    expect(directory.current().members.get('alpha')).toMatchObject({
      ...{ kind: 'venue', status: 'active', nodeKeys: [{ key, validFrom: 0, validTo: 0 }] },
    });

    const statuses: (string | undefined)[] = [];
    directory.onChange((now) => statuses.push(now.members.get('alpha')?.status));
    await write('setMember', [alpha, 1, 2]);
    const deadline = performance.now() + 5_000;
    while (statuses.length === 0 && performance.now() < deadline) await sleep(5);
    ended.abort();
    expect(statuses).toEqual(['suspended']);
    expect(directory.current().members.get('alpha')?.status).toBe('suspended');
  });

  const nowhere = `0x${'0'.repeat(40)}` as const;
  const addresses = { memberRegistry: nowhere, listingRegistry: nowhere };

  it('is waited for until the signal ends the waiting', async () => {
    const signal = AbortSignal.timeout(300);
    const opening = openChainDirectory(
      { addresses, pollIntervalMs: 20, signal },
      // The discard port: nothing answers.
      { client: connect('http://127.0.0.1:9'), logger },
    );
    await expect(opening).rejects.toMatchObject({ code: 'CHAIN_UNREADABLE' });
    expect(signal.aborted).toBe(true);
  });

  it('is not waited for where the addresses hold no registries', async () => {
    const signal = AbortSignal.timeout(10_000);
    const opening = openChainDirectory(
      { addresses, pollIntervalMs: 20, signal },
      { client, logger },
    );
    await expect(opening).rejects.toMatchObject({ code: 'CHAIN_UNREADABLE' });
    expect(signal.aborted).toBe(false);
  });
});
