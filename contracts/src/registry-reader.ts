import {
  CodedError,
  type Exemption,
  type Instrument,
  instrumentIdOf,
  type Listing,
  type ListingStatus,
  type Member,
  type MemberKind,
  type MemberStatus,
} from '@stoa/schema';
import {
  type Abi,
  type Address,
  type Client,
  type ContractFunctionName,
  type ContractFunctionReturnType,
  erc20Abi,
  type Hex,
} from 'viem';
import { getBlockNumber, getChainId, multicall, readContract } from 'viem/actions';
import { listingRegistryAbi } from './generated/listing-registry.ts';
import { memberRegistryAbi } from './generated/member-registry.ts';
import { bytes32ToSlug } from './member-slug.ts';

/** Where the two registries are. */
export interface RegistryAddresses {
  readonly memberRegistry: Address;
  readonly listingRegistry: Address;
}

/** An instrument's terms as registered, with what its tokens say about themselves. */
export interface InstrumentTerms extends Instrument {
  /** ERC-1400 partition; all zeros for ERC-3643. */
  readonly partition: Hex;
}

/** Everything the registries say, as of one block. */
export interface Directory {
  readonly blockNumber: bigint;
  readonly members: readonly Member[];
  readonly instruments: readonly InstrumentTerms[];
  readonly listings: readonly Listing[];
  /**
   * Registered tokens that do not answer as ERC-20s (a wrong address, a destroyed contract). They
   * are in neither list above; one bad entry must not hide the rest of the directory.
   */
  readonly unreadableTokens: readonly Address[];
}

const memberKinds: readonly MemberKind[] = ['venue', 'broker', 'issuer', 'observer', 'examiner'];
const memberStatuses: readonly MemberStatus[] = ['active', 'suspended', 'ceasing', 'ceased'];
const listingStatuses: readonly ListingStatus[] = [
  'proposed',
  'listed',
  'halted',
  'suspended',
  'delisted',
];
const exemptions: readonly Exemption[] = [
  'reg-d-506b',
  'reg-d-506c',
  'reg-a-plus',
  'reg-s',
  'reg-cf',
  'registered',
];

/**
 * Reads both registries at the newest block.
 *
 * @throws viem errors when the RPC fails; CodedError `REGISTRY_UNREADABLE` for a code that this
 * version does not know
 */
export async function readDirectory(
  client: Client,
  addresses: RegistryAddresses,
): Promise<Directory> {
  const [blockNumber, chainId] = await Promise.all([
    getBlockNumber(client, { cacheTime: 0 }),
    getChainId(client),
  ]);
  // All at one block: a listing must not name an instrument that the other read did not see.
  const listing = { address: addresses.listingRegistry, abi: listingRegistryAbi, blockNumber };
  const [members, instruments, listings] = await Promise.all([
    readContract(client, {
      address: addresses.memberRegistry,
      abi: memberRegistryAbi,
      functionName: 'members',
      blockNumber,
    }),
    readContract(client, { ...listing, functionName: 'instruments' }),
    readContract(client, { ...listing, functionName: 'listings' }),
  ]);
  const tokens = instruments.flatMap(({ token, terms }) => [token, terms.cashToken]);
  const [metadata, nettable] = await Promise.all([
    readTokenMetadata(client, tokens, blockNumber),
    readNettable(client, listing, instruments),
  ]);
  const decoded = instruments.map((entry) => ({
    token: entry.token,
    instrument: decodeInstrument(chainId, entry, { metadata, nettable }),
  }));
  const unreadableTokens = decoded.filter((entry) => !entry.instrument).map(({ token }) => token);
  return {
    blockNumber,
    members: members.map(decodeMember),
    instruments: decoded.flatMap(({ instrument }) => instrument ?? []),
    listings: listings
      .filter((entry) => !unreadableTokens.includes(entry.token))
      .map((entry) => decodeListing(chainId, entry)),
    unreadableTokens,
  };
}

type RawRegistry<
  RegistryAbi extends Abi,
  View extends ContractFunctionName<RegistryAbi, 'view'>,
> = ContractFunctionReturnType<RegistryAbi, 'view', View>;
type RawMember = RawRegistry<typeof memberRegistryAbi, 'members'>[number];
type RawInstrument = RawRegistry<typeof listingRegistryAbi, 'instruments'>[number];
type RawListing = RawRegistry<typeof listingRegistryAbi, 'listings'>[number];

