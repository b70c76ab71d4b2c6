import type { Frame, FramesRequest, VenueId } from '@stoa/schema';

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

interface VenueLog {
  readonly epoch: number;
  /** In order of arrival, which for the frames that matter is order of sequence. */
  readonly frames: Map<number, LoggedFrame>;
  bytes: number;
}

/**
 * The recent frames of every venue's current epoch, our own and others', in bounded memory: what this
 * node answers requests from, and what a second frame of the same number is compared with.
 */
export class FrameLog {
  readonly #options: FrameLogOptions;
  readonly #venues = new Map<VenueId, VenueLog>();

  constructor(options: FrameLogOptions) {
    this.#options = options;
  }

  /** Keeps a frame, and returns it as kept; the first of a new epoch drops what the venue said before. */
  add(logged: LoggedFrame): LoggedFrame {
    const { venue, epoch, sequence } = logged.frame;
    let log = this.#venues.get(venue);
    if (log?.epoch !== epoch) {
      log = { epoch, frames: new Map(), bytes: 0 };
      this.#venues.set(venue, log);
    }
    // What it said is in its bytes and in the books by now; decoded once more it would weigh several
    // times what the bound counts.
    const kept: LoggedFrame = { ...logged, frame: { ...logged.frame, entries: [] } };
    log.frames.set(sequence, kept);
    log.bytes += logged.bytes.length;
    for (const [oldest, { bytes }] of log.frames) {
      const fits =
        log.frames.size <= this.#options.maxFrames && log.bytes <= this.#options.maxBytes;
      if (fits) break;
      log.frames.delete(oldest);
      log.bytes -= bytes.length;
    }
    return kept;
  }

  get(venue: VenueId, epoch: number, sequence: number): LoggedFrame | undefined {
    const log = this.#venues.get(venue);
    return log?.epoch === epoch ? log.frames.get(sequence) : undefined;
  }

  /** The bytes of a range's frames that are still here, in order of sequence. */
  *range(request: FramesRequest): Generator<Uint8Array> {
    const log = this.#venues.get(request.venue);
    if (log?.epoch !== request.epoch) return;
    // The range is the asker's and may be huge; what is here is not.
    const held = [...log.frames.keys()]
      .filter((sequence) => sequence >= request.from && sequence <= request.to)
      .sort((one, other) => one - other);
    for (const sequence of held) {
      const logged = log.frames.get(sequence);
      if (logged) yield logged.bytes;
    }
  }

  /** The epoch that is held of a venue: its running one. */
  epoch(venue: VenueId): number | undefined {
    return this.#venues.get(venue)?.epoch;
  }

  /** The lowest number held of a venue's epoch; undefined where nothing of it is here. */
  lowest(venue: VenueId, epoch: number): number | undefined {
    const log = this.#venues.get(venue);
    if (log?.epoch !== epoch) return undefined;
    let lowest: number | undefined;
    for (const sequence of log.frames.keys()) {
      if (lowest === undefined || sequence < lowest) lowest = sequence;
    }
    return lowest;
  }

  /** Drops everything of a venue that left the network. */
  drop(venue: VenueId): void {
    this.#venues.delete(venue);
  }
}
