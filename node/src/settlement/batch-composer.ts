import {
  type BatchPurpose,
  groupsHash,
  legsOfVenue,
  type SettlementLeg,
  venueBatchTypedData,
  venuesOfBatch,
} from '@stoa/contracts';
import { type Hex, hashTypedData } from 'viem';
import type { Transaction } from '../store/database.ts';
import { type StoredGroup, settlementBatches } from '../store/tables/settlement-batches.ts';
import { issue } from '../store/transactions.ts';
import { legToMessage } from './batch-composition.ts';
import type { BatchRecords } from './batch-records.ts';
import { type AttachedMandate, namedMandates } from './mandates/mandate-exchange.ts';
import { mandateToMessage } from './mandates/mandate-message.ts';
import type { SettlementNeeds, SettlementOptions } from './settlement-needs.ts';
import { signBatch } from './settlement-signer.ts';

/** What composing a batch is given. */
export type ComposerNeeds = Pick<SettlementNeeds, 'signer' | 'send' | 'logger' | 'nowMs'> & {
  readonly records: BatchRecords;
};

/** Legs that settle all or none; of an order's trades with the order and which of its groups it is. */
export interface DraftGroup {
  readonly order?: { readonly id: string; readonly groupNumber: number };
  readonly legs: readonly SettlementLeg[];
  /** Mandates of its investors; none where left out. */
  readonly mandates?: readonly AttachedMandate[];
}

/** A batch that is to be. */
export interface BatchDraft {
  readonly id: Hex;
  readonly purpose: BatchPurpose;
  readonly groups: readonly DraftGroup[];
  /** Unix seconds, that of the legs. */
  readonly deadline: number;
  /** Failures of the batches that this one takes the place of. */
  readonly attempts: number;
  /** The batch that its trades were in before: who signed that one may sign this one too. */
  readonly replaces?: Hex | undefined;
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
  const { id: batchId, purpose, groups, deadline, attempts, replaces } = draft;
  const { chainId, settlement, venue: home } = options;
  const legs = groups.flatMap((group) => group.legs);
  const hash = hashOf(draft);
  const hasMandates = groups.some(({ mandates = [] }) => mandates.length > 0);
  const signed = { domain: { chainId, settlement }, batchId, legs, groupsHash: hash, purpose };
  const own = await signBatch(needs.signer, { ...signed, venue: home });
  const venues = venuesOfBatch([legs]);
  const [first] = groups;
  const row = {
    ...{ id: batchId, purpose, role: 'home' as const, homeVenue: home, attempts, deadline },
    ...(first?.order && { orderId: first.order.id, groupNumber: first.order.groupNumber }),
    ...{ legs: legs.map(legToMessage), groups: groups.map(storedGroup), groupsHash: hash },
    ...(hasMandates && { mandates: groups.map(mandateMessages) }),
    digests: Object.fromEntries(
      venues.map((venue) => [venue, hashTypedData(venueBatchTypedData({ ...signed, venue }))]),
    ),
    signatures: [own],
    state: 'instructed' as const,
    earlierHashes: [],
    createdAtMs: needs.nowMs(),
  };
  issue(tx, tx.insert(settlementBatches).values(row));
  const asked = venues.filter((venue) => venue !== home);
  for (const venue of asked) {
    const indexed = groups.flatMap((group, index) =>
      legsOfVenue(group.legs, venue).map((leg) => ({ leg, index })),
    );
    const asks = indexed.map(({ leg }) => legToMessage(leg));
    const named = namedMandates(
      asks,
      groups.flatMap(({ mandates = [] }) => mandates),
    );
    await needs.send(tx, venue, {
      kind: 'settlement-request',
      ...{ batchId, groupsHash: hash },
      legs: asks,
      // Left out where they say nothing new: a peer of an older version takes it then.
      ...(groups.length > 1 && { groups: indexed.map(({ index }) => index) }),
      ...(purpose !== 'settle' && { purpose }),
      ...(replaces && { replaces }),
      ...(named.length > 0 && { mandates: named }),
    });
  }
  if (asked.length === 0) await needs.records.apply(tx, batchId, { kind: 'affirmed' });
  const orders = groups.flatMap(({ order }) => order?.id ?? []);
  const fields = { batchId, purpose, orders, legs: legs.length, asked };
  needs.logger.info(fields, 'settlement batch composed');
}

/** What every venue signs of the grouping: netted, legs and mandates are one group. */
function hashOf({ purpose, groups }: BatchDraft): Hex {
  const legs = groups.map((group) => group.legs);
  const mandates = groups.map(({ mandates: own = [] }) => own.map(({ hash }) => hash));
  return purpose === 'net'
    ? groupsHash([legs.flat()], [mandates.flat()])
    : groupsHash(legs, mandates);
}

function mandateMessages({ mandates = [] }: DraftGroup) {
  return mandates.map(({ signed }) => mandateToMessage(signed));
}

function storedGroup({ order, legs }: DraftGroup, index: number): StoredGroup {
  const of = order && { orderId: order.id, groupNumber: order.groupNumber };
  return { index, legs: legs.length, ...of };
}
