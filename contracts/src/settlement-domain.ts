import type { Address } from 'viem';

/** Which contract a signature is for; the EIP-712 domain beside the fixed name and version. */
export interface SettlementDomain {
  readonly chainId: number;
  readonly settlement: Address;
}

/** The EIP-712 domain of everything that is signed for a Settlement contract. */
export function settlementTypedDataDomain(domain: SettlementDomain) {
  return {
    name: 'Stoa Settlement',
    version: '1',
    chainId: domain.chainId,
    verifyingContract: domain.settlement,
  } as const;
}
