import type { QuoteState } from './market-view.ts';

/** What is known of a venue's feed at a moment. */
export interface FeedSigns {
  /** When the last fresh frame arrived, by our clock; undefined while none has. */
  readonly lastFreshMs: number | undefined;
  /** Frames are missing and being fetched. */
  readonly isMissingFrames: boolean;
}

/** The state of a venue's quotes. Silence weighs more than a gap: what is stale is not even certain. */
export function quoteStateOf(signs: FeedSigns, nowMs: number, staleAfterMs: number): QuoteState {
  if (signs.lastFreshMs === undefined) return 'silent';
  if (nowMs - signs.lastFreshMs > staleAfterMs) return 'stale';
  return signs.isMissingFrames ? 'degraded' : 'live';
}
