import {
  cashTokenAbi,
  cashTokenBytecode,
  listingRegistryAbi,
  listingRegistryBytecode,
  memberRegistryAbi,
  memberRegistryBytecode,
  preTradeLensAbi,
  preTradeLensBytecode,
  settlementAbi,
  settlementBytecode,
  slugToBytes32,
} from '@stoa/contracts';
import {
  type InstrumentId,
  instrumentIdOf,
  type MemberId,
  type MemberKind,
  type VenueId,
} from '@stoa/schema';
import {
  type Address,
  type Hex,
  keccak256,
  maxUint256,
  parseEther,
  parseUnits,
  stringToHex,
} from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { localChainId } from './anvil.ts';
import { type ChainWriter, connectLocalChain, createChainWriter } from './chain-writer.ts';
import { deployTrexToken, type TrexAddresses, type TrexToken } from './deploy-trex.ts';

/** A member to admit, with the public half of its node key. */
export interface MemberSeed {
  readonly id: MemberId;
  readonly kind: MemberKind;
  /** Ed25519 public key, 64 hex digits without prefix; absent for a member that runs no node. */
  readonly nodeKey?: string;
  /** Signs and submits settlement; gets 1,000 ETH for gas. Venues only. */
  readonly signer?: Address;
}

/** Members of the demo network. The caller adds node keys and signers. */
export const demoMembers = [
  { id: 'alpha', kind: 'venue' },
  { id: 'beta', kind: 'venue' },
  { id: 'gamma', kind: 'venue' },
  { id: 'harbor', kind: 'broker' },
  { id: 'acme', kind: 'issuer' },
  { id: 'gateway', kind: 'observer' },
] as const satisfies readonly MemberSeed[];

/** The traded instrument. Its issuer and ISIN are fictitious: ZZ is no country. */
export const demoInstrument = {
  symbol: 'ACME',
  name: 'Acme Fictitious Holdings, common stock',
  isin: 'ZZ00000ACME7',
  issuer: 'acme',
  tokenDecimals: 18,
  quantityDecimals: 0,
  /** As in LOBSTER's files: dollars × 10,000. */
  priceDecimals: 4,
  /** One cent. */
  tickSize: 100n,
  lotSize: 1n,
} as const;

const cashDecimals = 6;
const tokensPerWallet = parseUnits('1000000000', demoInstrument.tokenDecimals);
const cashPerWallet = parseUnits('1000000000000', cashDecimals);
/** The claim that the token asks of a holder. */
const accreditedInvestorTopic = 1n;
/** ISO 3166-1 numeric: United States. */
const country = 840;

const kindCodes: Record<MemberKind, number> = {
  venue: 1,
  broker: 2,
  issuer: 3,
  observer: 4,
  examiner: 5,
};

/** A wallet of the demo, key included: local chains only. */
export interface DemoWallet {
  readonly address: Address;
  readonly privateKey: Hex;
}

/** Everything that was deployed, as plain data. */
export interface DeployedNetwork {
  readonly chainId: number;
  readonly admin: DemoWallet;
  readonly memberRegistry: Address;
  readonly listingRegistry: Address;
  readonly settlement: Address;
  readonly preTradeLens: Address;
  readonly cashToken: Address;
  readonly token: Address;
  /** CAIP-19. */
  readonly instrument: InstrumentId;
  readonly trex: TrexAddresses;
  /** Claim topics by decimal number, for messages. */
  readonly topicNames: Readonly<Record<string, string>>;
  /** Holds the inventory of the venue's recorded flow; verified. */
  readonly flowWallets: Readonly<Record<VenueId, DemoWallet>>;
  /** Verified, with cash. */
  readonly alice: DemoWallet;
  /** Has an identity and cash, but no claim: may not hold the token. */
  readonly mallory: DemoWallet;
}

export interface DeployNetworkOptions {
  readonly rpcUrl: string;
  readonly members: readonly MemberSeed[];
  readonly onProgress?: (message: string) => void;
}

/** Deploys the contracts and admits members and investors. For a fresh local chain only. */
export async function deployNetwork(options: DeployNetworkOptions): Promise<DeployedNetwork> {
  const report = options.onProgress ?? (() => undefined);
  const client = connectLocalChain(options.rpcUrl);
  const admin = newWallet();
  const adminAccount = privateKeyToAccount(admin.privateKey);
  await client.setBalance({ address: admin.address, value: parseEther('10000') });
  const writer = createChainWriter(client, adminAccount);

  report('deploying the registries, settlement and cash');
  const ours = await deployOurs(writer, admin.address);
  report('deploying the ERC-3643 token suite');
  const claimSigner = privateKeyToAccount(generatePrivateKey());
  const trex = await deployTrexToken({
    writer,
    owner: adminAccount,
    claimSigner,
    claimTopic: accreditedInvestorTopic,
    name: demoInstrument.name,
    symbol: demoInstrument.symbol,
    decimals: demoInstrument.tokenDecimals,
  });
  report(`admitting ${options.members.length} members and listing ${demoInstrument.symbol}`);
  await admitMembers(writer, ours, options.members);
  const venues = options.members.filter((member) => member.kind === 'venue').map(({ id }) => id);
  await listInstrument(writer, ours, trex.addresses.token, venues);

  const flowWallets: Record<VenueId, DemoWallet> = {};
  for (const venue of venues) {
    report(`registering the investor of ${venue}'s recorded flow`);
    flowWallets[venue] = await admitInvestor(writer, ours, trex, {
      tokens: tokensPerWallet,
      withClaim: true,
    });
  }
  report('registering alice (verified) and mallory (no claim)');
  const alice = await admitInvestor(writer, ours, trex, { tokens: 0n, withClaim: true });
  const mallory = await admitInvestor(writer, ours, trex, { tokens: 0n, withClaim: false });
  const { token } = trex.addresses;
  return {
    chainId: localChainId,
    admin,
    ...ours,
    token,
    trex: trex.addresses,
    instrument: instrumentIdOf(localChainId, token),
    topicNames: { [accreditedInvestorTopic.toString()]: 'accredited investor' },
    flowWallets,
    alice,
    mallory,
  };
}

