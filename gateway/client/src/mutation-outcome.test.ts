import { describe, expect, it } from 'vitest';
import { mutationOutcomeOf } from './mutation-outcome.ts';

const ONE = 'mutation Place($i: Input! = {a: 1}) { placeOrder(input: $i) { existed } }';
const failed = (code: string, extensions: Record<string, unknown> = {}) => ({
  ...{ kind: 'answer' as const, data: null },
  errors: [{ message: code, code, path: [], extensions: { code, ...extensions } }],
});

describe('what is known of a mutation', () => {
  it('is the answer, where there is one', () => {
    const data = { placeOrder: { existed: false } };
    const sent = { kind: 'answer' as const, data, errors: [] };
    expect(mutationOutcomeOf(sent, ONE)).toEqual({ outcome: 'ANSWERED', data, errors: [] });
  });

  it.each([
    ['no answer came', { kind: 'none', reason: 'No answer within 5 ms.' } as const],
    ['something broke in the middle', failed('INTERNAL_SERVER_ERROR')],
    ['the node may have heard it', failed('NODE_UNAVAILABLE', { outcome: 'UNKNOWN' })],
    ['the code is new', failed('SOMETHING_NEW')],
    ['the answer says nothing', { kind: 'answer', data: null, errors: [] } as const],
  ])('is nothing where %s', (_what, sent) => {
    expect(mutationOutcomeOf(sent, ONE)).toMatchObject({ outcome: 'UNKNOWN' });
  });

  it.each([
    ['the token is refused', failed('UNAUTHENTICATED')],
    ['the proof is', failed('PROOF_INVALID')],
    ['it came too often', failed('RATE_LIMITED')],
    ['the node was not reached', failed('NODE_UNAVAILABLE', { outcome: 'NOT_SENT' })],
  ])('is that nothing was done where %s', (_what, sent) => {
    expect(mutationOutcomeOf(sent, ONE)).toMatchObject({ outcome: 'NOT_DONE' });
  });

  const turnedAway = (...path: string[]) => ({
    ...{ kind: 'answer' as const, data: null },
    errors: [{ message: 'no', code: 'BAD_USER_INPUT', path, extensions: {} }],
  });

  it.each([
    ONE,
    'mutation { b: placeOrder(text: "} x { y") @include(if: true) { order { id legs { id } } } }',
    'fragment F on Order { id } mutation M($a: Int @d(x: 1)) { b: x(a: $a) { ...F } } # { c }',
    'mutation { x { ...F } } fragment F on Order { id legs { id } }',
  ])('is that nothing was done where its one field was turned away: %s', (document) => {
    expect(mutationOutcomeOf(turnedAway('b'), document).outcome).toBe('NOT_DONE');
  });

  it.each([
    'mutation { a: placeOrder { existed } b: placeOrder { existed } }',
    'mutation { placeOrder { existed } cancelOrder { id } }',
    'mutation { ...M } fragment M on Mutation { a: x { id } b: x { id } }',
    'mutation { ... on Mutation { a: x { id } } b: x { id } }',
  ])('is nothing where another field may have been done before: %s', (document) => {
    expect(mutationOutcomeOf(turnedAway('b'), document).outcome).toBe('UNKNOWN');
    // What was refused as a whole has no path.
    expect(mutationOutcomeOf(turnedAway(), document).outcome).toBe('NOT_DONE');
  });
});
