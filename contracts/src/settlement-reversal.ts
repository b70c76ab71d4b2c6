import { type Address, encodeFunctionData, type Hex, type LocalAccount } from 'viem';
import { settlementAbi } from './generated/settlement.ts';
import {
  encodedLeg,
  encodedSignature,
  legHash,
  type SettlementGroup,
  type SettlementLeg,
  type VenueSignature,
} from './settlement-batch.ts';
import { type SettlementDomain, settlementTypedDataDomain } from './settlement-domain.ts';
import { settlementGas } from './settlement-gas.ts';

/** An account's agreement to a reversal: needed where the account requires mandates. */
export interface ReversalConsent {
  readonly account: Address;
  readonly signature: Hex;
}

const consentTypes = {
  ReversalConsent: [
    { name: 'account', type: 'address' },
    { name: 'leg', type: 'bytes32' },
  ],
} as const;

/** EIP-712 typed data of a consent, for the investor's wallet. The leg's deadline bounds it. */
export function reversalConsentTypedData(
  domain: SettlementDomain,
  account: Address,
  leg: SettlementLeg,
) {
  return {
    domain: settlementTypedDataDomain(domain),
    types: consentTypes,
    primaryType: 'ReversalConsent',
    message: { account, leg: legHash(leg) },
  } as const;
}

/** Signs with a local key. */
export async function signReversalConsent(
  account: LocalAccount,
  domain: SettlementDomain,
  leg: SettlementLeg,
): Promise<ReversalConsent> {
  const data = reversalConsentTypedData(domain, account.address, leg);
  return { account: account.address, signature: await account.signTypedData(data) };
}

export interface ReverseCall {
  readonly domain: SettlementDomain;
  readonly batchId: Hex;
  /** Legs as they settled, with a deadline for the reversal; all or none within a group. */
  readonly groups: readonly SettlementGroup[];
  /** For each group; none when left out. */
  readonly consents?: readonly (readonly ReversalConsent[])[];
  /** With `purpose: 'reverse'`. */
  readonly signatures: readonly VenueSignature[];
  /** Default {@link settlementGas}'s `perLeg`. */
  readonly minGasPerLeg?: bigint;
}

/**
 * Call data of `Settlement.reverse`: a bust, or the first half of a correction (the second is a new
 * trade, with a number of its own).
 */
export function encodeReverse(call: ReverseCall): Hex {
  return encodeFunctionData({
    abi: settlementAbi,
    functionName: 'reverse',
    args: [
      call.batchId,
      call.groups.map((legs) => legs.map(encodedLeg)),
      call.consents ?? call.groups.map(() => []),
      call.signatures.map((entry) => encodedSignature(call.domain, entry)),
      call.minGasPerLeg ?? settlementGas.perLeg,
    ],
  });
}
