/** At most so many requests a second, in their order; those that come faster wait. */
export class RequestPace {
  readonly #intervalMs: number;
  readonly #burst: number;
  readonly #maxWaiting: number;
  readonly #nowMs: () => number;
  /** When the next request would be due if none were saved up. */
  #nextAtMs = 0;
  #waiting = 0;

  constructor(perSecond: number, maxWaiting: number, nowMs: () => number) {
    this.#intervalMs = 1_000 / perSecond;
    this.#burst = Math.max(1, perSecond / 10);
    this.#maxWaiting = maxWaiting;
    this.#nowMs = nowMs;
  }

  /** Resolves when it is this request's turn; undefined if it is now; false where too many wait. */
  take(): Promise<void> | undefined | false {
    const nowMs = this.#nowMs();
    const earliest = nowMs - this.#burst * this.#intervalMs;
    const waitMs = Math.max(this.#nextAtMs, earliest) - nowMs;
    if (waitMs > 0 && this.#waiting >= this.#maxWaiting) return false;
    this.#nextAtMs = Math.max(this.#nextAtMs, earliest) + this.#intervalMs;
    if (waitMs <= 0) return undefined;
    this.#waiting += 1;
    return new Promise((resolve) =>
      setTimeout(() => {
        this.#waiting -= 1;
        resolve();
      }, waitMs),
    );
  }

  /** The venue wants fewer: nothing goes out for so long. */
  rest(ms: number): void {
    this.#nextAtMs = Math.max(this.#nextAtMs, this.#nowMs()) + ms;
  }
}
