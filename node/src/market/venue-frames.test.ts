import { seededRandom } from '@stoa/adapters/seeded-random';
import { describe, expect, it } from 'vitest';
import type { LoggedFrame } from './logged-frame.ts';
import { VenueFrames } from './venue-frames.ts';

const EPOCH = 1_700_000_000_000;

function frameOf(sequence: number, length: number): LoggedFrame {
  const filled = (size: number, value: number) => new Uint8Array(size).fill(value % 251);
  return {
    frame: {
      ...{ version: 1, venue: 'alpha', epoch: EPOCH, sequence, sentAtMs: EPOCH + sequence },
      ...{ previousHash: filled(32, sequence + 1), entries: [] },
    },
    bytes: filled(length, sequence + 2),
    hash: filled(32, sequence + 3),
  };
}

/** What a plain map of objects would keep, oldest first. */
function plainly(added: readonly LoggedFrame[], maxFrames: number, maxBytes: number) {
  const kept: LoggedFrame[] = [];
  for (const one of added) {
    kept.push(one);
    const total = () => kept.reduce((sum, { bytes }) => sum + bytes.length, 0);
    while (kept.length > maxFrames || total() > maxBytes) kept.shift();
  }
  return kept;
}

describe('the frames held of a venue', () => {
  it.each([
    { maxFrames: 40, maxBytes: 1_000_000 },
    { maxFrames: 10_000, maxBytes: 150_000 },
    { maxFrames: 700, maxBytes: 400_000 },
  ])('are the latest, byte for byte, within $maxFrames frames and $maxBytes bytes', (options) => {
    const random = seededRandom(options.maxFrames);
    const frames = new VenueFrames('alpha', EPOCH, options);
    const added: LoggedFrame[] = [];
    for (let sequence = 1; sequence <= 1_500; sequence += 1) {
      // Large ones first: the ring then grows when its oldest is no longer the first.
      const largest = sequence < 700 ? 4_000 : 300;
      const frame = frameOf(sequence, 1 + Math.floor(random.next() * largest));
      added.push(frame);
      frames.add(frame);
    }
    const kept = plainly(added, options.maxFrames, options.maxBytes);
    expect([...frames.sequences()]).toEqual(kept.map(({ frame }) => frame.sequence));
    for (const one of kept) expect(frames.get(one.frame.sequence)).toEqual(one);
    expect(frames.get((kept[0]?.frame.sequence ?? 0) - 1)).toBeUndefined();
  });

  it('keep the first of two frames of one number', () => {
    const frames = new VenueFrames('alpha', EPOCH, { maxFrames: 10, maxBytes: 10_000 });
    frames.add(frameOf(1, 10));
    frames.add({ ...frameOf(1, 20), hash: new Uint8Array(32) });
    expect(frames.get(1)).toEqual(frameOf(1, 10));
    expect(frames.bytes(1)).toHaveLength(10);
  });
});
