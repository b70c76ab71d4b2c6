import type { SeededRandom } from '@stoa/adapters/seeded-random';
import { encodeSigned, type Frame, payloadHash, type SignaturePurpose } from '@stoa/schema';
import {
  type GenuineFrame,
  type HostileWorld,
  maxClockSkewMs,
  nowMs,
  observer,
  otherVenue,
  signFrame,
  staleAfterMs,
  stranger,
  testKeyOf,
  venue,
} from './hostile-world.ts';
import { lieAboutLength } from './length-lies.ts';

/** Bytes that must never be accepted, and how they may arrive. */
export interface Attack {
  readonly bytes: Uint8Array;
  /** Both ways unless told: what a node asked for may be older than what is pushed. */
  readonly arrival?: 'pushed' | 'pulled';
  /** The node it is tried on; either unless told. */
  readonly node?: 'following' | 'fresh';
}

/** Makes one attack; undefined where chance made nothing of it. */
type Mutation = (random: SeededRandom, world: HostileWorld) => Attack | undefined;

/** Every kind of bad frame, by the name it is counted under. */
export const mutations: Readonly<Record<string, Mutation>> = {
  'bit-flip': (random, world) => {
    const bytes = Uint8Array.from(random.pick(world.genuine).bytes);
    for (let count = random.between(1, 8); count > 0; count -= 1) {
      const at = random.between(0, bytes.length - 1);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.between(0, 7));
    }
    return { bytes };
  },
  truncation: (random, world) => {
    const { bytes } = random.pick(world.genuine);
    const from = random.between(0, 3) === 0 ? random.between(0, bytes.length - 1) : 0;
    return { bytes: bytes.subarray(from, random.between(from, bytes.length - (from > 0 ? 0 : 1))) };
  },
  'length-lie': (random, world) => ({
    bytes: lieAboutLength(random.pick(world.genuine).bytes, random),
  }),
  replay: (random, world) => {
    if (random.between(0, 1) === 0)
      return { bytes: random.pick(world.taken).bytes, node: 'following' };
    // Of an epoch that is over: a node that has met the venue knows, to another one it is too old.
    const { bytes } = random.pick(world.earlier);
    return random.between(0, 1) === 0
      ? { bytes, node: 'following' }
      : { bytes, node: 'fresh', arrival: 'pushed' };
  },
  'swapped-signature': (random, world) => {
    const one = random.pick(world.genuine);
    const other = random.pick(world.genuine);
    const purpose = random.pick<SignaturePurpose | 'frame-of-another'>([
      'heads',
      'order',
      'frame-of-another',
    ]);
    const { payload } = one.signed;
    if (purpose !== 'frame-of-another') {
      // The right key, over the right bytes, for something else.
      const signature = testKeyOf(one.frame.venue).sign(purpose, payload);
      return { bytes: encodeSigned({ payload, signature }) };
    }
    return one === other
      ? undefined
      : { bytes: encodeSigned({ payload, signature: other.signed.signature }) };
  },
  'wrong-venue': (random, world) => {
    const { frame } = random.pick(world.genuine);
    const named = random.pick([venue, otherVenue, observer, stranger]);
    const signer = random.pick([venue, otherVenue, observer, stranger]);
    // A venue that signs for itself is in the right.
    if (named === signer && named !== observer && named !== stranger) return undefined;
    return { bytes: signFrame({ ...frame, venue: named }, signer).bytes };
  },
  'future-time': (random, world) => {
    const { frame } = random.pick(world.genuine);
    const laterMs = nowMs + maxClockSkewMs + 1 + Math.floor(random.next() ** 4 * 1e12);
    const changed =
      random.between(0, 1) === 0 ? { ...frame, sentAtMs: laterMs } : { ...frame, epoch: laterMs };
    return { bytes: signedByChance(random, changed) };
  },
  'past-time': (random, world) => {
    const { frame } = random.pick(world.genuine);
    const ageMs = maxClockSkewMs + staleAfterMs + 1 + Math.floor(random.next() ** 4 * 1e12);
    const changed = { ...frame, sentAtMs: nowMs - ageMs };
    return { bytes: signedByChance(random, changed), arrival: 'pushed' };
  },
  'sequence-jump': jumpSequence,
  'epoch-reuse': reuseEpoch,
};

/** Numbers that are not the frame's: forged by others, or by the venue itself against its own chain. */
function jumpSequence(random: SeededRandom, world: HostileWorld): Attack | undefined {
  const original = random.pick(world.genuine);
  const { frame } = original;
  const away = Math.floor(random.next() ** 4 * 1e9) + 1;
  const sequence = random.between(0, 1) === 0 ? frame.sequence + away : frame.sequence - away;
  switch (random.between(0, 2)) {
    case 0:
      return sequence < 0 ? undefined : { bytes: resigned({ ...frame, sequence }, original) };
    case 1:
      return sequence < 0
        ? undefined
        : { bytes: signFrame({ ...frame, sequence }, random.pick([stranger, observer])).bytes };
    default: {
      // The venue's own signature, under a number that the chain of hashes does not lead to.
      const last = lastTaken(world, frame.venue);
      const next = random.between(0, 1) === 0 ? last.frame.sequence + 1 : 1;
      const previousHash = payloadHash(Buffer.from(`${random.next()}`));
      const bytes = signFrame({ ...frame, sequence: next, previousHash }, frame.venue).bytes;
      return { bytes, node: 'following' };
    }
  }
}

/** An epoch's numbers given out a second time, or an epoch that is over taken up again. */
function reuseEpoch(random: SeededRandom, world: HostileWorld): Attack | undefined {
  const { frame } = random.pick(world.taken);
  if (random.between(0, 1) === 0) {
    const sentAtMs = frame.sentAtMs + random.between(1, 1_000);
    return { bytes: signFrame({ ...frame, sentAtMs }, frame.venue).bytes, node: 'following' };
  }
  const epoch = frame.epoch - 1 - Math.floor(random.next() ** 4 * 1e12);
  const changed: Frame = { ...frame, epoch, sequence: random.between(1, 1_000) };
  return { bytes: signFrame(changed, frame.venue).bytes, node: 'following' };
}

function lastTaken(world: HostileWorld, of: string): GenuineFrame {
  const last = world.taken.findLast(({ frame }) => frame.venue === of);
  if (!last) throw new Error('the venue said nothing');
  return last;
}

/** Signed by the venue itself, or by somebody who would like to be it. */
function signedByChance(random: SeededRandom, frame: Frame): Uint8Array {
  return signFrame(frame, random.pick([frame.venue, frame.venue, stranger, observer])).bytes;
}

/** The frame with the signature of what it was before. */
function resigned(frame: Frame, original: GenuineFrame): Uint8Array {
  const { payload } = signFrame(frame, frame.venue).signed;
  return encodeSigned({ payload, signature: original.signed.signature });
}
