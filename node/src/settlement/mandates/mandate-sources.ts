import type { Side, VenueId } from '@stoa/schema';
import { sql } from 'drizzle-orm';
import { isAnyOf } from '../../store/any-of.ts';
import type { Transaction } from '../../store/database.ts';
import { executions } from '../../store/tables/executions.ts';
import { legs } from '../../store/tables/legs.ts';
import { venueOrders } from '../../store/tables/venue-orders.ts';

/** A trade's name. */
interface TradeName {
  readonly executingVenue: VenueId;
  readonly tradeNumber: number;
}

/** Whose orders are on the sides of trades. */
export type OrderHomes = ReadonlyMap<string, VenueId>;

/** The node where the order on a side of a trade has its home; undefined where this node cannot know. */
export function homeOf(homes: OrderHomes, trade: TradeName, side: Side): VenueId | undefined {
  return homes.get(`${trade.executingVenue} ${trade.tradeNumber} ${side}`);
}

/**
 * The homes of the orders on both sides, as far as this node has them on record: orders of its own, and
 * orders that others sent to its book. Who settles a trade is the home of one of them alone.
 */
export async function readOrderHomes(
  tx: Transaction,
  venue: VenueId,
  trades: readonly TradeName[],
): Promise<OrderHomes> {
  const homes = new Map<string, VenueId>();
  const homeOfLeg = (side: 'buy' | 'sell') => {
    const legId = side === 'buy' ? executions.buyLegId : executions.sellLegId;
    return sql`case when exists (select 1 from ${legs} where ${legs.id} = ${legId}) then ${venue}
      else (select ${venueOrders.homeVenue} from ${venueOrders} where ${venueOrders.legId} = ${legId}) end`;
  };
  for (const [executingVenue, own] of Map.groupBy(trades, (trade) => trade.executingVenue)) {
    const numbers = own.map(({ tradeNumber }) => tradeNumber);
    const rows = await tx.execute<{ number: string; buy: string | null; sell: string | null }>(sql`
      select ${executions.tradeNumber} as number, ${homeOfLeg('buy')} as buy, ${homeOfLeg('sell')} as sell
      from ${executions}
      where ${executions.venue} = ${executingVenue} and ${isAnyOf(executions.tradeNumber, numbers)}`);
    for (const { number, buy, sell } of rows) {
      const name = `${executingVenue} ${number}`;
      if (buy !== null) homes.set(`${name} buy`, buy);
      if (sell !== null) homes.set(`${name} sell`, sell);
    }
  }
  return homes;
}
