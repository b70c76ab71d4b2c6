import type { Directory, Member } from '@stoa/schema';
import { describe, expect, it } from 'vitest';
import { listedInstruments, requireVenue } from './venue-standing.ts';

const KEY = 'ab'.repeat(32);
const SIGNER = '0x00000000000000000000000000000000000000Aa';
const always = { validFrom: 0, validTo: 0 };

function directory(change: Partial<Member> = {}): Directory {
  const member: Member = {
    id: 'alpha',
    kind: 'venue',
    status: 'active',
    nodeKeys: [{ key: KEY, ...always }],
    signers: [{ address: SIGNER, ...always }],
    ...change,
  };
  return {
    blockNumber: 1n,
    members: new Map([['alpha', member]]),
    instruments: new Map(),
    listings: [],
  };
}

describe('what a node must be before it starts', () => {
  const identity = { venue: 'alpha', publicKey: KEY, signer: SIGNER.toLowerCase() };

  it('is a standing venue with its own key and signer', () => {
    expect(() => requireVenue(directory(), identity)).not.toThrow();
    expect(() => requireVenue(directory({ status: 'ceasing' }), identity)).not.toThrow();
  });

  it.each([
    ['of another kind', directory({ kind: 'broker' }), identity, 'NOT_A_VENUE'],
    ['suspended', directory({ status: 'suspended' }), identity, 'NOT_A_VENUE'],
    ['unknown', directory(), { ...identity, venue: 'beta' }, 'NOT_A_VENUE'],
    ['of another key', directory(), { ...identity, publicKey: 'cd'.repeat(32) }, 'NOT_A_VENUE'],
    [
      'of an expired key',
      directory({ nodeKeys: [{ key: KEY, validFrom: 0, validTo: 1 }] }),
      identity,
      'NOT_A_VENUE',
    ],
    ['of another signer', directory({ signers: [] }), identity, 'NOT_ITS_SIGNER'],
  ])('does not start %s', (_what, registries, said, code) => {
    expect(() => requireVenue(registries, said)).toThrow(expect.objectContaining({ code }));
  });

  it('lists something', () => {
    expect(() => listedInstruments(directory(), 'alpha')).toThrow(
      expect.objectContaining({ code: 'NOTHING_LISTED' }),
    );
  });
});
