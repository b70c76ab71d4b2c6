/** A range of sequence numbers, both ends inclusive. */
export interface SequenceRange {
  readonly from: number;
  readonly to: number;
}

/** What a sequence number is to a node at this moment. */
export type SequenceStanding =
  /** The one after the last. */
  | 'next'
  /** Beyond the next: something before it is missing. */
  | 'ahead'
  /** Missing so far, or wanted as history of a venue that was met in the middle. */
  | 'wanted'
  | 'taken'
  /** Before what this node ever follows, or given up. */
  | 'closed';

/** Where a node stands in an epoch that its venue has ended. */
export interface PastPosition {
  readonly position: FeedPosition;
  /** It has all of that epoch, and comes next to the one after it. */
  readonly isFollowing: boolean;
}

/** So many frames beyond a gap are remembered; a longer tail means that the gap is given up. */
const MAX_AHEAD = 4_096;
/** So many frames before the first one heard are wanted at most. */
const MAX_HISTORY = 65_536;

/**
 * Which frames of one epoch of one venue this node has, in constant space: everything up to the
 * floor, some beyond it, and for a venue that was met in the middle some older ones it still asks for.
 *
 * Plain bookkeeping, without clock or network. Frames are never held back until a gap is filled: a
 * BOOK entry is whole, so the latest one is right whatever came before it.
 */
export class FeedPosition {
  readonly epoch: number;
  readonly #first: number;
  /** The lowest number that was ever wanted. */
  #since: number;
  #floor: number;
  #highest: number;
  readonly #ahead = new Set<number>();
  readonly #history = new Set<number>();

  /** Starts at the first frame that was heard, with up to `historyFrames` before it still wanted. */
  constructor(epoch: number, firstSequence: number, historyFrames: number) {
    this.epoch = epoch;
    this.#floor = firstSequence;
    this.#highest = firstSequence;
    this.#first = firstSequence;
    this.#since = firstSequence;
    this.wantSince(firstSequence - historyFrames);
  }

  /** Wants the frames from here to the first one that was heard, too. */
  wantSince(sequence: number): void {
    const from = Math.max(1, sequence, this.#first - MAX_HISTORY);
    for (let wanted = from; wanted < this.#since; wanted += 1) this.#history.add(wanted);
    this.#since = Math.min(this.#since, from);
  }

  /** The highest sequence up to which nothing is missing that was not given up. */
  get floor(): number {
    return this.#floor;
  }

  /** The highest sequence taken. */
  get highest(): number {
    return this.#highest;
  }

  /** Whether frames are missing between those taken: the venue's state is then not certain. */
  get hasGap(): boolean {
    return this.#highest > this.#floor;
  }

  standing(sequence: number): SequenceStanding {
    if (this.#history.has(sequence)) return 'wanted';
    if (sequence <= this.#floor) return 'closed';
    if (this.#ahead.has(sequence)) return 'taken';
    if (sequence === this.#floor + 1 && !this.hasGap) return 'next';
    return sequence > this.#highest ? 'ahead' : 'wanted';
  }

  /** Marks a frame as taken; returns what had to be given up for it, which is rare. */
  take(sequence: number): SequenceRange | undefined {
    if (this.#history.delete(sequence) || sequence <= this.#floor) return undefined;
    this.#ahead.add(sequence);
    this.#highest = Math.max(this.#highest, sequence);
    this.#raise();
    return this.#ahead.size > MAX_AHEAD ? this.giveUpGap() : undefined;
  }

  /** The lowest run of missing frames between those taken. */
  gap(): SequenceRange | undefined {
    if (!this.hasGap) return undefined;
    let to = this.#floor + 1;
    while (to < this.#highest && !this.#ahead.has(to + 1)) to += 1;
    return { from: this.#floor + 1, to };
  }

  /** The older frames that are still wanted. */
  history(): SequenceRange | undefined {
    if (this.#history.size === 0) return undefined;
    let from = Number.POSITIVE_INFINITY;
    let to = 0;
    for (const sequence of this.#history) {
      from = Math.min(from, sequence);
      to = Math.max(to, sequence);
    }
    return { from, to };
  }

  /** Stops waiting for the lowest gap; returns what was in it. */
  giveUpGap(): SequenceRange | undefined {
    if (!this.hasGap) return undefined;
    const from = this.#floor + 1;
    while (!this.#ahead.has(this.#floor + 1)) this.#floor += 1;
    const to = this.#floor;
    this.#raise();
    return { from, to };
  }

  giveUpHistory(): void {
    this.#history.clear();
  }

  #raise(): void {
    while (this.#ahead.delete(this.#floor + 1)) this.#floor += 1;
  }
}
