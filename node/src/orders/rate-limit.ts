/** So many a second in the long run, and so many at once. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

interface Bucket {
  /** In thousandths of a token, so that time in milliseconds fills it without fractions. */
  thousandths: number;
  filledAtMs: number;
}

/** Buckets that are kept; beyond it full ones go, which are as good as none. */
const MAX_BUCKETS = 10_000;

/**
 * Token buckets by name. Every bucket begins full and holds `burst`; a request takes one token, and
 * one that finds none takes nothing and is told how long the next token takes.
 */
export class RateLimits {
  readonly #buckets = new Map<string, Bucket>();

  /** How long to wait, in milliseconds; 0 where the request may go ahead, and was counted. */
  take(name: string, { perSecond, burst }: Rate, nowMs: number): number {
    const bucket = this.#filled(name, { perSecond, burst }, nowMs);
    if (bucket.thousandths < 1_000) {
      return Math.ceil((1_000 - bucket.thousandths) / perSecond);
    }
    bucket.thousandths -= 1_000;
    return 0;
  }

  #filled(name: string, { perSecond, burst }: Rate, nowMs: number): Bucket {
    const known = this.#buckets.get(name);
    if (!known) {
      const fresh = { thousandths: burst * 1_000, filledAtMs: nowMs };
      if (this.#buckets.size >= MAX_BUCKETS) this.#forgetIdle(nowMs);
      this.#buckets.set(name, fresh);
      return fresh;
    }
    // A clock that was set back fills nothing, and must not empty the bucket either.
    const elapsedMs = Math.max(0, nowMs - known.filledAtMs);
    known.thousandths = Math.min(burst * 1_000, known.thousandths + elapsedMs * perSecond);
    known.filledAtMs = nowMs;
    return known;
  }

  /** The names are members, so there are few: those that wait longest go. */
  #forgetIdle(nowMs: number): void {
    for (const [name, { filledAtMs }] of this.#buckets) {
      if (nowMs - filledAtMs > 60_000) this.#buckets.delete(name);
    }
    for (const name of this.#buckets.keys()) {
      if (this.#buckets.size < MAX_BUCKETS) break;
      this.#buckets.delete(name);
    }
  }
}
