import { describe, expect, it } from 'vitest';
import { type BatchEvent, type BatchStatus, batchAfter, isOpen } from './settlement-state.ts';

const statuses = {
  instructed: { state: 'instructed' },
  affirmed: { state: 'affirmed' },
  submitted: { state: 'submitted', transactionHash: '0x01' },
  settled: { state: 'settled', transactionHash: '0x01', blockNumber: 7 },
  failed: { state: 'failed', code: 'TOKEN_PAUSED', reason: 'Transfers are paused.' },
  reversed: { state: 'reversed', transactionHash: '0x01', blockNumber: 7 },
} as const satisfies Record<string, BatchStatus>;

const events = {
  affirmed: { kind: 'affirmed' },
  broadcast: { kind: 'broadcast', transactionHash: '0x02' },
  settled: { kind: 'settled', transactionHash: '0x01', blockNumber: 7 },
  failed: { kind: 'failed', code: 'WALLET_FROZEN', reason: 'The wallet is frozen.' },
  retried: { kind: 'retried' },
  reversed: { kind: 'reversed' },
  'reversal-undone': { kind: 'reversal-undone' },
  'rolled-back': { kind: 'rolled-back', ours: '0x05' },
} as const satisfies Record<string, BatchEvent>;

/** Every state with every event: the state that follows, or `never`. */
const table = {
  instructed: {
    affirmed: 'affirmed',
    broadcast: 'never',
    settled: 'settled',
    failed: 'failed',
    retried: 'never',
    reversed: 'never',
    'reversal-undone': 'instructed',
    'rolled-back': 'instructed',
  },
  affirmed: {
    affirmed: 'never',
    broadcast: 'submitted',
    settled: 'settled',
    failed: 'failed',
    retried: 'never',
    reversed: 'never',
    'reversal-undone': 'affirmed',
    'rolled-back': 'affirmed',
  },
  submitted: {
    affirmed: 'never',
    broadcast: 'submitted',
    settled: 'settled',
    failed: 'failed',
    retried: 'never',
    reversed: 'never',
    'reversal-undone': 'submitted',
    'rolled-back': 'submitted',
  },
  settled: {
    affirmed: 'never',
    broadcast: 'never',
    settled: 'settled',
    failed: 'settled',
    retried: 'never',
    reversed: 'reversed',
    'reversal-undone': 'settled',
    'rolled-back': 'submitted',
  },
  failed: {
    affirmed: 'never',
    broadcast: 'never',
    settled: 'settled',
    failed: 'failed',
    retried: 'affirmed',
    reversed: 'never',
    'reversal-undone': 'failed',
    'rolled-back': 'submitted',
  },
  reversed: {
    affirmed: 'never',
    broadcast: 'never',
    settled: 'reversed',
    failed: 'reversed',
    retried: 'never',
    reversed: 'reversed',
    'reversal-undone': 'settled',
    'rolled-back': 'submitted',
  },
} as const;

describe('a batch', () => {
  for (const [from, row] of Object.entries(table)) {
    for (const [event, to] of Object.entries(row)) {
      it(`that is ${from} and meets "${event}" is ${to}`, () => {
        const step = () =>
          batchAfter(statuses[from as keyof typeof statuses], events[event as keyof typeof events]);
        if (to === 'never')
          expect(step).toThrow(expect.objectContaining({ code: 'INVARIANT_BROKEN' }));
        else expect(step().state).toBe(to);
      });
    }
  }

  it('keeps the first reason it failed for', () => {
    expect(batchAfter(statuses.failed, events.failed)).toEqual(statuses.failed);
  });

  it('never settles in a second transaction', () => {
    const again = { ...events.settled, transactionHash: '0x03' } as const;
    expect(() => batchAfter(statuses.settled, again)).toThrow('one transaction');
  });

  it('never fails without a reason', () => {
    const mute = { kind: 'failed', code: '', reason: '' } as const;
    expect(() => batchAfter(statuses.submitted, mute)).toThrow('has a reason');
  });

  it('falls back to what its venues signed when the chain takes back what a stranger sent', () => {
    expect(batchAfter(statuses.settled, { kind: 'rolled-back' })).toEqual({ state: 'affirmed' });
    expect(batchAfter(statuses.settled, events['rolled-back'])).toEqual({
      state: 'submitted',
      transactionHash: '0x05',
    });
  });

  it('is open until it settled or failed', () => {
    expect(Object.values(statuses).map(({ state }) => isOpen(state))).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});
