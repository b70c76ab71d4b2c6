import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  cashTokenAbi,
  cashTokenBytecode,
  createPermissionedToken,
  type PermissionedToken,
} from '@stoa/contracts';
import { moverHarnessAbi, moverHarnessBytecode } from '@stoa/contracts/testing/mover-harness';
import {
  type Abi,
  type Address,
  encodeFunctionData,
  type Hex,
  type LocalAccount,
  maxUint256,
  parseAbi,
  parseEther,
  type TransactionReceipt,
  zeroHash,
} from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { startAnvil } from './anvil.ts';
import {
  type ChainWriter,
  connectLocalChain,
  createChainWriter,
  type LocalChainClient,
} from './chain-writer.ts';
import { deployTrexToken, type RegisteredInvestor, type TrexToken } from './deploy-trex.ts';

const complianceAbi = parseAbi([
  'function addModule(address module)',
  'function removeModule(address module)',
  'function callModuleFunction(bytes data, address module)',
]);

/** The one claim topic that the token asks for. */
const claimTopic = 7n;

/** A stock ERC-3643 token on a chain of its own, with someone who governs it. */
export interface TrexFixture {
  readonly client: LocalChainClient;
  readonly trex: TrexToken;
  /** Moves tokens for anybody who allowed it, as a settlement contract does. */
  readonly mover: Address;
  readonly cashToken: Address;
  readonly admin: LocalAccount;
  /** The port, on behalf of `mover`. */
  readonly token: PermissionedToken;
  deploy(abi: Abi, bytecode: string, args?: readonly unknown[]): Promise<Address>;
  readonly write: (
    abi: Abi,
    to: Address,
    functionName: string,
    args?: readonly unknown[],
    account?: LocalAccount,
  ) => Promise<TransactionReceipt>;
  /** Calls a function of the token as its agent. */
  asAgent(functionName: string, ...args: readonly unknown[]): Promise<TransactionReceipt>;
  bind(module: Address): Promise<void>;
  unbind(module: Address): Promise<void>;
  /** Configures a bound module as its only governor can: through the compliance. */
  configure(
    module: Address,
    abi: Abi,
    functionName: string,
    args: readonly unknown[],
  ): Promise<TransactionReceipt>;
  /** A registered wallet with gas that lets `mover` move its tokens. @param claim whether it has the claim, or until when (seconds) */
  investor(country?: number, claim?: boolean | number): Promise<Investor>;
  /** A transfer by its holder. @returns gas used; undefined when the token refused */
  transfer(from: LocalAccount, to: Address, amount: bigint): Promise<bigint | undefined>;
  /** A transfer by `mover`, which the holder allowed. */
  move(from: Address, to: Address, amount: bigint): Promise<bigint | undefined>;
  /** Makes the next block that much later. */
  pass(seconds: number): Promise<void>;
  now(): Promise<number>;
  stop(): Promise<void>;
}

export interface Investor {
  readonly account: LocalAccount;
  readonly address: Address;
  readonly registered: RegisteredInvestor;
}

export async function startTrexFixture(): Promise<TrexFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'stoa-trex-'));
  const anvil = await startAnvil({ folder, keepState: false });
  const client = connectLocalChain(anvil.rpcUrl);
  const admin = privateKeyToAccount(generatePrivateKey());
  await client.setBalance({ address: admin.address, value: parseEther('10000') });
  const writer = createChainWriter(client, admin);
  const deployed = await deployWorld(writer, admin);
  const { trex, mover } = deployed;
  const write: TrexFixture['write'] = (abi, to, functionName, args = [], account = admin) =>
    writer.write({ to, abi, functionName, args, account });
  return {
    ...{ client, admin, write },
    ...deployed,
    token: createPermissionedToken('ERC-3643', {
      ...{ client, token: trex.addresses.token, settlement: mover },
      topicNames: { [claimTopic.toString()]: 'accredited investor' },
    }),
    deploy: (abi, bytecode, args = []) => writer.deploy({ abi, bytecode }, args),
    ...governance(trex, write),
    ...holders(client, deployed, write),
    pass: async (seconds) => {
      await client.increaseTime({ seconds });
      await client.mine({ blocks: 1 });
    },
    now: async () => Number((await client.getBlock()).timestamp),
    stop: async () => {
      await anvil.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

type World = Pick<TrexFixture, 'trex' | 'mover' | 'cashToken'>;

async function deployWorld(writer: ChainWriter, admin: LocalAccount): Promise<World> {
  const trex = await deployTrexToken({
    ...{ writer, owner: admin, name: 'Test', symbol: 'TST', decimals: 0, claimTopic },
    claimSigner: privateKeyToAccount(generatePrivateKey()),
  });
  const mover = await writer.deploy({ abi: moverHarnessAbi, bytecode: moverHarnessBytecode });
  const cash = { abi: cashTokenAbi, bytecode: cashTokenBytecode };
  const cashToken = await writer.deploy(cash, ['Cash', 'CSH', admin.address]);
  return { trex, mover, cashToken };
}

/** What the token's owner and agent does. */
function governance(
  { addresses, tokenAbi }: TrexToken,
  write: TrexFixture['write'],
): Pick<TrexFixture, 'asAgent' | 'bind' | 'unbind' | 'configure'> {
  const { token, compliance } = addresses;
  return {
    asAgent: (functionName, ...args) => write(tokenAbi, token, functionName, args),
    bind: async (module) => {
      await write(complianceAbi, compliance, 'addModule', [module]);
    },
    unbind: async (module) => {
      await write(complianceAbi, compliance, 'removeModule', [module]);
    },
    configure: (module, abi, functionName, args) => {
      const data: Hex = encodeFunctionData({ abi, functionName, args });
      return write(complianceAbi, compliance, 'callModuleFunction', [data, module]);
    },
  };
}

/** What investors do. */
function holders(
  client: LocalChainClient,
  { trex, mover }: World,
  write: TrexFixture['write'],
): Pick<TrexFixture, 'investor' | 'transfer' | 'move'> {
  const { token } = trex.addresses;
  const sent = async (sending: Promise<TransactionReceipt>) => {
    try {
      return (await sending).gasUsed;
    } catch {
      return undefined;
    }
  };
  return {
    investor: async (country = 840, claim = true) => {
      const account = privateKeyToAccount(generatePrivateKey());
      await client.setBalance({ address: account.address, value: parseEther('100') });
      const registered = await trex.registerInvestor({
        ...{ wallet: account, country, withClaim: claim !== false },
        ...(typeof claim === 'number' && { claimsUntil: claim }),
      });
      await write(trex.tokenAbi, token, 'approve', [mover, maxUint256], account);
      return { account, address: account.address, registered };
    },
    transfer: (from, to, amount) =>
      sent(write(trex.tokenAbi, token, 'transfer', [to, amount], from)),
    move: (from, to, amount) =>
      sent(write(moverHarnessAbi, mover, 'move', [token, zeroHash, from, to, amount])),
  };
}
