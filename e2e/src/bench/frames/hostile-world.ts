import { createMarket, type Market } from '@stoa/node/market';
import { createLogger } from '@stoa/node/observer';
import { bookEntry, TEST_NOW_MS } from '@stoa/node/testing/frame-maker';
import { memoryDirectory, testInstrument, testKey } from '@stoa/node/testing/memory-directory';
import {
  type Entry,
  encodeFrame,
  encodeSigned,
  type Frame,
  payloadHash,
  type SignedBytes,
  type Verifier,
  verifierOf,
} from '@stoa/schema';
import { Registry } from 'prom-client';

/** Frames of one venue and epoch, in their order, as they were signed. */
export interface GenuineFrame {
  readonly frame: Frame;
  readonly signed: SignedBytes;
  readonly bytes: Uint8Array;
}

/** What an attacker has seen, and the nodes he tries it on. */
export interface HostileWorld {
  readonly nowMs: number;
  /** Frames that were said in the venues' current epochs: `taken` of each were heard. */
  readonly genuine: readonly GenuineFrame[];
  readonly taken: readonly GenuineFrame[];
  /** Frames of epochs that are over. */
  readonly earlier: readonly GenuineFrame[];
  /** A node that follows the venues, and one that has heard of nothing yet. */
  readonly following: Market;
  readonly fresh: Market;
}

export const nowMs = TEST_NOW_MS;
export const maxClockSkewMs = 2_000;
export const staleAfterMs = 3_000;
/** The venue that attacks are made on, another one, and members that may not publish. */
export const venue = 'alpha';
export const otherVenue = 'beta';
export const observer = 'watcher';
export const stranger = 'mallory';

const framesOfEach = 8;
const takenOfEach = 5;
const epoch = TEST_NOW_MS - 60_000;
const instruments = [testInstrument(1), testInstrument(2)];

export function signFrame(frame: Frame, by: string): GenuineFrame {
  const payload = encodeFrame(frame);
  const signed = { payload, signature: testKeyOf(by).sign('frame', payload) };
  return { frame, signed, bytes: encodeSigned(signed) };
}

/** {@link testKey}, made once: making one takes as long as several signatures. */
export function testKeyOf(name: string) {
  const known = keys.get(name) ?? testKey(name);
  keys.set(name, known);
  return known;
}

const keys = new Map<string, ReturnType<typeof testKey>>();

/** Two venues that have spoken, and two nodes: one that heard most of it, and one that heard nothing. */
export function createHostileWorld(): HostileWorld {
  const chains = [venue, otherVenue].map((name) => chainOf(name, epoch));
  const taken = chains.flatMap((chain) => chain.slice(0, takenOfEach));
  const following = createNode();
  for (const { bytes } of taken) {
    const { verdict } = following.receive(bytes, 'pushed', otherVenue);
    if (verdict !== 'accept') throw new Error('a genuine frame was not accepted');
  }
  return {
    nowMs,
    genuine: chains.flat(),
    taken,
    earlier: [venue, otherVenue].flatMap((name) => chainOf(name, epoch - 60_000)),
    following,
    fresh: createNode(),
  };
}

function createNode(): Market {
  return createMarket(
    { staleAfterMs, maxClockSkewMs },
    {
      directory: memoryDirectory([venue, otherVenue], [observer], instruments),
      logger: createLogger('frames', 'silent'),
      registry: new Registry(),
      now: () => nowMs,
      verifier: createVerifiers(),
      ownKey: '',
      peers: () => [],
      pull: async () => [],
    },
  );
}

function createVerifiers(): (publicKey: string) => Verifier {
  const verifiers = new Map<string, Verifier>();
  return (publicKey) => {
    const verifier = verifiers.get(publicKey) ?? verifierOf(publicKey);
    verifiers.set(publicKey, verifier);
    return verifier;
  };
}

/** Books, a trade and a halt, as a venue says them. */
function chainOf(name: string, epochMs: number): GenuineFrame[] {
  let previousHash: Uint8Array = new Uint8Array(32);
  return Array.from({ length: framesOfEach }, (_, at) => {
    const sentAtMs = Math.min(epochMs + 60_000, nowMs) - (framesOfEach - at) * 10;
    const one = signFrame(
      {
        ...{ version: 1, venue: name, epoch: epochMs, sequence: at + 1, sentAtMs, previousHash },
        entries: entriesOf(at, sentAtMs),
      },
      name,
    );
    previousHash = payloadHash(one.signed.payload);
    return one;
  });
}

function entriesOf(at: number, sentAtMs: number): Entry[] {
  const books = instruments.map(({ id }) =>
    bookEntry(
      id,
      Array.from({ length: 10 }, (_, level) => [990 - level, 5 + at] as const),
      Array.from({ length: 10 }, (_, level) => [1_010 + level, 5 + at] as const),
    ),
  );
  const instrument = instruments[at % instruments.length]?.id ?? '';
  const trade: Entry = {
    ...({ kind: 'trade', action: 'print', instrument, executionId: `t-${at}` } as const),
    ...{ price: 1_000, quantity: 3, executedAtMs: sentAtMs },
  };
  const status: Entry = {
    ...({ kind: 'status', instrument, state: 'trading', authority: 'venue' } as const),
    reason: 'opened',
  };
  return at % 2 === 0 ? [...books, trade] : [...books.slice(0, 1), status];
}
