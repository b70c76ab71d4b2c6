import type { TradeEntry, VenueId } from '@stoa/schema';
import type { LastTrade } from './market-view.ts';

/** So many trades of an instrument are remembered; a bust of an older one finds nothing to undo. */
const MAX_TRADES = 256;

interface TapedTrade {
  readonly entry: TradeEntry;
  readonly venue: VenueId;
  readonly epoch: number;
  readonly sequence: number;
}

/** The recent trades of one instrument, with corrections and busts applied in whatever order they come. */
export class TradeTape {
  readonly #trades = new Map<string, TapedTrade>();

  /** Takes in a print, a correction or a bust; the venue's latest word on a trade counts. */
  apply(venue: VenueId, entry: TradeEntry, epoch: number, sequence: number): void {
    const key = `${venue}/${entry.executionId}`;
    const known = this.#trades.get(key);
    const isOlder =
      known && (epoch < known.epoch || (epoch === known.epoch && sequence < known.sequence));
    if (isOlder) return;
    this.#trades.set(key, { entry, venue, epoch, sequence });
    if (this.#trades.size <= MAX_TRADES) return;
    const oldest = this.#trades.keys().next().value;
    if (oldest !== undefined) this.#trades.delete(oldest);
  }

  /** The latest trade that stands. */
  last(): LastTrade | undefined {
    let last: TapedTrade | undefined;
    for (const trade of this.#trades.values()) {
      if (trade.entry.action === 'bust') continue;
      if (!last || trade.entry.executedAtMs >= last.entry.executedAtMs) last = trade;
    }
    if (!last) return undefined;
    const { executionId, price, quantity, executedAtMs } = last.entry;
    return { venue: last.venue, executionId, price, quantity, executedAtMs };
  }
}
