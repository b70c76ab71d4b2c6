import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  cashAmount,
  cashTokenAbi,
  decodeSettlementLogs,
  encodeSettle,
  groupsHash,
  type SettlementGroup,
  type SettlementLeg,
  type SettlementLogs,
  settleGasLimit,
  signVenueBatch,
  tokenAmount,
  venuesOfBatch,
} from '@stoa/contracts';
import { isRefusal, type VenueId } from '@stoa/schema';
import { type Address, type Hex, keccak256, type LocalAccount, stringToHex, toHex } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { type AnvilOptions, startAnvil } from './anvil.ts';
import { connectLocalChain } from './chain-writer.ts';
import {
  type DeployedNetwork,
  demoInstrument,
  demoMembers,
  deployNetwork,
} from './deploy-network.ts';

const venues = ['alpha', 'beta', 'gamma'] as const;

/** The demo network's chain with signers at hand, for tests that need no nodes. */
export interface NetworkFixture {
  readonly rpcUrl: string;
  readonly network: DeployedNetwork;
  readonly client: ReturnType<typeof connectLocalChain>;
  readonly progress: readonly string[];
  /** The venues' settlement signers. */
  readonly signers: Readonly<Record<VenueId, LocalAccount>>;
  /** A purchase by alice from the executing venue's flow wallet, at 585.33. */
  leg(
    overrides: Partial<SettlementLeg> & { executingVenue: VenueId; tradeNumber: bigint },
  ): SettlementLeg;
  /** Signs with every venue named, sends as alpha's signer, and decodes what happened. */
  settle(groups: readonly SettlementGroup[]): Promise<SettlementLogs & { gasUsed: bigint }>;
  balance(token: Address, owner: Address): Promise<bigint>;
  /** Stops the chain's process where it is, so that it takes connections and answers none; and goes on. */
  readonly chain: { suspend(): void; resume(): void };
  stop(): Promise<void>;
}

export async function startNetworkFixture(
  chain: Pick<AnvilOptions, 'blockGasLimit'> = {},
): Promise<NetworkFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-network-'));
  const anvil = await startAnvil({ ...chain, folder, keepState: false });
  const signers = Object.fromEntries(
    venues.map((venue) => [venue, privateKeyToAccount(generatePrivateKey())]),
  );
  const progress: string[] = [];
  const network = await deployNetwork({
    rpcUrl: anvil.rpcUrl,
    members: demoMembers.map((member) => {
      const signer = signers[member.id]?.address;
      const nodeKey = keccak256(stringToHex(member.id)).slice(2);
      return { ...member, nodeKey, ...(signer && { signer }) };
    }),
    onProgress: (message) => progress.push(message),
  });
  const client = connectLocalChain(anvil.rpcUrl);
  const block = await client.getBlock();
  const signer = (venue: VenueId) => {
    const account = signers[venue];
    if (!account) throw new Error(`no signer for ${venue}`);
    return account;
  };
  let batchNumber = 0;

  return {
    rpcUrl: anvil.rpcUrl,
    network,
    client,
    progress,
    signers,
    settle: (groups) => {
      batchNumber += 1;
      return settle({ client, network, signer }, groups, keccak256(toHex(batchNumber)));
    },
    leg: (overrides) => ({
      homeVenue: 'alpha',
      token: network.token,
      cashToken: network.cashToken,
      seller: network.flowWallets[overrides.executingVenue]?.address ?? network.alice.address,
      buyer: network.alice.address,
      ...amounts(25, 5_853_300),
      deadline: Number(block.timestamp) + 3_600,
      ...overrides,
    }),
    balance: (token, owner) =>
      client.readContract({
        address: token,
        abi: cashTokenAbi,
        functionName: 'balanceOf',
        args: [owner],
      }),
    chain: {
      suspend: () => process.kill(anvil.pid, 'SIGSTOP'),
      resume: () => process.kill(anvil.pid, 'SIGCONT'),
    },
    stop: async () => {
      await anvil.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function settle(
  {
    client,
    network,
    signer,
  }: Pick<NetworkFixture, 'client' | 'network'> & {
    signer: (venue: VenueId) => LocalAccount;
  },
  groups: readonly SettlementGroup[],
  batchId: Hex,
): Promise<SettlementLogs & { gasUsed: bigint }> {
  const signatures = await Promise.all(
    venuesOfBatch(groups).map((venue) =>
      signVenueBatch(signer(venue), {
        domain: { chainId: network.chainId, settlement: network.settlement },
        batchId,
        venue,
        legs: groups.flat(),
        groupsHash: groupsHash(groups),
      }),
    ),
  );
  const hash = await client.sendTransaction({
    account: signer('alpha'),
    to: network.settlement,
    data: encodeSettle({ domain: network, batchId, groups, signatures }),
    gas: settleGasLimit(groups),
  });
  const receipt = await client.waitForTransactionReceipt({ hash });
  if (receipt.status !== 'success') throw new Error('the batch reverted whole');
  return { ...decodeSettlementLogs(receipt.logs, network.settlement), gasUsed: receipt.gasUsed };
}

function amounts(shares: number, price: number): { quantity: bigint; amount: bigint } {
  const terms = { ...demoInstrument, cashDecimals: 6 };
  const quantity = tokenAmount({ ...terms, quantity: shares });
  const amount = cashAmount({ ...terms, quantity: shares, price });
  if (isRefusal(quantity) || isRefusal(amount)) throw new Error('not exact');
  return { quantity, amount };
}
