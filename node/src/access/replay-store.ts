/** Remembers what must be used once, for as long as it could be used. */
export interface ReplayStore {
  /**
   * Takes a use: `first` where it is the first one, `replayed` where it is not, `full` where nothing more
   * can be remembered, in which case it must be refused.
   */
  take(id: string, untilMs: number, nowMs: number): 'first' | 'replayed' | 'full';
}

/** Some 3,000 uses a second, for as long as a proof is good. */
const MAX_REMEMBERED = 200_000;

/** Creates a {@link ReplayStore} in memory, bounded. Ids are digests: their makers choose their length. */
export function createReplayStore(maxRemembered = MAX_REMEMBERED): ReplayStore {
  const untilMsOf = new Map<string, number>();

  /** Uses come about in the order in which they end, so whatever has ended stands at the front. */
  function forgetEnded(nowMs: number): void {
    for (const [id, untilMs] of untilMsOf) {
      if (untilMs > nowMs) return;
      untilMsOf.delete(id);
    }
  }

  return {
    take(id, untilMs, nowMs) {
      forgetEnded(nowMs);
      if ((untilMsOf.get(id) ?? 0) > nowMs) return 'replayed';
      if (untilMsOf.size >= maxRemembered) return 'full';
      untilMsOf.delete(id);
      untilMsOf.set(id, untilMs);
      return 'first';
    },
  };
}
