import { mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  cashTokenAbi,
  cashTokenBytecode,
  listingRegistryAbi,
  listingRegistryBytecode,
  memberRegistryAbi,
  memberRegistryBytecode,
  settlementAbi,
  settlementBytecode,
  slugToBytes32,
} from '@stoa/contracts';
import { rawTransfersAbi, rawTransfersBytecode } from '@stoa/contracts/testing/raw-transfers';
import type { MemberId } from '@stoa/schema';
import { type Abi, type Address, maxUint256, parseEther, zeroHash } from 'viem';
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts';
import { startAnvil } from '../../chain/anvil.ts';
import {
  type ChainWriter,
  connectLocalChain,
  createChainWriter,
} from '../../chain/chain-writer.ts';
import { deployTrexToken } from '../../chain/deploy-trex.ts';
import { bindModules } from './gas-modules.ts';

/** Which token the trades are in. */
export type GasToken = 'erc20' | 'trex';

/** A chain with everything deployed, members admitted, wallets funded and approvals given. */
export interface GasWorld extends AsyncDisposable {
  readonly client: ChainWriter['client'];
  readonly writer: ChainWriter;
  readonly settlement: Address;
  readonly rawTransfers: Address;
  /** The T-REX package's own delivery against payment. */
  readonly dvdManager: Address;
  readonly dvdManagerAbi: Abi;
  readonly token: Address;
  readonly cashToken: Address;
  /** Sellers first, then as many buyers. */
  readonly wallets: readonly PrivateKeyAccount[];
  readonly signers: Readonly<Record<'alpha' | 'beta', PrivateKeyAccount>>;
}

export interface GasWorldOptions {
  readonly token: GasToken;
  readonly walletCount: number;
  /** Whether the token has our compliance modules; a T-REX token only. */
  readonly modules: boolean;
}

const tokensPerWallet = 10n ** 24n;
const cashPerWallet = 10n ** 18n;

export async function startGasWorld(options: GasWorldOptions): Promise<GasWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-gas-'));
  const anvil = await startAnvil({ folder, keepState: false });
  const stop = async () => {
    await anvil.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const world = await deployGasWorld(anvil.rpcUrl, options);
    return { ...world, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function deployGasWorld(rpcUrl: string, options: GasWorldOptions) {
  const client = connectLocalChain(rpcUrl);
  const admin = privateKeyToAccount(generatePrivateKey());
  const wallets = Array.from({ length: options.walletCount }, () =>
    privateKeyToAccount(generatePrivateKey()),
  );
  const signers = {
    alpha: privateKeyToAccount(generatePrivateKey()),
    beta: privateKeyToAccount(generatePrivateKey()),
  };
  for (const { address } of [admin, ...wallets, ...Object.values(signers)]) {
    await client.setBalance({ address, value: parseEther('10000') });
  }
  const writer = createChainWriter(client, admin);
  const ours = await deployOurs(writer, admin.address);
  const { token, trex } = await deployToken(writer, admin, options.token);
  const dvd = dvdArtifact();
  const dvdManager = await writer.deploy(dvd);
  const rawTransfers = await writer.deploy({
    abi: rawTransfersAbi,
    bytecode: rawTransfersBytecode,
  });
  await admitAndList(writer, ours, token, signers);
  for (const wallet of wallets) {
    if (trex) await trex.registerInvestor({ wallet, country: 840, withClaim: true });
    const spenders = [ours.settlement, rawTransfers, dvdManager];
    await fund(writer, wallet, { token, cashToken: ours.cashToken, spenders });
  }
  if (options.modules && trex) {
    await bindModules(
      writer,
      trex,
      wallets.map(({ address }) => address),
    );
  }
  const { settlement, cashToken } = ours;
  return {
    ...{ client, writer, wallets, signers, token, settlement, cashToken },
    ...{ rawTransfers, dvdManager, dvdManagerAbi: dvd.abi },
  };
}

async function deployOurs(writer: ChainWriter, admin: Address) {
  const deploy = (abi: Abi, bytecode: string, ...args: readonly unknown[]) =>
    writer.deploy({ abi, bytecode }, args);
  const members = await deploy(memberRegistryAbi, memberRegistryBytecode, admin);
  const listings = await deploy(listingRegistryAbi, listingRegistryBytecode, members, admin);
  const settlement = await deploy(settlementAbi, settlementBytecode, members, listings, admin);
  const cashToken = await deploy(cashTokenAbi, cashTokenBytecode, 'Dollar', 'USD', admin);
  return { members, listings, settlement, cashToken };
}

async function deployToken(writer: ChainWriter, admin: PrivateKeyAccount, kind: GasToken) {
  if (kind === 'erc20') {
    const artifact = { abi: cashTokenAbi, bytecode: cashTokenBytecode };
    const token = await writer.deploy(artifact, ['Plain', 'PLN', admin.address]);
    return { token, trex: undefined };
  }
  const trex = await deployTrexToken({
    writer,
    owner: admin,
    claimSigner: privateKeyToAccount(generatePrivateKey()),
    ...{ name: 'Gas', symbol: 'GAS', decimals: 18, claimTopic: 1n },
  });
  return { token: trex.addresses.token, trex };
}

async function admitAndList(
  writer: ChainWriter,
  ours: Awaited<ReturnType<typeof deployOurs>>,
  token: Address,
  signers: GasWorld['signers'],
): Promise<void> {
  const member = (functionName: string, id: MemberId, ...args: readonly unknown[]) =>
    writer.write({
      to: ours.members,
      abi: memberRegistryAbi,
      functionName,
      args: [slugToBytes32(id), ...args],
    });
  const listing = (functionName: string, ...args: readonly unknown[]) =>
    writer.write({ to: ours.listings, abi: listingRegistryAbi, functionName, args });
  await member('setMember', 'acme', 3, 1);
  await listing('setInstrument', token, {
    ...{ standard: 1, partition: zeroHash, cashToken: ours.cashToken, priceDecimals: 4 },
    ...{ quantityDecimals: 0, tickSize: 1n, lotSize: 1n, issuer: slugToBytes32('acme') },
    ...{ isin: '', symbol: 'GAS', name: 'Gas' },
  });
  for (const venue of ['alpha', 'beta'] as const) {
    await member('setMember', venue, 1, 1);
    await member('setSigner', venue, signers[venue].address, 0n, 0n);
    await listing('setListing', token, slugToBytes32(venue), 2, 2, zeroHash);
  }
}

/** Both tokens to every wallet: no balance starts at zero, as in a market that has traded before. */
async function fund(
  writer: ChainWriter,
  account: PrivateKeyAccount,
  assets: { token: Address; cashToken: Address; spenders: readonly Address[] },
): Promise<void> {
  const abi = cashTokenAbi;
  for (const [to, amount] of [
    [assets.token, tokensPerWallet],
    [assets.cashToken, cashPerWallet],
  ] as const) {
    await writer.write({ to, abi, functionName: 'mint', args: [account.address, amount] });
    for (const spender of assets.spenders) {
      await writer.write({
        ...{ to, abi, account },
        functionName: 'approve',
        args: [spender, maxUint256],
      });
    }
  }
}

/** GPL-3.0, as all of that package: deployed on a local chain, to be measured. */
function dvdArtifact(): { readonly abi: Abi; readonly bytecode: string } {
  const suite = createRequire(import.meta.url)('@tokenysolutions/t-rex') as {
    contracts: { DVDTransferManager: { abi: Abi; bytecode: string } };
  };
  return suite.contracts.DVDTransferManager;
}
