import type { Instrument } from '@stoa/schema';
import type { Address, Client, Hex } from 'viem';

/** Why a wallet may not trade; doubles as API code and metric label. */
export type EligibilityCode =
  | 'TOKEN_PAUSED'
  | 'WALLET_FROZEN'
  | 'IDENTITY_NOT_REGISTERED'
  | 'IDENTITY_NOT_VERIFIED'
  | 'CLAIM_MISSING'
  | 'CLAIM_INVALID'
  | 'CLAIM_EXPIRED'
  | 'SENDER_REFUSED'
  | 'RECEIVER_REFUSED'
  | 'BALANCE_TOO_LOW'
  | 'TOKENS_LOCKED'
  | 'ALLOWANCE_TOO_LOW'
  | 'OPERATOR_NOT_AUTHORIZED'
  | 'HOLDING_PERIOD'
  | 'AFFILIATE_VOLUME'
  | 'HOLDER_CAP'
  | 'COUNTRY_HOLDER_CAP'
  | 'COUNTRY_REFUSED'
  | 'TRANSFER_LIMIT'
  | 'VENUE_ONLY'
  | 'COMPLIANCE_REFUSED'
  | 'CASH_TOO_LOW'
  | 'CASH_ALLOWANCE_TOO_LOW'
  | 'CHECK_UNANSWERED';

/**
 * A token's own status byte. The same byte means different things in different texts (0x54 is
 * "transfers halted" in ERC-1400 and "insufficient funds" in ERC-1066), so the text goes with it.
 */
export interface TokenStatus {
  readonly namespace: 'ERC-1400' | 'ERC-1066';
  /** Such as `0x54`. */
  readonly byte: Hex;
}

/** One thing that stands in the way. The message is one plain sentence that names wallet and cause. */
export interface EligibilityReason {
  readonly code: EligibilityCode;
  readonly message: string;
  /** The name of the compliance module that refuses, or its address. */
  readonly module?: string;
  readonly status?: TokenStatus;
  /**
   * The most for which this reason would not stand, in the smallest unit of the token (of the cash
   * token for cash reasons); absent where a smaller quantity would not help.
   */
  readonly most?: bigint;
}

/** The answer of a pre-trade check: everything that was found, and its first and foremost reason. */
export type Eligibility = {
  /**
   * The contracts on which the answer depends, the cash token aside, in lower case: it is as good as
   * new while none of them has emitted an event.
   */
  readonly contracts: readonly Address[];
} & (
  | {
      readonly eligible: true;
      /** Unix second at which the first of the receiver's claims ends; absent when none says. */
      readonly claimsUntil?: number;
    }
  | {
      readonly eligible: false;
      readonly code: EligibilityCode;
      readonly message: string;
      /** At least one; the first is `code` and `message`. */
      readonly reasons: readonly EligibilityReason[];
    }
);

/** A transfer by way of the settlement contract, and the payment for it. */
export interface TransferQuestion {
  /** Absent when an order is entered and no seller is known: the receiver's side alone is checked. */
  readonly from?: Address;
  /** Absent when no buyer is known: the sender's side alone is checked. */
  readonly to?: Address;
  /** In the smallest unit of the token. */
  readonly quantity: bigint;
  readonly payment?: {
    readonly cashToken: Address;
    readonly payer: Address;
    /** In the smallest unit of the cash token. */
    readonly amount: bigint;
  };
}

/**
 * What trading needs to know of a permissioned security token, whatever its standard. The questions
 * are ERC-7943's (https://eips.ethereum.org/EIPS/eip-7943), asked on behalf of the settlement
 * contract and answered with reasons.
 *
 * Every answer is for the newest block only: what is eligible now may be refused at settlement. An
 * answer that the token did not give is a refusal (`CHECK_UNANSWERED`): unknown is never eligible.
 *
 * All methods throw viem errors when the RPC fails, and never because of what a token answers.
 */
export interface PermissionedToken {
  readonly standard: Instrument['standard'];
  readonly token: Address;
  /** Whether the wallet may hold, and so receive, the token. */
  canReceive(wallet: Address): Promise<Eligibility>;
  /** Whether the wallet could deliver the quantity to some eligible receiver. */
  canSend(wallet: Address, quantity: bigint): Promise<Eligibility>;
  /** Whether the transfer, and the payment where one is given, would go through. */
  canTransfer(transfer: TransferQuestion): Promise<Eligibility>;
  /** {@link canTransfer} for up to 100 transfers in one call, each for itself; in their order. */
  canTransferAll(transfers: readonly TransferQuestion[]): Promise<Eligibility[]>;
  /** How many of the wallet's tokens are frozen; 0 where the standard knows no such thing. */
  getFrozenTokens(wallet: Address): Promise<bigint>;
}

export interface PermissionedTokenOptions {
  readonly client: Client;
  readonly token: Address;
  /** ERC-1400 partition; all zeros, the default, for tokens moved by `transferFrom`. */
  readonly partition?: Hex;
  /** The contract that holders approve, and that moves tokens and cash. */
  readonly settlement: Address;
  /** A deployed PreTradeLens; without it the lens runs from its bytecode, within the call. */
  readonly lens?: Address;
  /** Names for claim topics (topic as a decimal string → name), used in messages. */
  readonly topicNames?: Readonly<Record<string, string>>;
  /** The text in which the token's status bytes are written; default ERC-1400. */
  readonly statusNamespace?: TokenStatus['namespace'];
}
