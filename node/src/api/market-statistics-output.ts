import { type Directory, formatDecimal, type Instrument } from '@stoa/schema';
import {
  averagePriceOf,
  type DayStatistics,
  type TradeStatistics,
} from '../market/trade-statistics.ts';
import { venueOf } from './market-output.ts';
import { sdlDateTime } from './sdl-value.ts';

/** A day's figures in the shape of the SDL: decimal strings, and the one division there is. */
export function statisticsOutput(
  directory: Directory,
  instrument: Instrument,
  { dayStartMs, knownSinceMs, exact, consolidated, venues }: DayStatistics,
) {
  return {
    dayStart: sdlDateTime(dayStartMs),
    knownSince: sdlDateTime(knownSinceMs),
    exact,
    consolidated: sumsOutput(instrument, consolidated),
    venues: venues.map(({ venue, ...sums }) => ({
      venue: venueOf(directory, venue),
      statistics: sumsOutput(instrument, sums),
    })),
  };
}

function sumsOutput(instrument: Instrument, sums: TradeStatistics) {
  const { priceDecimals, quantityDecimals } = instrument;
  const price = (value: number | bigint | undefined) =>
    value === undefined ? null : formatDecimal(value, priceDecimals);
  return {
    trades: sums.trades,
    volume: formatDecimal(sums.volume, quantityDecimals),
    notional: formatDecimal(sums.notional, priceDecimals + quantityDecimals),
    open: price(sums.open),
    high: price(sums.high),
    low: price(sums.low),
    last: price(sums.last),
    vwap: price(averagePriceOf(sums)),
  };
}
