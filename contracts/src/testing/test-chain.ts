import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Abi,
  type Address,
  createTestClient,
  type Hex,
  http,
  publicActions,
  type TransactionReceipt,
  walletActions,
} from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import { foundry } from 'viem/chains';
import { type Anvil, startAnvil } from './anvil.ts';

/** The accounts that anvil funds, by position. Their keys are public: for local chains only. */
export function developmentAccount(index: number) {
  return mnemonicToAccount('test test test test test test test test test test test junk', {
    addressIndex: index,
  });
}

function connect(rpcUrl: string) {
  return createTestClient({
    mode: 'anvil',
    chain: foundry,
    transport: http(rpcUrl, { retryCount: 0 }),
    pollingInterval: 10,
    cacheTime: 0,
  })
    .extend(publicActions)
    .extend(walletActions);
}

/** A chain of a test's own, with a client that reads, writes and travels in time. */
export interface TestChain {
  readonly anvil: Anvil;
  readonly client: ReturnType<typeof connect>;
  /** Deploys from the first development account. */
  deploy(abi: Abi, bytecode: Hex, args: readonly unknown[]): Promise<Address>;
  /** Sends call data, waits, and throws the revert reason's data when it reverts. */
  send(call: SentCall): Promise<TransactionReceipt>;
  stop(): Promise<void>;
}

export interface SentCall {
  readonly to: Address;
  readonly data: Hex;
  /** Position of the sending development account; default 0. */
  readonly from?: number;
  readonly gas?: bigint;
}

export async function startTestChain(): Promise<TestChain> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-chain-'));
  const anvil = await startAnvil({ folder, keepState: false });
  const client = connect(anvil.rpcUrl);
  return {
    anvil,
    client,
    deploy: async (abi, bytecode, args) => {
      const hash = await client.deployContract({
        account: developmentAccount(0),
        abi,
        bytecode,
        args,
      });
      const { contractAddress } = await client.waitForTransactionReceipt({ hash });
      if (!contractAddress) throw new Error('deployment failed');
      return contractAddress;
    },
    send: async ({ to, data, from = 0, gas = 5_000_000n }) => {
      const account = developmentAccount(from);
      // The call first: it throws with the revert data, which a receipt does not hold.
      await client.call({ account, to, data, gas });
      const hash = await client.sendTransaction({ account, to, data, gas });
      return client.waitForTransactionReceipt({ hash });
    },
    stop: async () => {
      await anvil.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
