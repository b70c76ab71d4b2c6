import { invariant } from '@stoa/schema';
import type { SettlementState } from './settlement-view.ts';

/** Where a batch stands. Only a chain's word settles it, and a failure always names its reason. */
export type BatchStatus =
  | { readonly state: 'instructed' }
  | { readonly state: 'affirmed' }
  | { readonly state: 'submitted'; readonly transactionHash: `0x${string}` }
  | {
      readonly state: 'settled';
      readonly transactionHash: `0x${string}`;
      readonly blockNumber: number;
    }
  | {
      readonly state: 'failed';
      readonly code: string;
      readonly reason: string;
      readonly transactionHash?: `0x${string}`;
      readonly blockNumber?: number;
    }
  /** Settled, and all its legs were undone since. */
  | {
      readonly state: 'reversed';
      readonly transactionHash: `0x${string}`;
      readonly blockNumber: number;
    };

/** What happens to a batch. */
export type BatchEvent =
  /** Every venue that it names has signed. */
  | { readonly kind: 'affirmed' }
  | { readonly kind: 'broadcast'; readonly transactionHash: `0x${string}` }
  /** The final chain holds all its legs. */
  | {
      readonly kind: 'settled';
      readonly transactionHash: `0x${string}`;
      readonly blockNumber: number;
    }
  /** A venue refused, the deadline passed, or the chain said no. */
  | {
      readonly kind: 'failed';
      readonly code: string;
      readonly reason: string;
      readonly transactionHash?: `0x${string}`;
      readonly blockNumber?: number;
    }
  /** What failed is tried again, with the same signatures. */
  | { readonly kind: 'retried' }
  /** The final chain holds the reversal of all its legs. */
  | { readonly kind: 'reversed' }
  /** The chain took the reversal of one of its legs back. */
  | { readonly kind: 'reversal-undone' }
  /**
   * The chain took the block back in which it settled or failed. `ours` is the kept transaction of
   * this node, where it has one.
   */
  | { readonly kind: 'rolled-back'; readonly ours?: `0x${string}` };

/** Whether nothing more is expected. A failed batch may yet settle: anyone may submit what is signed. */
export function isOpen(state: SettlementState): boolean {
  return state !== 'settled' && state !== 'failed' && state !== 'reversed';
}

/**
 * The batch after an event. Pure.
 *
 * - A settled batch stays as it is: a later failure is somebody submitting it a second time.
 * - The first failure is the reason that stands.
 * - `settled` overrides `failed`, because signatures outlive our opinion of them until the deadline.
 * - Only a retry, and a chain that takes blocks back, lead back.
 *
 * @throws CodedError `INVARIANT_BROKEN` for an event that cannot follow, among them a batch that
 * settles in two transactions
 */
export function batchAfter(status: BatchStatus, event: BatchEvent): BatchStatus {
  const { state } = status;
  const facts = { state, event: event.kind };
  switch (event.kind) {
    case 'affirmed':
      invariant(state === 'instructed', 'Only an instructed batch is affirmed.', facts);
      return { state: 'affirmed' };
    case 'broadcast':
      invariant(
        state === 'affirmed' || state === 'submitted',
        'Only an affirmed batch is broadcast.',
        facts,
      );
      return { state: 'submitted', transactionHash: event.transactionHash };
    case 'settled': {
      const { transactionHash, blockNumber } = event;
      invariant(
        (status.state !== 'settled' && status.state !== 'reversed') ||
          status.transactionHash === transactionHash,
        'A batch settles in one transaction.',
        facts,
      );
      if (status.state === 'reversed') return status;
      return { state: 'settled', transactionHash, blockNumber };
    }
    case 'failed': {
      if (!isOpen(state)) return status;
      const { kind: _, ...failure } = event;
      invariant(failure.code !== '' && failure.reason !== '', 'A failure has a reason.', facts);
      return { state: 'failed', ...failure };
    }
    default:
      return batchAgain(status, event);
  }
}

/** Events that lead back, or beyond what settlement itself comes to. */
function batchAgain(
  status: BatchStatus,
  event: Extract<BatchEvent, { kind: 'retried' | 'reversed' | 'reversal-undone' | 'rolled-back' }>,
): BatchStatus {
  const facts = { state: status.state, event: event.kind };
  switch (event.kind) {
    case 'retried':
      invariant(status.state === 'failed', 'Only what failed is tried again.', facts);
      return { state: 'affirmed' };
    case 'reversed':
      if (status.state === 'reversed') return status;
      invariant(status.state === 'settled', 'Only what settled is reversed.', facts);
      return { ...status, state: 'reversed' };
    case 'reversal-undone':
      return status.state === 'reversed' ? { ...status, state: 'settled' } : status;
    case 'rolled-back':
      if (isOpen(status.state)) return status;
      return event.ours === undefined
        ? { state: 'affirmed' }
        : { state: 'submitted', transactionHash: event.ours };
  }
}
