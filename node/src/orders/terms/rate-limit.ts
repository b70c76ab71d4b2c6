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

/** Buckets that are kept; beyond it the one that was used longest ago goes. */
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
    const bucket = known ?? { thousandths: burst * 1_000, filledAtMs: nowMs };
    if (known) {
      // A clock that was set back fills nothing, and must not empty the bucket either.
      const elapsedMs = Math.max(0, nowMs - known.filledAtMs);
      known.thousandths = Math.min(burst * 1_000, known.thousandths + elapsedMs * perSecond);
      known.filledAtMs = nowMs;
      // In the order of use, so that making room costs the same however many there are.
      this.#buckets.delete(name);
    } else if (this.#buckets.size >= MAX_BUCKETS) {
      const oldest = this.#buckets.keys().next().value;
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    this.#buckets.set(name, bucket);
    return bucket;
  }
}
