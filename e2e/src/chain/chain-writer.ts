import { CodedError } from '@stoa/schema';
import {
  type Abi,
  type Account,
  type Address,
  createTestClient,
  type Hex,
  http,
  publicActions,
  type TransactionReceipt,
  walletActions,
} from 'viem';
import { foundry } from 'viem/chains';

/** A client for a local chain: reads, sends, and anvil's own methods. */
export function connectLocalChain(rpcUrl: string) {
  return createTestClient({
    mode: 'anvil',
    chain: foundry,
    transport: http(rpcUrl, { retryCount: 0, timeout: 30_000 }),
    pollingInterval: 10,
    cacheTime: 0,
  })
    .extend(publicActions)
    .extend(walletActions);
}

export type LocalChainClient = ReturnType<typeof connectLocalChain>;

/** Sends one transaction at a time and waits for each: nonces stay in order without a manager. */
export interface ChainWriter {
  readonly client: LocalChainClient;
  deploy(artifact: { abi: Abi; bytecode: string }, args?: readonly unknown[]): Promise<Address>;
  write(call: ContractWrite): Promise<TransactionReceipt>;
}

export interface ContractWrite {
  readonly to: Address;
  readonly abi: Abi;
  readonly functionName: string;
  readonly args?: readonly unknown[];
  /** Default: the writer's own account. */
  readonly account?: Account;
}

/**
 * @throws CodedError `DEPLOYMENT_FAILED`, `TRANSACTION_REVERTED`; viem errors when the call would
 * revert, with the reason
 */
export function createChainWriter(client: LocalChainClient, account: Account): ChainWriter {
  return {
    client,
    deploy: async ({ abi, bytecode }, args = []) => {
      const hash = await client.deployContract({ account, abi, bytecode: bytecode as Hex, args });
      const receipt = await client.waitForTransactionReceipt({ hash });
      if (receipt.status !== 'success' || !receipt.contractAddress) {
        throw new CodedError('DEPLOYMENT_FAILED', 'A contract could not be deployed.', {
          data: { hash },
        });
      }
      return receipt.contractAddress;
    },
    write: async ({ to, abi, functionName, args = [], account: sender = account }) => {
      const hash = await client.writeContract({
        account: sender,
        address: to,
        abi,
        functionName,
        args,
      });
      const receipt = await client.waitForTransactionReceipt({ hash });
      if (receipt.status !== 'success') {
        throw new CodedError('TRANSACTION_REVERTED', `${functionName} reverted.`, {
          data: { hash, to },
        });
      }
      return receipt;
    },
  };
}
