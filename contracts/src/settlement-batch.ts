import type { VenueId } from '@stoa/schema';
import {
  type Address,
  concatHex,
  encodeFunctionData,
  type Hex,
  keccak256,
  type LocalAccount,
  recoverTypedDataAddress,
  stringToHex,
} from 'viem';
import { settlementAbi } from './generated/settlement.ts';
import { slugToBytes32 } from './member-slug.ts';
import { type SettlementDomain, settlementTypedDataDomain } from './settlement-domain.ts';
import { settlementGas } from './settlement-gas.ts';
import { encodedSignedMandate, type SignedMandate } from './settlement-mandate.ts';

/** One trade to settle. (executing venue, trade number) is its identity, on chain and for ever. */
export interface SettlementLeg {
  readonly executingVenue: VenueId;
  /** The venue through which the order came; the executing venue itself for its own orders. */
  readonly homeVenue: VenueId;
  /** uint64, dense per venue: 256 numbers share a storage slot. */
  readonly tradeNumber: bigint;
  readonly token: Address;
  readonly cashToken: Address;
  readonly seller: Address;
  readonly buyer: Address;
  /** In the token's smallest unit. */
  readonly quantity: bigint;
  /** In the cash token's smallest unit. */
  readonly amount: bigint;
  /** Unix seconds; the last second at which the leg may settle. */
  readonly deadline: number;
}

/** Legs that settle all or none, whichever venues they come from. */
export type SettlementGroup = readonly SettlementLeg[];

/** What one venue signs of a batch. `legs` may be the whole batch: only those that name the venue count. */
export interface VenueBatch {
  readonly domain: SettlementDomain;
  readonly batchId: Hex;
  readonly venue: VenueId;
  /** In batch order, groups flattened. */
  readonly legs: readonly SettlementLeg[];
  /** {@link groupsHash} of the whole batch, from whoever composes it. */
  readonly groupsHash: Hex;
  /** What the batch does with its legs; default `settle`. A signature for one is none for another. */
  readonly purpose?: BatchPurpose;
}

/** Settle each leg by its own transfers, settle them net, or undo legs that have settled. */
export type BatchPurpose = 'settle' | 'net' | 'reverse';

export interface VenueSignature {
  readonly venue: VenueId;
  readonly signer: Address;
  readonly signature: Hex;
}

const venueBatchFields = [
  { name: 'batchId', type: 'bytes32' },
  { name: 'venue', type: 'bytes32' },
  { name: 'legsHash', type: 'bytes32' },
  { name: 'groupsHash', type: 'bytes32' },
] as const;

const venueBatchTypes = {
  VenueBatch: venueBatchFields,
  VenueNettedBatch: venueBatchFields,
  VenueReversal: venueBatchFields,
} as const;

const primaryTypes = {
  settle: 'VenueBatch',
  net: 'VenueNettedBatch',
  reverse: 'VenueReversal',
} as const satisfies Record<BatchPurpose, keyof typeof venueBatchTypes>;

/** The leg as the contract takes it. */
export function encodedLeg(leg: SettlementLeg) {
  return {
    ...leg,
    executingVenue: slugToBytes32(leg.executingVenue),
    homeVenue: slugToBytes32(leg.homeVenue),
    deadline: BigInt(leg.deadline),
  };
}

/** EIP-712 type of {@link SettlementLeg}, members in order. */
const legType =
  'Leg(bytes32 executingVenue,bytes32 homeVenue,uint64 tradeNumber,address token,address cashToken,' +
  'address seller,address buyer,uint256 quantity,uint256 amount,uint64 deadline)';
const legTypeHash = keccak256(stringToHex(legType));
const knownHashes = new WeakMap<SettlementLeg, Hex>();

/**
 * EIP-712 `hashStruct` of a leg. All its members are single words, so that it is one hash over their
 * row; a batch's legs are hashed for each signature and once more for the grouping, so that a leg
 * remembers its own.
 */
export function legHash(leg: SettlementLeg): Hex {
  const known = knownHashes.get(leg);
  if (known !== undefined) return known;
  const words = [
    ...[legTypeHash, slugToBytes32(leg.executingVenue), slugToBytes32(leg.homeVenue)],
    ...[leg.tradeNumber, leg.token, leg.cashToken, leg.seller, leg.buyer],
    ...[leg.quantity, leg.amount, leg.deadline],
  ];
  const hash = keccak256(Buffer.from(words.map(wordOf).join(''), 'hex'));
  knownHashes.set(leg, hash);
  return hash;
}

