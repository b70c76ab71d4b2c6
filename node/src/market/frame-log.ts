import type { FramesRequest, VenueId } from '@stoa/schema';
import type { FrameLogOptions, LoggedFrame } from './logged-frame.ts';
import { VenueFrames } from './venue-frames.ts';

/**
 * The recent frames of every venue's current epoch, our own and others', in bounded memory: what this
 * node answers requests from, and what a second frame of the same number is compared with.
 */
export class FrameLog {
  readonly #options: FrameLogOptions;
  readonly #venues = new Map<VenueId, VenueFrames>();

  constructor(options: FrameLogOptions) {
    this.#options = options;
  }

  /** Keeps a copy of a frame; the first of a new epoch drops what the venue said before. */
  add(logged: LoggedFrame): void {
    const { venue, epoch } = logged.frame;
    let frames = this.#venues.get(venue);
    if (frames?.epoch !== epoch) {
      frames = new VenueFrames(venue, epoch, this.#options);
      this.#venues.set(venue, frames);
    }
    frames.add(logged);
  }

  get(venue: VenueId, epoch: number, sequence: number): LoggedFrame | undefined {
    return this.#of(venue, epoch)?.get(sequence);
  }

  /** The bytes of a range's frames that are still here, in order of sequence. */
  *range(request: FramesRequest): Generator<Uint8Array> {
    const frames = this.#of(request.venue, request.epoch);
    if (!frames) return;
    // The range is the asker's and may be huge; what is here is not.
    const held = [...frames.sequences()]
      .filter((sequence) => sequence >= request.from && sequence <= request.to)
      .sort((one, other) => one - other);
    for (const sequence of held) {
      const bytes = frames.bytes(sequence);
      if (bytes) yield bytes;
    }
  }

  /** The epoch that is held of a venue: its running one. */
  epoch(venue: VenueId): number | undefined {
    return this.#venues.get(venue)?.epoch;
  }

  /** The lowest number held of a venue's epoch; undefined where nothing of it is here. */
  lowest(venue: VenueId, epoch: number): number | undefined {
    let lowest: number | undefined;
    for (const sequence of this.#of(venue, epoch)?.sequences() ?? []) {
      if (lowest === undefined || sequence < lowest) lowest = sequence;
    }
    return lowest;
  }

  /** Drops everything of a venue that left the network. */
  drop(venue: VenueId): void {
    this.#venues.delete(venue);
  }

  #of(venue: VenueId, epoch: number): VenueFrames | undefined {
    const frames = this.#venues.get(venue);
    return frames?.epoch === epoch ? frames : undefined;
  }
}
