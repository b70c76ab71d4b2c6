import { describe, expect, it } from 'vitest';
import { mutationOutcomeOf } from './mutation-outcome.ts';

const failed = (code: string, extensions: Record<string, unknown> = {}) => ({
  ...{ kind: 'answer' as const, data: null },
  errors: [{ message: code, code, path: [], extensions: { code, ...extensions } }],
});

describe('what is known of a mutation', () => {
  it('is the answer, where there is one', () => {
    const data = { placeOrder: { existed: false } };
    const sent = { kind: 'answer' as const, data, errors: [] };
    expect(mutationOutcomeOf(sent)).toEqual({ outcome: 'ANSWERED', data, errors: [] });
  });

  it.each([
    ['no answer came', { kind: 'none', reason: 'No answer within 5 ms.' } as const],
    ['something broke in the middle', failed('INTERNAL_SERVER_ERROR')],
    ['the node may have heard it', failed('NODE_UNAVAILABLE', { outcome: 'UNKNOWN' })],
    ['the code is new', failed('SOMETHING_NEW')],
    ['the answer says nothing', { kind: 'answer', data: null, errors: [] } as const],
  ])('is nothing where %s', (_what, sent) => {
    expect(mutationOutcomeOf(sent)).toMatchObject({ outcome: 'UNKNOWN' });
  });

  it.each([
    ['the token is refused', failed('UNAUTHENTICATED')],
    ['the proof is', failed('PROOF_INVALID')],
    ['it came too often', failed('RATE_LIMITED')],
    ['the node was not reached', failed('NODE_UNAVAILABLE', { outcome: 'NOT_SENT' })],
  ])('is that nothing was done where %s', (_what, sent) => {
    expect(mutationOutcomeOf(sent)).toMatchObject({ outcome: 'NOT_DONE' });
  });
});
