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
    };

/** Whether nothing more is expected. A failed batch may yet settle: anyone may submit what is signed. */
export function isOpen(state: SettlementState): boolean {
  return state !== 'settled' && state !== 'failed';
}

/**
 * The batch after an event. Pure.
 *
 * - A settled batch stays as it is: a later failure is somebody submitting it a second time.
 * - The first failure is the reason that stands.
 * - `settled` overrides `failed`, because signatures outlive our opinion of them until the deadline.
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
        status.state !== 'settled' || status.transactionHash === transactionHash,
        'A batch settles in one transaction.',
        facts,
      );
      return { state: 'settled', transactionHash, blockNumber };
    }
    case 'failed': {
      if (!isOpen(state)) return status;
      const { kind: _, ...failure } = event;
      invariant(failure.code !== '' && failure.reason !== '', 'A failure has a reason.', facts);
      return { state: 'failed', ...failure };
    }
  }
}