interface OurContracts {
  readonly memberRegistry: Address;
  readonly listingRegistry: Address;
  readonly settlement: Address;
  readonly preTradeLens: Address;
  readonly cashToken: Address;
}

async function deployOurs(writer: ChainWriter, admin: Address): Promise<OurContracts> {
  const memberRegistry = await writer.deploy(
    { abi: memberRegistryAbi, bytecode: memberRegistryBytecode },
    [admin],
  );
  const listingRegistry = await writer.deploy(
    { abi: listingRegistryAbi, bytecode: listingRegistryBytecode },
    [memberRegistry, admin],
  );
  const settlement = await writer.deploy({ abi: settlementAbi, bytecode: settlementBytecode }, [
    memberRegistry,
    listingRegistry,
    admin,
  ]);
  const cashToken = await writer.deploy({ abi: cashTokenAbi, bytecode: cashTokenBytecode }, [
    'Demo Dollar',
    'DUSD',
    admin,
  ]);
  const preTradeLens = await writer.deploy({
    abi: preTradeLensAbi,
    bytecode: preTradeLensBytecode,
  });
  return { memberRegistry, listingRegistry, settlement, preTradeLens, cashToken };
}

async function admitMembers(
  writer: ChainWriter,
  ours: OurContracts,
  members: readonly MemberSeed[],
): Promise<void> {
  const registry = { to: ours.memberRegistry, abi: memberRegistryAbi };
  for (const { id, kind, nodeKey, signer } of members) {
    const slug = slugToBytes32(id);
    await writer.write({
      ...registry,
      functionName: 'setMember',
      args: [slug, kindCodes[kind], 1],
    });
    if (nodeKey !== undefined) {
      const args = [slug, `0x${nodeKey}`, 0n, 0n];
      await writer.write({ ...registry, functionName: 'setNodeKey', args });
    }
    if (signer !== undefined) {
      await writer.write({ ...registry, functionName: 'setSigner', args: [slug, signer, 0n, 0n] });
      await writer.client.setBalance({ address: signer, value: parseEther('1000') });
    }
  }
}

async function listInstrument(
  writer: ChainWriter,
  ours: OurContracts,
  token: Address,
  venues: readonly VenueId[],
): Promise<void> {
  const registry = { to: ours.listingRegistry, abi: listingRegistryAbi };
  const terms = {
    ...demoInstrument,
    standard: 1,
    partition: `0x${'00'.repeat(32)}`,
    cashToken: ours.cashToken,
    issuer: slugToBytes32(demoInstrument.issuer),
  };
  await writer.write({ ...registry, functionName: 'setInstrument', args: [token, terms] });
  for (const venue of venues) {
    const evidence = keccak256(stringToHex(`${venue}: Form D, Rule 506(c)`));
    // Status 2 is listed, exemption 2 is Regulation D, Rule 506(c).
    const args = [token, slugToBytes32(venue), 2, 2, evidence];
    await writer.write({ ...registry, functionName: 'setListing', args });
  }
}

async function admitInvestor(
  writer: ChainWriter,
  ours: OurContracts,
  trex: TrexToken,
  { tokens, withClaim }: { tokens: bigint; withClaim: boolean },
): Promise<DemoWallet> {
  const wallet = newWallet();
  const account = privateKeyToAccount(wallet.privateKey);
  await writer.client.setBalance({ address: wallet.address, value: parseEther('10') });
  await trex.registerInvestor({ wallet: account, country, withClaim });
  if (tokens > 0n) await trex.mint(wallet.address, tokens);
  const cash = { to: ours.cashToken, abi: cashTokenAbi };
  await writer.write({ ...cash, functionName: 'mint', args: [wallet.address, cashPerWallet] });
  const approval = { functionName: 'approve', args: [ours.settlement, maxUint256], account };
  await writer.write({ ...cash, ...approval });
  await writer.write({ to: trex.addresses.token, abi: trex.tokenAbi, ...approval });
  return wallet;
}

function newWallet(): DemoWallet {
  const privateKey = generatePrivateKey();
  return { address: privateKeyToAccount(privateKey).address, privateKey };
}
