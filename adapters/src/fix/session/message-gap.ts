const MAX_TRIES = 3;

/** A range of numbers to ask for. */
export interface GapRange {
  readonly begin: number;
  readonly end: number;
}

/** Messages that are missing, and how they are asked for: in chunks, again when they do not come. */
export class MessageGap {
  readonly #to: number;
  readonly #chunk: number;
  readonly #timeoutMs: number;
  #chunkEnd = 0;
  #askedAtMs = 0;
  #tries = 0;

  /** @param chunk Messages asked for at once; 0: all. */
  constructor(to: number, chunk: number, timeoutMs: number) {
    this.#to = to;
    this.#chunk = chunk;
    this.#timeoutMs = timeoutMs;
  }

  isFilled(nextIn: number): boolean {
    return nextIn > this.#to;
  }

  /** The next part to ask for; undefined while one that was asked for is not here yet. */
  next(nextIn: number, nowMs: number): GapRange | undefined {
    if (nextIn <= this.#chunkEnd || this.isFilled(nextIn)) return undefined;
    this.#tries = 0;
    return this.#ask(nextIn, nowMs);
  }

  /** What to ask for again for want of an answer; `lost` when that was done often enough. */
  overdue(nextIn: number, nowMs: number): GapRange | 'lost' | undefined {
    if (nowMs - this.#askedAtMs < this.#timeoutMs) return undefined;
    return this.#tries === MAX_TRIES ? 'lost' : this.#ask(nextIn, nowMs);
  }

  #ask(nextIn: number, nowMs: number): GapRange {
    const all = this.#chunk === 0;
    this.#chunkEnd = all ? this.#to : Math.min(this.#to, nextIn + this.#chunk - 1);
    this.#askedAtMs = nowMs;
    this.#tries += 1;
    return { begin: nextIn, end: this.#chunkEnd };
  }
}
