import type { VenueId } from '@stoa/schema';
import { type Address, type Hex, isAddressEqual, type Log, parseEventLogs } from 'viem';
import { settlementAbi } from './generated/settlement.ts';
import { bytes32ToSlug } from './member-slug.ts';
import { decodeRevertReason, type RevertReason } from './revert-reason.ts';

/** A leg that the chain says has settled. */
export interface SettledLeg {
  readonly batchId: Hex;
  readonly executingVenue: VenueId;
  readonly homeVenue: VenueId;
  readonly tradeNumber: bigint;
  readonly token: Address;
  readonly seller: Address;
  readonly buyer: Address;
  readonly quantity: bigint;
  readonly amount: bigint;
  readonly transactionHash: Hex;
  readonly blockNumber: bigint;
}

/** A group that did not settle; its trade numbers are still free. */
export interface FailedGroup {
  readonly batchId: Hex;
  /** Position in the batch's groups. */
  readonly groupIndex: number;
  readonly reason: RevertReason;
  readonly transactionHash: Hex;
  readonly blockNumber: bigint;
}

export interface SettlementLogs {
  readonly settled: readonly SettledLeg[];
  /** Legs that were undone: seller and buyer, quantity and amount are those of the trade. */
  readonly reversed: readonly SettledLeg[];
  readonly failed: readonly FailedGroup[];
}

/** Reads a receipt's (or a range's) logs; those of other contracts and pending ones are ignored. */
export function decodeSettlementLogs(logs: readonly Log[], settlement: Address): SettlementLogs {
  const own = logs.filter((log) => isAddressEqual(log.address, settlement));
  const settled: SettledLeg[] = [];
  const reversed: SettledLeg[] = [];
  const failed: FailedGroup[] = [];
  for (const log of parseEventLogs({ abi: settlementAbi, logs: own })) {
    const { transactionHash, blockNumber } = log;
    if (transactionHash === null || blockNumber === null) continue;
    if (log.eventName === 'LegSettled' || log.eventName === 'LegReversed') {
      (log.eventName === 'LegSettled' ? settled : reversed).push({
        ...log.args,
        executingVenue: bytes32ToSlug(log.args.executingVenue),
        homeVenue: bytes32ToSlug(log.args.homeVenue),
        transactionHash,
        blockNumber,
      });
    } else if (log.eventName === 'GroupFailed') {
      failed.push({
        batchId: log.args.batchId,
        groupIndex: Number(log.args.groupIndex),
        reason: decodeRevertReason(log.args.reason),
        transactionHash,
        blockNumber,
      });
    }
  }
  return { settled, reversed, failed };
}