interface TokenMetadata {
  readonly decimals: number;
  readonly symbol: string;
}

function decodeMember(member: RawMember): Member {
  return {
    id: bytes32ToSlug(member.id),
    kind: named(memberKinds, member.kind),
    status: named(memberStatuses, member.status),
    nodeKeys: member.nodeKeys.map((entry) => ({ key: entry.key.slice(2), ...windowOf(entry) })),
    signers: member.signers.map((entry) => ({
      address: lowerCase(entry.signer),
      ...windowOf(entry),
    })),
  };
}

function decodeInstrument(
  chainId: number,
  { token, terms }: RawInstrument,
  {
    metadata,
    nettable,
  }: {
    readonly metadata: ReadonlyMap<Address, TokenMetadata>;
    readonly nettable: ReadonlySet<Address>;
  },
): InstrumentTerms | undefined {
  const own = metadata.get(token);
  const cash = metadata.get(terms.cashToken);
  if (own === undefined || cash === undefined) return undefined;
  return {
    id: instrumentIdOf(chainId, token),
    token: lowerCase(token),
    standard: terms.standard === 1 ? 'ERC-3643' : 'ERC-1400',
    symbol: terms.symbol,
    name: terms.name,
    isin: terms.isin,
    issuer: bytes32ToSlug(terms.issuer),
    tokenDecimals: own.decimals,
    cashToken: lowerCase(terms.cashToken),
    cashSymbol: cash.symbol,
    cashDecimals: cash.decimals,
    priceDecimals: terms.priceDecimals,
    quantityDecimals: terms.quantityDecimals,
    tickSize: safeInteger(terms.tickSize),
    lotSize: safeInteger(terms.lotSize),
    partition: terms.partition,
    nettable: nettable.has(token),
  };
}

function decodeListing(chainId: number, entry: RawListing): Listing {
  return {
    instrument: instrumentIdOf(chainId, entry.token),
    venue: bytes32ToSlug(entry.venue),
    status: named(listingStatuses, entry.status),
    exemption: named(exemptions, entry.exemption),
    evidenceHash: entry.evidenceHash,
  };
}

async function readTokenMetadata(
  client: Client,
  tokens: readonly Address[],
  blockNumber: bigint,
): Promise<Map<Address, TokenMetadata>> {
  const distinct = [...new Set(tokens)];
  const found = new Map<Address, TokenMetadata>();
  if (distinct.length === 0) return found;
  const results = await multicall(client, {
    // Not every chain has a Multicall3 contract: a local one has none.
    deployless: true,
    blockNumber,
    contracts: distinct.flatMap(
      (address) =>
        [
          { address, abi: erc20Abi, functionName: 'decimals' },
          { address, abi: erc20Abi, functionName: 'symbol' },
        ] as const,
    ),
  });
  distinct.forEach((address, index) => {
    const decimals = results[2 * index]?.result;
    const symbol = results[2 * index + 1]?.result;
    if (typeof decimals === 'number' && typeof symbol === 'string') {
      found.set(address, { decimals, symbol });
    }
  });
  return found;
}

/** The tokens whose trades may settle net. */
async function readNettable(
  client: Client,
  registry: {
    readonly address: Address;
    readonly abi: typeof listingRegistryAbi;
    readonly blockNumber: bigint;
  },
  instruments: readonly { readonly token: Address }[],
): Promise<Set<Address>> {
  if (instruments.length === 0) return new Set();
  const { blockNumber, ...contract } = registry;
  const answers = await multicall(client, {
    ...{ deployless: true, allowFailure: false, blockNumber },
    contracts: instruments.map(
      ({ token }) => ({ ...contract, functionName: 'isNettable', args: [token] }) as const,
    ),
  });
  return new Set(instruments.flatMap(({ token }, index) => (answers[index] ? [token] : [])));
}

function named<Name>(names: readonly Name[], code: number): Name {
  const name = names[code - 1];
  if (name === undefined) {
    throw new CodedError('REGISTRY_UNREADABLE', `The registry holds an unknown code ${code}.`);
  }
  return name;
}

function windowOf(entry: { validFrom: bigint; validTo: bigint }) {
  return { validFrom: safeInteger(entry.validFrom), validTo: safeInteger(entry.validTo) };
}

/** uint64 as a number; beyond 2^53 it is clamped, which for seconds and sizes means "for ever". */
function safeInteger(value: bigint): number {
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(value);
}

function lowerCase(address: Address): Address {
  return address.toLowerCase() as Address;
}
