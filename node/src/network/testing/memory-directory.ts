import {
  type Directory,
  type DirectorySource,
  type Instrument,
  type InstrumentId,
  instrumentIdOf,
  type Listing,
  type Member,
  type MemberId,
  type MemberKind,
  type NodeKey,
  nodeKeyFromSeed,
  payloadHash,
} from '@stoa/schema';

/** A directory that a test writes, in place of the registries on chain. */
export interface MemoryDirectory extends DirectorySource {
  /** Admits a member, or changes it; listeners hear of it at once. */
  setMember(member: Member): void;
  setListing(venue: MemberId, instrument: InstrumentId, status: Listing['status']): void;
}

/** The node key of a test's member: the same name, the same key. */
export function testSeed(name: string): Uint8Array {
  return new Uint8Array(payloadHash(Buffer.from(`seed of ${name}`)));
}

/** See {@link testSeed}. */
export function testKey(name: string): NodeKey {
  return nodeKeyFromSeed(testSeed(name));
}

/** An active member whose node key is {@link testKey} of its name. */
export function testMember(id: MemberId, kind: MemberKind): Member {
  const nodeKeys = [{ key: testKey(id).publicKey, validFrom: 0, validTo: 0 }];
  return { id, kind, status: 'active', nodeKeys, signers: [] };
}

/** The n-th instrument: prices in cents, whole units, tick 1. */
export function testInstrument(n: number): Instrument {
  const token = `0x${n.toString(16).padStart(40, '0')}` as const;
  return {
    id: instrumentIdOf(31_337, token),
    token,
    standard: 'ERC-3643',
    symbol: `T${n}`,
    name: `Test ${n}`,
    isin: '',
    issuer: 'issuer',
    tokenDecimals: 18,
    cashToken: `0x${'c'.repeat(40)}`,
    cashSymbol: 'USDX',
    cashDecimals: 6,
    priceDecimals: 2,
    quantityDecimals: 0,
    tickSize: 1,
    lotSize: 1,
  };
}

/** A directory of venues that all list all instruments, and of observers. */
export function memoryDirectory(
  venues: readonly MemberId[],
  observers: readonly MemberId[],
  instruments: readonly Instrument[],
): MemoryDirectory {
  const members = new Map<MemberId, Member>();
  for (const id of venues) members.set(id, testMember(id, 'venue'));
  for (const id of observers) members.set(id, testMember(id, 'observer'));
  const listings: Listing[] = venues.flatMap((venue) =>
    instruments.map(({ id }) => listing(venue, id, 'listed')),
  );
  let current: Directory = {
    blockNumber: 1n,
    members,
    instruments: new Map(instruments.map((instrument) => [instrument.id, instrument])),
    listings,
  };
  const listeners = new Set<(directory: Directory) => void>();
  const change = (part: Partial<Directory>): void => {
    current = { ...current, ...part, blockNumber: current.blockNumber + 1n };
    for (const listener of listeners) listener(current);
  };
  return {
    current: () => current,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    setMember: (member) => change({ members: new Map(current.members).set(member.id, member) }),
    setListing(venue, instrument, status) {
      const others = current.listings.filter(
        (one) => one.venue !== venue || one.instrument !== instrument,
      );
      change({ listings: [...others, listing(venue, instrument, status)] });
    },
  };
}

function listing(venue: MemberId, instrument: InstrumentId, status: Listing['status']): Listing {
  return { venue, instrument, status, exemption: 'reg-d-506c', evidenceHash: '0x' };
}
