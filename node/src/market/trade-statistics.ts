import type { Price, Quantity, VenueId } from '@stoa/schema';

/** A trade as the venue's latest word on it has it, and its place among all trades. */
export interface StandingTrade {
  readonly venue: VenueId;
  readonly executionId: string;
  readonly price: Price;
  readonly quantity: Quantity;
  /** Unix milliseconds. */
  readonly executedAtMs: number;
  /** Agreed between two parties and not met in the book. */
  readonly negotiated: boolean;
  /** Where it was first spoken of: epoch, sequence, and place within the frame. */
  readonly place: readonly [epoch: number, sequence: number, entry: number];
}

/** Exact sums of a day's trades, in the instrument's own units. */
export interface TradeStatistics {
  readonly trades: number;
  /** Sum of quantities. */
  readonly volume: bigint;
  /** Sum of price × quantity. */
  readonly notional: bigint;
  /** Prices of the first and the latest trade, by the order of {@link compareTrades}. */
  readonly open: Price | undefined;
  readonly last: Price | undefined;
  readonly high: Price | undefined;
  readonly low: Price | undefined;
}

/** A day's trades of one instrument: together, and by venue. */
export interface DayStatistics {
  /** Unix milliseconds: midnight UTC. */
  readonly dayStartMs: number;
  /** From when on this node knows of trades: the day's start, or later where it came later. */
  readonly knownSinceMs: number;
  /** False when a word on a trade came so late that the trade had been summed up to save memory. */
  readonly exact: boolean;
  readonly consolidated: TradeStatistics;
  /** In the order of venue ids; venues with trades only. */
  readonly venues: readonly (TradeStatistics & { readonly venue: VenueId })[];
}

const DAY_MS = 86_400_000;

/** Midnight UTC of the day that a moment is in. */
export function dayStartOf(ms: number): number {
  return ms - (ms % DAY_MS);
}

/**
 * The order of trades, the same on every node whatever came first: by the time of execution, then
 * by venue id, then by where the venue first spoke of them.
 */
export function compareTrades(one: StandingTrade, other: StandingTrade): number {
  if (one.executedAtMs !== other.executedAtMs) return one.executedAtMs - other.executedAtMs;
  if (one.venue !== other.venue) return one.venue < other.venue ? -1 : 1;
  return comparePlaces(one.place, other.place);
}

/** Which of two places was spoken first. */
export function comparePlaces(one: StandingTrade['place'], other: StandingTrade['place']): number {
  return one[0] - other[0] || one[1] - other[1] || one[2] - other[2];
}

/** Sums that grow by one trade at a time, in any order. */
export class TradeSum {
  #trades = 0;
  #volume = 0n;
  #notional = 0n;
  #first: StandingTrade | undefined;
  #last: StandingTrade | undefined;
  #high: Price | undefined;
  #low: Price | undefined;

  add(trade: StandingTrade): void {
    this.#trades += 1;
    this.#volume += BigInt(trade.quantity);
    this.#notional += BigInt(trade.price) * BigInt(trade.quantity);
    if (!this.#first || compareTrades(trade, this.#first) < 0) this.#first = trade;
    if (!this.#last || compareTrades(trade, this.#last) > 0) this.#last = trade;
    this.#high = Math.max(trade.price, this.#high ?? trade.price);
    this.#low = Math.min(trade.price, this.#low ?? trade.price);
  }

  /** The sum of sums. */
  static of(sums: Iterable<TradeSum>): TradeSum {
    const all = new TradeSum();
    for (const sum of sums) all.#join(sum);
    return all;
  }

  #join(sum: TradeSum): void {
    if (!sum.#first || !sum.#last) return;
    const { high, low } = sum.statistics();
    this.#trades += sum.#trades;
    this.#volume += sum.#volume;
    this.#notional += sum.#notional;
    if (!this.#first || compareTrades(sum.#first, this.#first) < 0) this.#first = sum.#first;
    if (!this.#last || compareTrades(sum.#last, this.#last) > 0) this.#last = sum.#last;
    if (high !== undefined) this.#high = Math.max(high, this.#high ?? high);
    if (low !== undefined) this.#low = Math.min(low, this.#low ?? low);
  }

  statistics(): TradeStatistics {
    return {
      trades: this.#trades,
      volume: this.#volume,
      notional: this.#notional,
      open: this.#first?.price,
      last: this.#last?.price,
      high: this.#high,
      low: this.#low,
    };
  }
}

/** Notional over volume, in price units, rounded half up; undefined without a trade. */
export function averagePriceOf({ notional, volume }: TradeStatistics): bigint | undefined {
  if (volume === 0n) return undefined;
  return (2n * notional + volume) / (2n * volume);
}
