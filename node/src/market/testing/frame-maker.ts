import {
  type BookEntry,
  type Entry,
  encodeFrame,
  encodeSigned,
  type Frame,
  type InstrumentId,
  type NodeKey,
  payloadHash,
} from '@stoa/schema';
import { testKey } from '../../network/testing/memory-directory.ts';

/** A moment that tests count from. */
export const TEST_NOW_MS = 1_700_000_000_000;

/** Encodes and signs a frame as a venue does; what is not given is the first frame of a test epoch. */
export function signedFrame(part: Partial<Frame> & { venue: string }, key?: NodeKey): Uint8Array {
  const payload = encodeFrame({
    ...{ version: 1, epoch: TEST_NOW_MS - 60_000, sequence: 1, sentAtMs: TEST_NOW_MS },
    ...{ previousHash: new Uint8Array(32), entries: [] },
    ...part,
  });
  const signature = (key ?? testKey(part.venue)).sign('frame', payload);
  return encodeSigned({ payload, signature });
}

/** Frames of one venue and epoch, each naming the one before it. */
export function frameChain(venue: string, epoch = TEST_NOW_MS - 60_000) {
  let sequence = 0;
  let previousHash: Uint8Array = new Uint8Array(32);
  return (entries: readonly Entry[], sentAtMs = TEST_NOW_MS): Uint8Array => {
    sequence += 1;
    const payload = encodeFrame({
      ...{ version: 1, venue, epoch, sequence, sentAtMs, previousHash, entries },
    });
    previousHash = payloadHash(payload);
    return encodeSigned({ payload, signature: testKey(venue).sign('frame', payload) });
  };
}

/** A firm book of pairs `[price, quantity]`, valid for a minute of test time. */
export function bookEntry(
  instrument: InstrumentId,
  bids: readonly (readonly [number, number])[],
  offers: readonly (readonly [number, number])[],
  part: Partial<BookEntry> = {},
): BookEntry {
  const levels = (pairs: readonly (readonly [number, number])[]) =>
    pairs.map(([price, quantity]) => ({ price, quantity }));
  return {
    ...{ kind: 'book', instrument, firm: true, validUntilMs: TEST_NOW_MS + 60_000 },
    ...{ bids: levels(bids), offers: levels(offers) },
    ...part,
  };
}
