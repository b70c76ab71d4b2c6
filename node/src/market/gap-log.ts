import type { VenueId } from '@stoa/schema';
import type { FeedPosition } from './feed-position.ts';

/** Frames of one venue that were missing between others; Unix milliseconds of this node's clock. */
export interface FrameGap {
  readonly venue: VenueId;
  readonly epoch: number;
  /** The first and the last that were missing. */
  readonly from: number;
  readonly to: number;
  readonly sinceMs: number;
  /** Undefined while they are asked for. */
  readonly endedMs: number | undefined;
  /** Frames of it that were given up. */
  readonly lost: number;
  /** It ended because its epoch did, or its venue left, and not because nothing was missing any more. */
  readonly cut: boolean;
}

type OpenGap = { -readonly [Key in keyof FrameGap]: FrameGap[Key] };

/** Gaps that are remembered; the oldest leave. */
const MAX_GAPS = 500;

/**
 * The gaps of all venues' feeds, for an operator who wants to know what was missed. One is open from the
 * first missing number until nothing is missing, however it moved meanwhile.
 */
export class GapLog {
  readonly #gaps: OpenGap[] = [];
  readonly #open = new Map<VenueId, OpenGap>();

  /** Looks at where a feed stands, after anything that may have moved it. */
  look(venue: VenueId, position: FeedPosition, nowMs: number): void {
    const open = this.#open.get(venue);
    if (open && open.epoch !== position.epoch) {
      this.drop(venue, nowMs);
      this.look(venue, position, nowMs);
    } else if (!position.hasGap) {
      if (open) this.#end(open, nowMs);
    } else if (open) {
      open.to = Math.max(open.to, position.highest - 1);
    } else {
      const { epoch, floor, highest } = position;
      const gap = { venue, epoch, from: floor + 1, to: highest - 1 };
      this.#begin({ ...gap, sinceMs: nowMs, endedMs: undefined, lost: 0, cut: false });
    }
  }

  /** Frames of a venue were given up. */
  lose(venue: VenueId, frames: number): void {
    // A gap too long to be remembered is given up as it is taken notice of, and may have ended by now.
    const gap = this.#open.get(venue) ?? this.#gaps.findLast((one) => one.venue === venue);
    if (gap) gap.lost += frames;
  }

  /** The venue's node started again, or the venue left: what it missed stays. */
  drop(venue: VenueId, nowMs: number): void {
    const open = this.#open.get(venue);
    if (!open) return;
    open.cut = true;
    this.#end(open, nowMs);
  }

  /** The oldest first. */
  list(): readonly FrameGap[] {
    return this.#gaps.map((gap) => ({ ...gap }));
  }

  #begin(gap: OpenGap): void {
    if (this.#gaps.length >= MAX_GAPS) this.#gaps.shift();
    this.#gaps.push(gap);
    this.#open.set(gap.venue, gap);
  }

  #end(gap: OpenGap, nowMs: number): void {
    gap.endedMs = nowMs;
    this.#open.delete(gap.venue);
  }
}
