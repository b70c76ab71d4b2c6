import type { Address } from 'viem';

/** Why a wallet may not trade; doubles as API code and metric label. */
export type EligibilityCode =
  | 'TOKEN_PAUSED'
  | 'WALLET_FROZEN'
  | 'IDENTITY_NOT_REGISTERED'
  | 'IDENTITY_NOT_VERIFIED'
  | 'CLAIM_MISSING'
  | 'CLAIM_INVALID'
  | 'BALANCE_TOO_LOW'
  | 'ALLOWANCE_TOO_LOW'
  | 'COMPLIANCE_REFUSED'
  | 'CASH_TOO_LOW'
  | 'CASH_ALLOWANCE_TOO_LOW';

/** The answer of a pre-trade check. The message is one plain sentence that names wallet and cause. */
export type Eligibility =
  | { readonly eligible: true }
  | { readonly eligible: false; readonly code: EligibilityCode; readonly message: string };

/**
 * What trading needs to know of a permissioned security token, whatever its standard. Modelled on
 * ERC-7943 (canSend, canReceive, canTransfer, getFrozenTokens), with reasons.
 *
 * All amounts are in the smallest unit of the token they name. Every check answers for the newest
 * block only: what is eligible now may be refused at settlement.
 */
export interface PermissionedToken {
  readonly token: Address;
  /** Whether the wallet may hold, and so receive, the token. */
  checkHolder(wallet: Address): Promise<Eligibility>;
  /**
   * Whether the transfer would go through by way of the settlement contract. Without `from`, as
   * when an order is entered and no seller is known, only the receiver's side is checked.
   */
  checkTransfer(transfer: {
    readonly from?: Address;
    readonly to: Address;
    readonly quantity: bigint;
  }): Promise<Eligibility>;
  /**
   * Whether the wallet could deliver to some eligible receiver: the seller's side of
   * {@link checkTransfer}, as when an order is entered and no buyer is known.
   */
  checkSender(delivery: {
    readonly from: Address;
    readonly quantity: bigint;
  }): Promise<Eligibility>;
  /** Whether the buyer holds the cash and has approved it to the spender. */
  checkCash(payment: {
    readonly cashToken: Address;
    readonly owner: Address;
    readonly spender: Address;
    readonly amount: bigint;
  }): Promise<Eligibility>;
}
