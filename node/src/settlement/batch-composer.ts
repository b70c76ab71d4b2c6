import {
  type BatchPurpose,
  groupsHash,
  legsOfVenue,
  type SettlementLeg,
  venuesOfBatch,
} from '@stoa/contracts';
import type { Hex } from 'viem';
import type { Transaction } from '../store/database.ts';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { legToMessage } from './batch-composition.ts';
import type { BatchRecords } from './batch-records.ts';
import type { SettlementNeeds, SettlementOptions } from './settlement-needs.ts';
import { signBatch } from './settlement-signer.ts';

/** What composing a batch is given. */
export type ComposerNeeds = Pick<SettlementNeeds, 'signer' | 'send' | 'logger' | 'nowMs'> & {
  readonly records: BatchRecords;
};

/** A batch that is to be: one all-or-none group. */
export interface BatchDraft {
  readonly id: Hex;
  readonly purpose: Extract<BatchPurpose, 'settle' | 'reverse'>;
  readonly legs: readonly SettlementLeg[];
  /** Unix seconds, that of the legs. */
  readonly deadline: number;
  /** Failures of the batches that this one takes the place of. */
  readonly attempts: number;
  /** The order whose group it is; a reversal has none. */
  readonly order?: { readonly id: string; readonly groupNumber: number };
}

const defaultSettleWithinS = 3_600;

/** The deadline of a batch that is composed now. */
export function newDeadline({ settleWithinS }: SettlementOptions, nowMs: number): number {
  return Math.floor(nowMs / 1_000) + (settleWithinS ?? defaultSettleWithinS);
}

/** Signs a batch for this venue, records it, and asks the other venues to sign, in one transaction. */
export async function composeBatch(
  tx: Transaction,
  draft: BatchDraft,
  { options, needs }: { readonly options: SettlementOptions; readonly needs: ComposerNeeds },
): Promise<void> {
  const { id: batchId, purpose, legs, deadline, attempts, order } = draft;
  const { chainId, settlement, venue: home } = options;
  const hash = groupsHash([legs]);
  const own = await signBatch(needs.signer, {
    ...{ domain: { chainId, settlement }, batchId, venue: home, legs, groupsHash: hash, purpose },
  });
  await tx.insert(settlementBatches).values({
    ...{ id: batchId, purpose, role: 'home', homeVenue: home, attempts, deadline },
    ...(order && { orderId: order.id, groupNumber: order.groupNumber }),
    legs: legs.map(legToMessage),
    groupsHash: hash,
    signatures: [own],
    state: 'instructed',
    earlierHashes: [],
    createdAtMs: needs.nowMs(),
  });
  const asked = venuesOfBatch([legs]).filter((venue) => venue !== home);
  for (const venue of asked) {
    await needs.send(tx, venue, {
      kind: 'settlement-request',
      ...{ batchId, groupsHash: hash },
      legs: legsOfVenue(legs, venue).map(legToMessage),
      // Left out where it says nothing new: a peer of an older version takes it then.
      ...(purpose === 'reverse' && { purpose }),
    });
  }
  if (asked.length === 0) await needs.records.apply(tx, batchId, { kind: 'affirmed' });
  const fields = { batchId, purpose, orderId: order?.id, legs: legs.length, asked };
  needs.logger.info(fields, 'settlement batch composed');
}
