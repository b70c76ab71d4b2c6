import type { DirectorySource, MemberId, VenueId } from '@stoa/schema';
import { sql } from 'drizzle-orm';
import { MONTHLY_NOTIONAL_DECIMALS } from '../../routing/venue-cost.ts';
import type { Database } from '../../store/database.ts';
import type { Logger } from '../../telemetry/logger.ts';

/** Tiers move with months of trading: an answer this old is as good as a new one. */
const MAX_AGE_MS = 300_000;

export interface MonthlyNotionalNeeds {
  readonly database: Database;
  readonly directory: DirectorySource;
  readonly logger: Logger;
  readonly nowMs: () => number;
}

/**
 * What each member of this node traded at each venue in the running calendar month (UTC), for fee
 * tiers: what this node's own orders executed, corrections and busts counted. The venue counts for
 * itself what it charges by, and may know of more.
 */
export class MonthlyNotional {
  readonly #needs: MonthlyNotionalNeeds;
  #traded: ReadonlyMap<string, bigint> = new Map();
  #readAtMs = Number.NEGATIVE_INFINITY;
  #reading = false;

  constructor(needs: MonthlyNotionalNeeds) {
    this.#needs = needs;
  }

  /**
   * As last read, in 10^-18 of the cash; nothing before the first reading. What is too old is read
   * again behind the caller's back, because a decision does not wait.
   */
  of(member: MemberId, venue: VenueId): bigint {
    const { logger, nowMs } = this.#needs;
    if (!this.#reading && nowMs() - this.#readAtMs >= MAX_AGE_MS) {
      this.refresh().catch((error: unknown) => {
        logger.warn({ err: error }, 'the month’s notional could not be read');
      });
    }
    return this.#traded.get(`${member} ${venue}`) ?? 0n;
  }

  /** Reads it now. */
  async refresh(): Promise<void> {
    this.#reading = true;
    this.#readAtMs = this.#needs.nowMs();
    try {
      this.#traded = await this.#read(startOfMonthMs(this.#readAtMs));
    } finally {
      this.#reading = false;
    }
  }

  async #read(sinceMs: number): Promise<ReadonlyMap<string, bigint>> {
    const { instruments } = this.#needs.directory.current();
    // A trade between two of this node's orders counts for both.
    const rows = await this.#needs.database.execute<{
      member: string;
      venue: string;
      instrument: string;
      product: string;
    }>(sql`
      select orders.member, executions.venue, executions.instrument,
        sum(coalesce(latest.price, executions.price)::numeric
          * coalesce(latest.quantity, executions.quantity))::text as product
      from executions
      join legs on legs.id = executions.buy_leg_id or legs.id = executions.sell_leg_id
      join orders on orders.id = legs.order_id
      left join lateral (
        select price, quantity from execution_changes
        where execution_changes.venue = executions.venue
          and execution_changes.execution_id = executions.execution_id
        order by revision desc limit 1
      ) latest on true
      where executions.executed_at_ms >= ${sinceMs}
      group by orders.member, executions.venue, executions.instrument`);
    const traded = new Map<string, bigint>();
    for (const { member, venue, instrument, product } of rows) {
      const terms = instruments.get(instrument);
      if (!terms) continue;
      const decimals = terms.priceDecimals + terms.quantityDecimals;
      const key = `${member} ${venue}`;
      traded.set(key, (traded.get(key) ?? 0n) + scaled(BigInt(product), decimals));
    }
    return traded;
  }
}

function scaled(product: bigint, decimals: number): bigint {
  const shift = MONTHLY_NOTIONAL_DECIMALS - decimals;
  return shift >= 0 ? product * 10n ** BigInt(shift) : product / 10n ** BigInt(-shift);
}

function startOfMonthMs(atMs: number): number {
  const at = new Date(atMs);
  return Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1);
}
