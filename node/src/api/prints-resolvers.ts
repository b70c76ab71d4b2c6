import {
  type DirectorySource,
  formatDecimal,
  type Instrument,
  type InstrumentId,
  type VenueId,
} from '@stoa/schema';
import type {
  Candle,
  PrintFilter,
  PrintHistory,
  PrintKey,
  RecordedPrint,
} from '../market/print-store.ts';
import { averagePriceOf } from '../market/trade-statistics.ts';
import { type KeysetSource, readPage } from '../orders/blotter/keyset-page.ts';
import { apiError } from './api-error.ts';
import { momentOf } from './order-filters.ts';
import { connectionOf, type PageArguments, readPageArguments } from './page-arguments.ts';
import { sdlDateTime } from './sdl-value.ts';

/** What the recorded trades' part of the API is served from. */
export interface PrintsNeeds {
  readonly prints: PrintHistory;
  readonly directory: DirectorySource;
}

interface PrintArguments {
  readonly instrument: InstrumentId;
  readonly venue?: VenueId | null;
  readonly from?: string | null;
  readonly to?: string | null;
}

/** The SDL's CandleInterval, in milliseconds. */
const INTERVALS = {
  MINUTE: 60_000,
  FIVE_MINUTES: 300_000,
  QUARTER_HOUR: 900_000,
  HOUR: 3_600_000,
  DAY: 86_400_000,
} as const;

const MAX_CANDLES = 500;
/** So many are summed up at a time: each may read many rows, and anybody may ask. */
const MAX_AT_ONCE = 2;

/** Resolvers of recorded trades: public, as the prints themselves are. */
export function createPrintsResolvers({ prints, directory }: PrintsNeeds) {
  let running = 0;
  return {
    Query: {
      async prints(_root: unknown, args: PageArguments & PrintArguments) {
        const instrument = directory.current().instruments.get(args.instrument);
        if (!instrument) return null;
        const page = readPage(readPageArguments(args), sourceOf(prints, readFilter(args)));
        return connectionOf(page, (print) => printOutput(instrument, print));
      },
      async candles(
        _root: unknown,
        args: PrintArguments & {
          readonly interval: keyof typeof INTERVALS;
          readonly from: string;
          readonly to: string;
        },
      ) {
        const instrument = directory.current().instruments.get(args.instrument);
        if (!instrument) return null;
        const intervalMs = INTERVALS[args.interval];
        const filter = readFilter(args);
        const range = wholeIntervals(momentOf(args.from), momentOf(args.to), intervalMs);
        if (running >= MAX_AT_ONCE) {
          throw apiError('HISTORY_BUSY', 'Other candles are being made. Try again.');
        }
        running += 1;
        try {
          const candles = await prints.candles({ ...filter, ...range }, intervalMs);
          if (candles) return candles.map((candle) => candleOutput(instrument, candle));
          throw apiError('HISTORY_BUSY', 'There are too many trades in this range: ask for less.');
        } finally {
          running -= 1;
        }
      },
    },
  };
}

function readFilter({ instrument, venue, from, to }: PrintArguments): PrintFilter {
  return {
    instrument,
    ...(venue == null ? {} : { venue }),
    ...(from == null ? {} : { fromMs: momentOf(from) }),
    ...(to == null ? {} : { toMs: momentOf(to) }),
  };
}

/** The range with its beginning moved to where its interval begins, in UTC. */
function wholeIntervals(fromMs: number, toMs: number, intervalMs: number) {
  const startMs = Math.floor(fromMs / intervalMs) * intervalMs;
  if (toMs <= startMs) throw apiError('BAD_USER_INPUT', '`to` must be after `from`.');
  if (Math.ceil((toMs - startMs) / intervalMs) > MAX_CANDLES) {
    const message = `That is more than ${MAX_CANDLES} candles: take a longer interval or a shorter range.`;
    throw apiError('BAD_USER_INPUT', message);
  }
  return { fromMs: startMs, toMs };
}

function sourceOf(
  prints: PrintHistory,
  filter: PrintFilter,
): KeysetSource<RecordedPrint, PrintKey> {
  return {
    cursorOf: ({ executedAtMs, venue, executionId }) =>
      Buffer.from(`${executedAtMs} ${venue} ${executionId}`).toString('base64url'),
    keyOf(cursor) {
      const text = Buffer.from(cursor.slice(0, 512), 'base64url').toString();
      const [, ms, venue, executionId] =
        /^(\d{1,16}) ([a-z0-9-]{1,31}) ([^\0]{1,128})$/.exec(text) ?? [];
      if (ms === undefined || venue === undefined || executionId === undefined) return undefined;
      return { executedAtMs: Number(ms), venue, executionId };
    },
    read: (range, oldestFirst, most) => prints.read(filter, range, oldestFirst, most),
  };
}

function printOutput(instrument: Instrument, print: RecordedPrint) {
  const stands = print.isCorrected ? 'CORRECTED' : 'STANDS';
  return {
    venue: print.venue,
    executionId: print.executionId,
    price: formatDecimal(print.price, instrument.priceDecimals),
    quantity: formatDecimal(print.quantity, instrument.quantityDecimals),
    executedAt: sdlDateTime(print.executedAtMs),
    state: print.isBusted ? 'BUSTED' : stands,
  };
}

function candleOutput(instrument: Instrument, candle: Candle) {
  const { priceDecimals, quantityDecimals } = instrument;
  const price = (value: number | bigint) => formatDecimal(value, priceDecimals);
  const average = averagePriceOf({ ...candle, last: candle.close });
  return {
    start: sdlDateTime(candle.startMs),
    open: price(candle.open),
    high: price(candle.high),
    low: price(candle.low),
    close: price(candle.close),
    volume: formatDecimal(candle.volume, quantityDecimals),
    notional: formatDecimal(candle.notional, priceDecimals + quantityDecimals),
    trades: candle.trades,
    vwap: average === undefined ? null : price(average),
  };
}
