import type { Execution, InstrumentId } from '@stoa/schema';
import type { TradeParties } from '../venue-adapter.ts';

/** A trade as it stands. A trade of the recorded flow with itself has prints and no execution. */
export interface RecentTrade {
  readonly instrument: InstrumentId;
  /** Replaced by a correction. */
  execution: Execution | undefined;
  readonly parties: TradeParties;
  /** Ids under which it was printed: one for each of the flow's orders in it. */
  readonly printIds: readonly string[];
  busted: boolean;
}

/** The latest trades, by each of their ids, so that the operator can undo or correct them. */
export class RecentTrades {
  readonly #trades = new Map<string, RecentTrade>();
  readonly #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  add(trade: RecentTrade): void {
    for (const id of trade.printIds) this.#trades.set(id, trade);
    for (const id of this.#trades.keys()) {
      if (this.#trades.size <= this.#most) break;
      this.#trades.delete(id);
    }
  }

  get(executionId: string): RecentTrade | undefined {
    return this.#trades.get(executionId);
  }

  clear(): void {
    this.#trades.clear();
  }
}
