import type { VenueId } from '@stoa/schema';
import {
  type Address,
  concatHex,
  encodeFunctionData,
  type Hex,
  hashStruct,
  keccak256,
  type LocalAccount,
  recoverTypedDataAddress,
} from 'viem';
import { settlementAbi } from './generated/settlement.ts';
import { slugToBytes32 } from './member-slug.ts';

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

/** Which contract a signature is for; the EIP-712 domain beside the fixed name and version. */
export interface SettlementDomain {
  readonly chainId: number;
  readonly settlement: Address;
}

/** What one venue signs of a batch. `legs` may be the whole batch: only those that name the venue count. */
export interface VenueBatch {
  readonly domain: SettlementDomain;
  readonly batchId: Hex;
  readonly venue: VenueId;
  /** In batch order, groups flattened. */
  readonly legs: readonly SettlementLeg[];
  /** {@link groupsHash} of the whole batch, from whoever composes it. */
  readonly groupsHash: Hex;
}

export interface VenueSignature {
  readonly venue: VenueId;
  readonly signer: Address;
  readonly signature: Hex;
}

const legTypes = {
  Leg: [
    { name: 'executingVenue', type: 'bytes32' },
    { name: 'homeVenue', type: 'bytes32' },
    { name: 'tradeNumber', type: 'uint64' },
    { name: 'token', type: 'address' },
    { name: 'cashToken', type: 'address' },
    { name: 'seller', type: 'address' },
    { name: 'buyer', type: 'address' },
    { name: 'quantity', type: 'uint256' },
    { name: 'amount', type: 'uint256' },
    { name: 'deadline', type: 'uint64' },
  ],
} as const;

const venueBatchTypes = {
  VenueBatch: [
    { name: 'batchId', type: 'bytes32' },
    { name: 'venue', type: 'bytes32' },
    { name: 'legsHash', type: 'bytes32' },
    { name: 'groupsHash', type: 'bytes32' },
  ],
} as const;

/** The leg as the contract takes it. */
function encodedLeg(leg: SettlementLeg) {
  return {
    ...leg,
    executingVenue: slugToBytes32(leg.executingVenue),
    homeVenue: slugToBytes32(leg.homeVenue),
    deadline: BigInt(leg.deadline),
  };
}

/** EIP-712 `hashStruct` of a leg. */
export function legHash(leg: SettlementLeg): Hex {
  return hashStruct({ data: encodedLeg(leg), primaryType: 'Leg', types: legTypes });
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
 * legs' hashes. Every venue signs it, so that a stranger who reads the batch in the mempool cannot
 * settle a part of an all-or-none group with the same signatures.
 */
export function groupsHash(groups: readonly SettlementGroup[]): Hex {
  return keccak256(concatHex(groups.map((legs) => keccak256(concatHex(legs.map(legHash))))));
}

/** Venues that must sign the batch: each that any leg names. */
export function venuesOfBatch(groups: readonly SettlementGroup[]): VenueId[] {
  return [...new Set(groups.flat().flatMap((leg) => [leg.executingVenue, leg.homeVenue]))];
}

/** EIP-712 typed data of a venue's signature, for any signer that speaks eth_signTypedData_v4. */
export function venueBatchTypedData(batch: VenueBatch) {
  return {
    domain: {
      name: 'Stoa Settlement',
      version: '1',
      chainId: batch.domain.chainId,
      verifyingContract: batch.domain.settlement,
    },
    types: venueBatchTypes,
    primaryType: 'VenueBatch',
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

export interface SettleCall {
  readonly batchId: Hex;
  readonly groups: readonly SettlementGroup[];
  readonly signatures: readonly VenueSignature[];
  /** Default {@link settlementGas}'s `perLeg`. */
  readonly minGasPerLeg?: bigint;
}

/** Call data of `Settlement.settle`. */
export function encodeSettle(call: SettleCall): Hex {
  return encodeFunctionData({
    abi: settlementAbi,
    functionName: 'settle',
    args: [
      call.batchId,
      call.groups.map((legs) => legs.map(encodedLeg)),
      call.signatures.map((entry) => ({ ...entry, venue: slugToBytes32(entry.venue) })),
      call.minGasPerLeg ?? settlementGas.perLeg,
    ],
  });
}

/**
 * The terms of the gas formula, measured on ERC-3643 tokens with a margin of about a third.
 * `groupReserve` is the contract's GROUP_GAS_RESERVE; a token with costly compliance modules
 * needs a higher `perLeg`.
 */
export const settlementGas = {
  base: 120_000n,
  perVenue: 60_000n,
  perLeg: 350_000n,
  /** Call data, hashing and signature checks, spent before the first group starts. */
  perLegOverhead: 16_000n,
  groupReserve: 250_000n,
} as const;

/** Legs in one transaction that stay below the 16,777,216 gas of EIP-7825. */
export const maxLegsPerBatch = 40;

/**
 * Gas limit for a batch, by formula. Never estimate it: `eth_estimateGas` finds the least gas with
 * which the transaction succeeds, and it also succeeds with every group failed for lack of gas.
 */
export function settleGasLimit(
  groups: readonly SettlementGroup[],
  perLeg: bigint = settlementGas.perLeg,
): bigint {
  const legs = BigInt(groups.reduce((count, group) => count + group.length, 0));
  const venues = BigInt(venuesOfBatch(groups).length);
  const wanted =
    settlementGas.base +
    settlementGas.perVenue * venues +
    (settlementGas.perLegOverhead + perLeg) * legs;
  // The last group starts with its reserve untouched, of which a call passes on 63/64 (EIP-150).
  return ((wanted + settlementGas.groupReserve) * 64n) / 63n;
}
