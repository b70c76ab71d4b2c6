import type { VenueId } from '@stoa/schema';

/** State of a batch or a leg on its way to finality. */
export type SettlementState =
  | 'instructed'
  | 'affirmed'
  | 'submitted'
  | 'settled'
  | 'failed'
  | 'reversed';

/** One leg: one trade. Amounts in on-chain units. */
export interface SettlementLegView {
  readonly venue: VenueId;
  readonly executionId: string;
  readonly tradeNumber: number;
  readonly token: `0x${string}`;
  readonly seller: `0x${string}`;
  readonly buyer: `0x${string}`;
  readonly quantity: bigint;
  readonly amount: bigint;
  readonly state: SettlementState;
}

/** A batch: the legs of one order that settle all or none. */
export interface SettlementView {
  /** 0x and 64 hexadecimal digits; empty while the trades are in no batch that this node knows. */
  readonly batchId: string;
  readonly orderId: string;
  readonly state: SettlementState;
  readonly transactionHash: string | undefined;
  readonly blockNumber: number | undefined;
  readonly reason: string | undefined;
  /** Stable code of the reason. */
  readonly code: string | undefined;
  readonly legs: readonly SettlementLegView[];
}

/** A batch of this venue that goes no further until its operator does something about it. */
export interface QueuedSettlement {
  readonly batchId: string;
  /** Undefined for a reversal, which belongs to no order. */
  readonly orderId: string | undefined;
  readonly purpose: 'settle' | 'reverse';
  readonly code: string;
  readonly reason: string;
  /** How often it failed. */
  readonly attempts: number;
  /** Unix seconds. */
  readonly deadline: number;
  readonly createdAtMs: number;
  readonly trades: readonly { readonly venue: VenueId; readonly tradeNumber: number }[];
}
