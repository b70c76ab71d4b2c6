import { and, eq, or, type SQL, sql } from 'drizzle-orm';
import { isAnyOf } from '../store/any-of.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';

/** What names a trade: its executing venue and the number it has there. */
interface TradeName {
  readonly executingVenue: string;
  readonly tradeNumber: number;
}

/** Names the rows of trades, in one list of numbers for each venue; with none it names none. */
export function isOneOfTrades(trades: readonly TradeName[]): SQL {
  const byVenue = Map.groupBy(trades, ({ executingVenue }) => executingVenue);
  const named = or(
    ...[...byVenue].map(([venue, own]) =>
      and(
        eq(settlementLegs.executingVenue, venue),
        isAnyOf(
          settlementLegs.tradeNumber,
          own.map(({ tradeNumber }) => tradeNumber),
        ),
      ),
    ),
  );
  // Without alternatives there would be no condition at all, which every row meets.
  return named ?? sql`false`;
}
