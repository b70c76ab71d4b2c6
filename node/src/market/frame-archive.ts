import type { FramesRequest, Head, VenueId } from '@stoa/schema';
import type { EquivocationProof } from './judgement-record.ts';
import type { LoggedFrame } from './logged-frame.ts';

/** Frames of one venue by when the venue sent them, newest first by (epoch, sequence). */
export interface RecordedRange {
  readonly venue: VenueId;
  /** Unix milliseconds of the venue's clock, both ends inclusive. */
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Frames beyond memory. A node with a store has one; a gateway has none, and its market is the same
 * but for what it remembers. Nothing here may hold up the market: writing is a queue of bounded size,
 * and what does not fit is counted and forgotten.
 */
export interface FrameArchive {
  /** Queues a frame that was taken, even one that `counts` for nothing; never waits. */
  keep(logged: LoggedFrame, how: { readonly receivedAtMs: number; readonly counts: boolean }): void;
  /** Queues a proof; never waits. */
  keepProof(proof: EquivocationProof): void;
  /** SignedFrames of a range, in order of sequence, at most `most` of them. */
  range(request: FramesRequest, most: number): Promise<readonly Uint8Array[]>;
  /** The first epoch of a venue after another one, of those that are here. */
  epochAfter(venue: VenueId, epoch: number): Promise<number | undefined>;
  /** The last frame of a venue that was received before a moment; Unix milliseconds. */
  latest(venue: VenueId, beforeMs: number): Promise<Omit<Head, 'hash'> | undefined>;
  /** Venues that sent anything within a time. */
  venues(range: Omit<RecordedRange, 'venue'>): Promise<readonly VenueId[]>;
  /** SignedFrames that a venue sent within a time, newest first, in pages. */
  newestFirst(range: RecordedRange): AsyncIterable<readonly Uint8Array[]>;
  /** SignedFrames with trades that counted and were sent at or after a moment, in pages. */
  withTrades(sinceMs: number): AsyncIterable<readonly Uint8Array[]>;
  /** The latest proofs, oldest first. */
  proofs(most: number): Promise<readonly EquivocationProof[]>;
}
