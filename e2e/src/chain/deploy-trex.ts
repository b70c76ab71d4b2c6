import { createRequire } from 'node:module';
import {
  type Abi,
  type Account,
  type Address,
  encodeAbiParameters,
  type Hex,
  keccak256,
  type LocalAccount,
  numberToHex,
  parseAbi,
  stringToHex,
  zeroAddress,
} from 'viem';
import type { ChainWriter } from './chain-writer.ts';

/** A compiled contract as both packages ship it. */
interface Artifact {
  readonly abi: Abi;
  readonly bytecode: string;
}

type Artifacts = Readonly<Record<string, Artifact>>;

const require = createRequire(import.meta.url);

/** ERC-735 scheme 1: ECDSA over an Ethereum signed message. */
const ecdsaScheme = 1n;
/** ERC-734 key purpose 3: may sign claims. ERC-734 key type 1: ECDSA. */
const claimSignerPurpose = 3n;
const ecdsaKeyType = 1n;

/** Addresses of one token's suite. */
export interface TrexAddresses {
  readonly token: Address;
  readonly identityRegistry: Address;
  readonly identityRegistryStorage: Address;
  readonly topicsRegistry: Address;
  readonly issuersRegistry: Address;
  readonly compliance: Address;
  readonly claimIssuer: Address;
}

/** A deployed ERC-3643 token with the means to admit investors to it. */
export interface TrexToken {
  readonly addresses: TrexAddresses;
  readonly tokenAbi: Abi;
  readonly claimIssuerAbi: Abi;
  /** Registers the wallet's identity contract; with a claim, the wallet may hold the token. */
  registerInvestor(investor: {
    readonly wallet: LocalAccount;
    /** ISO 3166-1 numeric. */
    readonly country: number;
    readonly withClaim: boolean;
    /** Unix second at which the claim ends, written into its data; without it it has no end. */
    readonly claimsUntil?: number;
  }): Promise<RegisteredInvestor>;
  mint(to: Address, amount: bigint): Promise<void>;
}

export interface RegisteredInvestor {
  readonly identity: Address;
  /** The issuer's signature of the claim, by which the issuer revokes it; absent without claim. */
  readonly claimSignature?: Hex;
}

export interface TrexOptions {
  readonly writer: ChainWriter;
  /** Owner and agent of the token; the writer's account. */
  readonly owner: Account;
  /** Signs the claims, for the claim issuer contract. */
  readonly claimSigner: LocalAccount;
  readonly name: string;
  readonly symbol: string;
  readonly decimals: number;
  readonly claimTopic: bigint;
}

/**
 * Deploys a T-REX suite behind its proxies, as its authors do, from the artifacts in its npm
 * package. That package is GPL-3.0: this folder is a tool for development, and nothing of a node
 * imports it.
 */
export async function deployTrexToken(options: TrexOptions): Promise<TrexToken> {
  const { writer, owner } = options;
  const suite = artifactsOf('@tokenysolutions/t-rex');
  const onchainId = artifactsOf('@onchain-id/solidity');
  const authority = await deployAuthority(writer, suite);
  const proxy = (name: string, ...args: readonly unknown[]) =>
    writer.deploy(artifact(suite, `${name}Proxy`), [authority, ...args]);

  const topicsRegistry = await proxy('ClaimTopicsRegistry');
  const issuersRegistry = await proxy('TrustedIssuersRegistry');
  const identityRegistryStorage = await proxy('IdentityRegistryStorage');
  const identityRegistry = await proxy(
    'IdentityRegistry',
    issuersRegistry,
    topicsRegistry,
    identityRegistryStorage,
  );
  const compliance = await proxy('ModularCompliance');
  const token = await proxy(
    'Token',
    identityRegistry,
    compliance,
    options.name,
    options.symbol,
    options.decimals,
    zeroAddress,
  );
  const claimIssuer = await writer.deploy(artifact(onchainId, 'ClaimIssuer'), [owner.address]);
  const identityAuthority = await writer.deploy(artifact(onchainId, 'ImplementationAuthority'), [
    await writer.deploy(artifact(onchainId, 'Identity'), [owner.address, true]),
  ]);
  const addresses = {
    token,
    identityRegistry,
    identityRegistryStorage,
    topicsRegistry,
    issuersRegistry,
    compliance,
    claimIssuer,
  };
  await connectSuite(options, suite, onchainId, addresses);
  const tokenAbi = artifact(suite, 'Token').abi;
  return {
    addresses,
    tokenAbi,
    claimIssuerAbi: artifact(onchainId, 'ClaimIssuer').abi,
    registerInvestor: (investor) =>
      registerInvestor(options, onchainId, { addresses, identityAuthority }, investor),
    mint: async (to, amount) => {
      await writer.write({ to: token, abi: tokenAbi, functionName: 'mint', args: [to, amount] });
    },
  };
}