/** A value as the 64 digits of its word. */
function wordOf(value: Hex | bigint | number): string {
  const digits = typeof value === 'string' ? value.slice(2) : value.toString(16);
  return digits.padStart(64, '0');
}

/** Legs of a batch that name the venue, as executing or home venue: all that it has to see. */
export function legsOfVenue(legs: readonly SettlementLeg[], venue: VenueId): SettlementLeg[] {
  return legs.filter((leg) => leg.executingVenue === venue || leg.homeVenue === venue);
}

/** keccak256 of the concatenated hashes of the legs that name the venue, in batch order. */
export function venueLegsHash(legs: readonly SettlementLeg[], venue: VenueId): Hex {
  return keccak256(concatHex(legsOfVenue(legs, venue).map(legHash)));
}

/**
 * Commitment to how a batch is grouped: keccak256 over the groups' hashes, each keccak256 over its
 * legs' hashes and those of the mandates it is settled under. Every venue signs it, so that a
 * stranger who reads the batch in the mempool cannot settle a part of an all-or-none group with the
 * same signatures.
 *
 * @param mandates for each group its mandates' hashes; none when left out
 */
export function groupsHash(
  groups: readonly SettlementGroup[],
  mandates: readonly (readonly Hex[])[] = [],
): Hex {
  const hashes = groups.map((legs, index) =>
    keccak256(concatHex([...legs.map(legHash), ...(mandates[index] ?? [])])),
  );
  return keccak256(concatHex(hashes));
}

/** Venues that must sign the batch: each that any leg names. */
export function venuesOfBatch(groups: readonly SettlementGroup[]): VenueId[] {
  return [...new Set(groups.flat().flatMap((leg) => [leg.executingVenue, leg.homeVenue]))];
}

/** EIP-712 typed data of a venue's signature, for any signer that speaks eth_signTypedData_v4. */
export function venueBatchTypedData(batch: VenueBatch) {
  return {
    domain: settlementTypedDataDomain(batch.domain),
    types: venueBatchTypes,
    primaryType: primaryTypes[batch.purpose ?? 'settle'],
    message: {
      batchId: batch.batchId,
      venue: slugToBytes32(batch.venue),
      legsHash: venueLegsHash(batch.legs, batch.venue),
      groupsHash: batch.groupsHash,
    },
  } as const;
}

/** Signs for the venue with a local key. */
export async function signVenueBatch(
  account: LocalAccount,
  batch: VenueBatch,
): Promise<VenueSignature> {
  const signature = await account.signTypedData(venueBatchTypedData(batch));
  return { venue: batch.venue, signer: account.address, signature };
}

/** The account that made the signature (EOA signatures only; a contract's is asked on chain). */
export function recoverVenueBatchSigner(batch: VenueBatch, signature: Hex): Promise<Address> {
  return recoverTypedDataAddress({ ...venueBatchTypedData(batch), signature });
}

/** A signature as the contract takes it: with the domain it was made for. */
export function encodedSignature(domain: SettlementDomain, entry: VenueSignature) {
  const { signer, signature } = entry;
  const { chainId, settlement } = domain;
  return {
    venue: slugToBytes32(entry.venue),
    chainId: BigInt(chainId),
    ...{ signer, settlement, signature },
  };
}

export interface SettleCall {
  /** What the signatures are for; the contract refuses others by name. */
  readonly domain: SettlementDomain;
  readonly batchId: Hex;
  readonly groups: readonly SettlementGroup[];
  readonly signatures: readonly VenueSignature[];
  /** For each group the investors' mandates that it is settled under; none when left out. */
  readonly mandates?: readonly (readonly SignedMandate[])[];
  /** Default {@link settlementGas}'s `perLeg`. */
  readonly minGasPerLeg?: bigint;
}

/** Call data of `Settlement.settle`, or of `settleMandated` where a group has mandates. */
export function encodeSettle(call: SettleCall): Hex {
  const groups = call.groups.map((legs) => legs.map(encodedLeg));
  const signatures = call.signatures.map((entry) => encodedSignature(call.domain, entry));
  const gas = call.minGasPerLeg ?? settlementGas.perLeg;
  if (call.mandates === undefined) {
    return encodeFunctionData({
      abi: settlementAbi,
      functionName: 'settle',
      args: [call.batchId, groups, signatures, gas],
    });
  }
  const mandates = call.mandates.map((signed) => signed.map(encodedSignedMandate));
  return encodeFunctionData({
    abi: settlementAbi,
    functionName: 'settleMandated',
    args: [call.batchId, groups, mandates, signatures, gas],
  });
}
