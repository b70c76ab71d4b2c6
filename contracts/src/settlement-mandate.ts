import type { VenueId } from '@stoa/schema';
import { type Address, type Hex, hashStruct, type LocalAccount } from 'viem';
import { slugToBytes32 } from './member-slug.ts';
import { type SettlementDomain, settlementTypedDataDomain } from './settlement-domain.ts';

/**
 * What an investor allows to be settled for the account. An account that requires mandates is moved
 * by no pair of venues outside one; the contract keeps the cumulative fill.
 */
export interface Mandate {
  readonly investor: Address;
  readonly side: 'buy' | 'sell';
  readonly token: Address;
  readonly cashToken: Address;
  /** The worst price, as a ratio of smallest units: a buyer pays at most this much cash … */
  readonly limitAmount: bigint;
  /** … for this much of the token (above 0); a seller receives at least that. */
  readonly limitQuantity: bigint;
  /** The most that may be filled over all trades, in the token's smallest unit. */
  readonly quantity: bigint;
  /** Unix seconds; the last second at which a trade may settle under it. */
  readonly expiry: number;
  /** Mandates with the same nonce share one cumulative fill: signing again amends. */
  readonly nonce: bigint;
  /** Executing venues; empty: any. */
  readonly venues: readonly VenueId[];
}

export interface SignedMandate {
  readonly mandate: Mandate;
  /** By the investor: of a key, or whatever the investor's ERC-1271 contract accepts. */
  readonly signature: Hex;
}

const mandateTypes = {
  Mandate: [
    { name: 'investor', type: 'address' },
    { name: 'side', type: 'uint8' },
    { name: 'token', type: 'address' },
    { name: 'cashToken', type: 'address' },
    { name: 'limitAmount', type: 'uint256' },
    { name: 'limitQuantity', type: 'uint256' },
    { name: 'quantity', type: 'uint256' },
    { name: 'expiry', type: 'uint64' },
    { name: 'nonce', type: 'uint256' },
    { name: 'venues', type: 'bytes32[]' },
  ],
} as const;

/** The mandate as the contract takes it. */
function encodedMandate(mandate: Mandate) {
  return {
    ...mandate,
    side: mandate.side === 'buy' ? 1 : 2,
    expiry: BigInt(mandate.expiry),
    venues: mandate.venues.map(slugToBytes32),
  };
}

export function encodedSignedMandate({ mandate, signature }: SignedMandate) {
  return { mandate: encodedMandate(mandate), signature };
}

/** EIP-712 `hashStruct` of a mandate, as it goes into {@link groupsHash}. */
export function mandateHash(mandate: Mandate): Hex {
  return hashStruct({ data: encodedMandate(mandate), primaryType: 'Mandate', types: mandateTypes });
}

/** EIP-712 typed data of a mandate, for the investor's wallet. */
export function mandateTypedData(domain: SettlementDomain, mandate: Mandate) {
  return {
    domain: settlementTypedDataDomain(domain),
    types: mandateTypes,
    primaryType: 'Mandate',
    message: encodedMandate(mandate),
  } as const;
}

/** Signs with a local key. */
export async function signMandate(
  account: LocalAccount,
  domain: SettlementDomain,
  mandate: Mandate,
): Promise<SignedMandate> {
  return { mandate, signature: await account.signTypedData(mandateTypedData(domain, mandate)) };
}
