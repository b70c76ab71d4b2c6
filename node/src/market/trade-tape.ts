import type { TradeEntry, VenueId } from '@stoa/schema';
import type { LastTrade } from './market-view.ts';
import {
  comparePlaces,
  compareTrades,
  type DayStatistics,
  dayStartOf,
  type StandingTrade,
  TradeSum,
} from './trade-statistics.ts';

/** So many trades a tape always keeps one by one; a bust of an older one finds nothing to undo. */
const MIN_TRADES = 256;
/** So many trades all tapes of a node together keep one by one: some 60 MiB. */
const MAX_TRADES = 250_000;

/** How many trades are kept one by one, over all tapes of a node. */
export class TapeBudget {
  readonly #most: number;
  #kept = 0;

  constructor(most = MAX_TRADES) {
    this.#most = most;
  }

  get isSpent(): boolean {
    return this.#kept > this.#most;
  }

  take(trades: number): void {
    this.#kept += trades;
  }
}

interface TapedTrade {
  /** The venue's latest word. */
  readonly trade: StandingTrade;
  readonly isBusted: boolean;
  /** Where that word stands. */
  readonly saidAt: StandingTrade['place'];
}

/** Where in a venue's words an entry stands. */
export interface SaidAt {
  readonly epoch: number;
  readonly sequence: number;
  /** Place among the frame's entries. */
  readonly entry: number;
}

/**
 * The trades of one instrument, with corrections and busts applied in whatever order they come, and
 * however often.
 *
 * All trades of the running UTC day are kept one by one, because a correction takes back exactly what
 * the print had added. Where the node's budget is spent the earliest are summed up: their sums stay
 * exact, and only a later correction of one of them is then out of reach, which `exact` tells.
 */
export class TradeTape {
  readonly #budget: TapeBudget;
  readonly #trades = new Map<string, TapedTrade>();
  /** Sums of the day's trades that are no longer kept one by one, by venue. */
  #summed = new Map<VenueId, TradeSum>();
  /** The latest trade among those that left. */
  #latestGone: StandingTrade | undefined;
  /** Trades up to here, in the order of trades, may have been summed up. */
  #summedTo: StandingTrade | undefined;
  #isExact = true;
  #dayStartMs = 0;
  /** What was worked out since the last change. */
  #figures: Omit<DayStatistics, 'knownSinceMs'> | undefined;
  #last: StandingTrade | undefined;

  constructor(budget: TapeBudget = new TapeBudget()) {
    this.#budget = budget;
  }

