import type { Frame } from '@stoa/schema';

/** A frame that was judged and taken, with the bytes that prove it. The log keeps it without entries. */
export interface LoggedFrame {
  readonly frame: Frame;
  /** The SignedFrame as it arrived; it is passed on as it stands. */
  readonly bytes: Uint8Array;
  /** SHA-256 of the payload. */
  readonly hash: Uint8Array;
}

export interface FrameLogOptions {
  /** Per venue; the oldest leave first. */
  readonly maxFrames: number;
  readonly maxBytes: number;
}