async function registerInvestor(
  { writer, claimSigner, claimTopic }: TrexOptions,
  onchainId: Artifacts,
  { addresses, identityAuthority }: { addresses: TrexAddresses; identityAuthority: Address },
  { wallet, country, withClaim, claimsUntil }: Parameters<TrexToken['registerInvestor']>[0],
): Promise<RegisteredInvestor> {
  const identity = await writer.deploy(artifact(onchainId, 'IdentityProxy'), [
    identityAuthority,
    wallet.address,
  ]);
  await writer.write({
    to: addresses.identityRegistry,
    abi: parseAbi(['function registerIdentity(address wallet, address identity, uint16 country)']),
    functionName: 'registerIdentity',
    args: [wallet.address, identity, country],
  });
  if (!withClaim) return { identity };
  const data =
    claimsUntil === undefined ? stringToHex('checked') : numberToHex(claimsUntil, { size: 32 });
  const claimSignature = await claimSigner.signMessage({
    message: { raw: claimHash(identity, claimTopic, data) },
  });
  await writer.write({
    to: identity,
    abi: artifact(onchainId, 'Identity').abi,
    functionName: 'addClaim',
    args: [claimTopic, ecdsaScheme, addresses.claimIssuer, claimSignature, data, ''],
    // The investor manages its own identity: only it can accept a claim about itself.
    account: wallet,
  });
  return { identity, claimSignature };
}

/** The implementations, and the authority at which the proxies ask for them. */
async function deployAuthority(writer: ChainWriter, suite: Artifacts): Promise<Address> {
  const authority = await writer.deploy(artifact(suite, 'TREXImplementationAuthority'), [
    true,
    zeroAddress,
    zeroAddress,
  ]);
  const implement = (name: string) => writer.deploy(artifact(suite, name));
  await writer.write({
    to: authority,
    abi: artifact(suite, 'TREXImplementationAuthority').abi,
    functionName: 'addAndUseTREXVersion',
    args: [
      { major: 4, minor: 1, patch: 6 },
      {
        tokenImplementation: await implement('Token'),
        ctrImplementation: await implement('ClaimTopicsRegistry'),
        irImplementation: await implement('IdentityRegistry'),
        irsImplementation: await implement('IdentityRegistryStorage'),
        tirImplementation: await implement('TrustedIssuersRegistry'),
        mcImplementation: await implement('ModularCompliance'),
      },
    ],
  });
  return authority;
}

/** Roles, claim topic and trusted issuer; afterwards the token is live. */
async function connectSuite(
  { writer, owner, claimSigner, claimTopic }: TrexOptions,
  suite: Artifacts,
  onchainId: Artifacts,
  addresses: TrexAddresses,
): Promise<void> {
  const call = (to: Address, source: Artifact, functionName: string, ...args: unknown[]) =>
    writer.write({ to, abi: source.abi, functionName, args });
  const { token, identityRegistry, claimIssuer } = addresses;
  const storageArtifact = artifact(suite, 'IdentityRegistryStorage');
  const registryArtifact = artifact(suite, 'IdentityRegistry');
  const topicsArtifact = artifact(suite, 'ClaimTopicsRegistry');
  const issuersArtifact = artifact(suite, 'TrustedIssuersRegistry');
  const tokenArtifact = artifact(suite, 'Token');
  const issuerArtifact = artifact(onchainId, 'ClaimIssuer');
  const signerKey = addressKey(claimSigner.address);
  const storage = addresses.identityRegistryStorage;

  await call(storage, storageArtifact, 'bindIdentityRegistry', identityRegistry);
  await call(addresses.topicsRegistry, topicsArtifact, 'addClaimTopic', claimTopic);
  const trusted = [claimIssuer, [claimTopic]];
  await call(addresses.issuersRegistry, issuersArtifact, 'addTrustedIssuer', ...trusted);
  await call(claimIssuer, issuerArtifact, 'addKey', signerKey, claimSignerPurpose, ecdsaKeyType);
  await call(identityRegistry, registryArtifact, 'addAgent', owner.address);
  await call(identityRegistry, registryArtifact, 'addAgent', token);
  await call(token, tokenArtifact, 'addAgent', owner.address);
  await call(token, tokenArtifact, 'unpause');
}

/** What the claim issuer signs: keccak256(identity, topic, data). */
function claimHash(identity: Address, topic: bigint, data: Hex): Hex {
  return keccak256(
    encodeAbiParameters(
      [{ type: 'address' }, { type: 'uint256' }, { type: 'bytes' }],
      [identity, topic, data],
    ),
  );
}

/** ERC-734 names a key by the hash of its address. */
function addressKey(address: Address): Hex {
  return keccak256(encodeAbiParameters([{ type: 'address' }], [address]));
}

function artifactsOf(packageName: string): Artifacts {
  return (require(packageName) as { contracts: Artifacts }).contracts;
}

function artifact(artifacts: Artifacts, name: string): Artifact {
  const found = artifacts[name];
  if (!found) throw new Error(`no artifact ${name}`);
  return found;
}
