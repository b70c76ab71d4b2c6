import { CodedError, type VenueId } from '@stoa/schema';
import {
  type Address,
  getAbiItem,
  type Hex,
  type Log,
  parseEventLogs,
  toEventSelector,
} from 'viem';
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

/** Topics of the events that {@link decodeSettlementLogs} reads, for a filter of logs. */
export const settlementTopics = {
  settled: eventTopic('LegSettled'),
  reversed: eventTopic('LegReversed'),
  failed: eventTopic('GroupFailed'),
} as const;

/** Reads a receipt's (or a range's) logs; those of other contracts and pending ones are ignored. */
export function decodeSettlementLogs(logs: readonly Log[], settlement: Address): SettlementLogs {
  const settled: SettledLeg[] = [];
  const reversed: SettledLeg[] = [];
  const failed: FailedGroup[] = [];
  const contract = settlement.toLowerCase();
  for (const log of logs) {
    if (log.blockNumber === null || log.address.toLowerCase() !== contract) continue;
    if (log.topics[0] === settlementTopics.settled) settled.push(legOf(log));
    else if (log.topics[0] === settlementTopics.reversed) reversed.push(legOf(log));
    else if (log.topics[0] === settlementTopics.failed) failed.push(...failuresOf(log));
  }
  return { settled, reversed, failed };
}

function eventTopic(name: 'LegSettled' | 'LegReversed' | 'GroupFailed'): Hex {
  return toEventSelector(getAbiItem({ abi: settlementAbi, name }));
}

/**
 * `LegSettled` and `LegReversed` have the same fields, all of them single words: indexed are the
 * venue, the trade's number and the batch. A batch has fifty of them, so that they are cut out here.
 */
function legOf({ topics, data, transactionHash, blockNumber }: Log): SettledLeg {
  const [, venue = '0x', tradeNumber = '0x', batchId = '0x'] = topics as readonly Hex[];
  const isWhole = topics.length === 4 && data.length === 2 + 6 * 64;
  if (!isWhole || transactionHash === null || blockNumber === null) {
    throw new CodedError('LOG_MALFORMED', 'A log of the settlement contract is not as declared.');
  }
  const word = (index: number): Hex => `0x${data.slice(2 + index * 64, 66 + index * 64)}`;
  const wallet = (index: number): Address => `0x${word(index).slice(26)}`;
  return {
    ...{ batchId, transactionHash, blockNumber },
    executingVenue: bytes32ToSlug(venue),
    homeVenue: bytes32ToSlug(word(0)),
    tradeNumber: BigInt(tradeNumber),
    ...{ token: wallet(1), seller: wallet(2), buyer: wallet(3) },
    ...{ quantity: BigInt(word(4)), amount: BigInt(word(5)) },
  };
}

function failuresOf(log: Log): FailedGroup[] {
  return parseEventLogs({ abi: settlementAbi, eventName: 'GroupFailed', logs: [log] }).map(
    ({ args, transactionHash, blockNumber }) => ({
      batchId: args.batchId,
      groupIndex: Number(args.groupIndex),
      reason: decodeRevertReason(args.reason),
      ...{ transactionHash, blockNumber },
    }),
  );
}