  /** Takes in a print, a correction or a bust; the venue's latest word on a trade counts. */
  apply(venue: VenueId, entry: TradeEntry, said: SaidAt, nowMs: number): void {
    this.turnDay(nowMs);
    const { executionId, price, quantity, executedAtMs } = entry;
    const saidAt = [said.epoch, said.sequence, said.entry] as const;
    const key = `${venue}/${executionId}`;
    const known = this.#trades.get(key);
    if (known && comparePlaces(saidAt, known.saidAt) <= 0) {
      // An earlier word changes nothing but where the trade was first spoken of.
      if (comparePlaces(saidAt, known.trade.place) < 0) {
        const when = known.isBusted ? { executedAtMs } : {};
        const trade = { ...known.trade, ...when, place: saidAt };
        this.#trades.set(key, { ...known, trade });
        this.#changed();
      }
      return;
    }
    const isBusted = entry.action === 'bust';
    const place = known?.trade.place ?? saidAt;
    const negotiated = entry.negotiated ?? known?.trade.negotiated ?? false;
    const terms = { price, quantity, executedAtMs, negotiated };
    // A bust only names the trade: what it was, and when, is what was known of it.
    const trade = { venue, executionId, place, ...(isBusted && known ? known.trade : terms) };
    const lastBefore = this.#last;
    this.#changed();
    if (!known && this.#mayBeSummed(trade)) {
      // It may be in the sums already, and twice would be worse than not at all.
      this.#isExact = false;
      return;
    }
    this.#trades.set(key, { trade, isBusted, saidAt });
    if (known) return;
    // The usual one is the latest, and the day's many are not gone through to find it.
    if (!isBusted && lastBefore) {
      this.#last = compareTrades(trade, lastBefore) > 0 ? trade : lastBefore;
    }
    this.#budget.take(1);
    if (this.#budget.isSpent && this.#trades.size > MIN_TRADES) this.#sumUp();
  }

  /** The latest trade that stands, of any day. */
  last(): LastTrade | undefined {
    if (!this.#last) {
      let last = this.#latestGone;
      for (const { trade, isBusted } of this.#trades.values()) {
        if (!isBusted && (!last || compareTrades(trade, last) > 0)) last = trade;
      }
      this.#last = last;
    }
    const last = this.#last;
    if (!last) return undefined;
    const { venue, executionId, price, quantity, executedAtMs, negotiated } = last;
    return { venue, executionId, price, quantity, executedAtMs, negotiated };
  }

  /** The running day's figures. */
  statistics(nowMs: number, knownSinceMs: number): DayStatistics {
    this.turnDay(nowMs);
    this.#figures ??= this.#workOut();
    const { dayStartMs } = this.#figures;
    return { ...this.#figures, knownSinceMs: Math.max(dayStartMs, knownSinceMs) };
  }

  #workOut(): Omit<DayStatistics, 'knownSinceMs'> {
    const dayStartMs = this.#dayStartMs;
    const sums = new Map([...this.#summed].map(([venue, sum]) => [venue, TradeSum.of([sum])]));
    for (const { trade, isBusted } of this.#trades.values()) {
      if (!isBusted && dayStartOf(trade.executedAtMs) === dayStartMs) addTo(sums, trade);
    }
    return {
      dayStartMs,
      exact: this.#isExact,
      consolidated: TradeSum.of(sums.values()).statistics(),
      venues: [...sums]
        .sort(([one], [other]) => (one < other ? -1 : 1))
        .map(([venue, sum]) => ({ venue, ...sum.statistics() })),
    };
  }

  /** Lets go what was kept for a day that is over, but for the latest trades. */
  turnDay(nowMs: number): void {
    const dayStartMs = dayStartOf(nowMs);
    if (dayStartMs <= this.#dayStartMs) return;
    this.#dayStartMs = dayStartMs;
    this.#summed = new Map();
    this.#summedTo = undefined;
    this.#isExact = true;
    this.#changed();
    const past = this.#inOrder().filter(({ trade }) => trade.executedAtMs < dayStartMs);
    this.#forget(past.slice(0, Math.max(0, past.length - MIN_TRADES)));
  }

  /** Makes room: the earlier half leaves, what is of the day as sums. */
  #sumUp(): void {
    const inOrder = this.#inOrder();
    const leaving = inOrder.slice(0, inOrder.length >> 1);
    for (const { trade, isBusted } of leaving) {
      if (!isBusted && dayStartOf(trade.executedAtMs) === this.#dayStartMs) {
        addTo(this.#summed, trade);
      }
    }
    this.#summedTo = leaving.at(-1)?.trade;
    this.#forget(leaving);
  }

  #changed(): void {
    this.#figures = undefined;
    this.#last = undefined;
  }

  #mayBeSummed(trade: StandingTrade): boolean {
    return this.#summedTo !== undefined && compareTrades(trade, this.#summedTo) <= 0;
  }

  #forget(leaving: readonly TapedTrade[]): void {
    for (const { trade, isBusted } of leaving) {
      this.#trades.delete(`${trade.venue}/${trade.executionId}`);
      const isLatest = !this.#latestGone || compareTrades(trade, this.#latestGone) > 0;
      if (!isBusted && isLatest) this.#latestGone = trade;
    }
    this.#budget.take(-leaving.length);
  }

  #inOrder(): TapedTrade[] {
    return [...this.#trades.values()].sort((one, other) => compareTrades(one.trade, other.trade));
  }
}

function addTo(sums: Map<VenueId, TradeSum>, trade: StandingTrade): void {
  const sum = sums.get(trade.venue) ?? new TradeSum();
  sums.set(trade.venue, sum);
  sum.add(trade);
}
