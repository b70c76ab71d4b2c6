import type { InstrumentId, Price, Quantity, TradeEntry, VenueId } from '@stoa/schema';
import { and, asc, desc, eq, gte, lt, sql } from 'drizzle-orm';
import type { Database } from '../store/database.ts';
import { prints } from '../store/tables/prints.ts';

/** What a venue said of a trade, and where in its frames. */
export interface PrintWord extends Omit<TradeEntry, 'kind'> {
  readonly venue: VenueId;
  readonly epoch: number;
  readonly sequence: number;
  /** Place among the frame's entries. */
  readonly entry: number;
}

/** A trade as its venue's latest word has it. */
export interface RecordedPrint {
  readonly venue: VenueId;
  readonly executionId: string;
  readonly price: Price;
  readonly quantity: Quantity;
  /** Unix milliseconds. */
  readonly executedAtMs: number;
  readonly isBusted: boolean;
  readonly isCorrected: boolean;
}

/** Place of a print in the list of them: by the time of execution, then by venue and id. */
export interface PrintKey {
  readonly executedAtMs: number;
  readonly venue: VenueId;
  readonly executionId: string;
}

/** Which prints are wanted; the beginning is inclusive, the end is not. */
export interface PrintFilter {
  readonly instrument: InstrumentId;
  readonly venue?: VenueId;
  readonly fromMs?: number;
  readonly toMs?: number;
}

/** The trades of one interval, summed up; busted ones are in none. */
export interface Candle {
  /** Unix milliseconds. */
  readonly startMs: number;
  readonly trades: number;
  readonly volume: bigint;
  /** Sum of price × quantity. */
  readonly notional: bigint;
  readonly open: Price;
  readonly high: Price;
  readonly low: Price;
  readonly close: Price;
}

/** What is recorded of trades. */
export interface PrintHistory {
  read(
    filter: PrintFilter,
    between: { readonly newerThan?: PrintKey; readonly olderThan?: PrintKey },
    oldestFirst: boolean,
    most: number,
  ): Promise<RecordedPrint[]>;
  /** @returns undefined where it would take too long: the range holds too many trades */
  candles(
    filter: Required<Omit<PrintFilter, 'venue'>> & Pick<PrintFilter, 'venue'>,
    intervalMs: number,
  ): Promise<Candle[] | undefined>;
}

const CANDLES_WITHIN_MS = 5_000;
/** PostgreSQL's code of a statement that ran out of time. */
const QUERY_CANCELED = '57014';

/** The {@link PrintHistory} of a node's store. */
export function createPrintHistory(database: Database): PrintHistory {
  return {
    read: ({ instrument, venue, fromMs, toMs }, { newerThan, olderThan }, oldestFirst, most) => {
      const key = sql`(${prints.executedAtMs}, ${prints.venue}, ${prints.executionId})`;
      const beyond = (operator: '<' | '>', to: PrintKey | undefined) =>
        to && sql`${key} ${sql.raw(operator)} (${to.executedAtMs}, ${to.venue}, ${to.executionId})`;
      const order = oldestFirst ? asc : desc;
      return database
        .select({
          ...{ venue: prints.venue, executionId: prints.executionId, price: prints.price },
          ...{ quantity: prints.quantity, executedAtMs: prints.executedAtMs },
          ...{ isBusted: prints.isBusted, isCorrected: prints.isCorrected },
        })
        .from(prints)
        .where(
          and(
            eq(prints.instrument, instrument),
            venue === undefined ? undefined : eq(prints.venue, venue),
            fromMs === undefined ? undefined : gte(prints.executedAtMs, fromMs),
            toMs === undefined ? undefined : lt(prints.executedAtMs, toMs),
            beyond('>', newerThan),
            beyond('<', olderThan),
          ),
        )
        .orderBy(order(prints.executedAtMs), order(prints.venue), order(prints.executionId))
        .limit(most);
    },
    async candles(filter, intervalMs) {
      try {
        return await readCandles(database, filter, intervalMs);
      } catch (error) {
        if (codeOf(error) === QUERY_CANCELED) return undefined;
        throw error;
      }
    },
  };
}

type CandleFilter = Parameters<PrintHistory['candles']>[0];

async function readCandles(
  database: Database,
  { instrument, venue, fromMs, toMs }: CandleFilter,
  intervalMs: number,
): Promise<Candle[]> {
  const of = venue === undefined ? sql`` : sql`and venue = ${venue}`;
  const rows = await database.transaction(async (tx) => {
    await tx.execute(sql.raw(`set local statement_timeout = ${CANDLES_WITHIN_MS}`));
    return tx.execute<Record<string, string | number>>(sql`
      select executed_at_ms / ${intervalMs}::bigint as bucket, count(*) as trades,
        sum(quantity) as volume, sum(price::numeric * quantity) as notional,
        (array_agg(price order by executed_at_ms, venue, epoch, sequence, entry))[1] as open,
        (array_agg(price order by executed_at_ms desc, venue desc, epoch desc, sequence desc, entry desc))[1] as close,
        max(price) as high, min(price) as low
      from ${prints}
      where instrument = ${instrument} and executed_at_ms >= ${fromMs} and executed_at_ms < ${toMs}
        and not is_busted ${of}
      group by 1 order by 1`);
  });
  return [...rows].map((row) => ({
    startMs: Number(row['bucket']) * intervalMs,
    trades: Number(row['trades']),
    volume: BigInt(row['volume'] ?? 0),
    notional: BigInt(row['notional'] ?? 0),
    ...{ open: Number(row['open']), close: Number(row['close']) },
    ...{ high: Number(row['high']), low: Number(row['low']) },
  }));
}

/**
 * Takes in what venues said of trades, in any order and however often: a venue's latest word counts, and a
 * bust, which only names its trade, leaves what was known of it.
 */
export async function recordPrints(database: Database, words: readonly PrintWord[]): Promise<void> {
  for (const wave of wavesOf(words)) {
    const rows = wave.map((word) => [
      ...[word.venue, word.executionId, word.instrument, word.price, word.quantity],
      ...[word.executedAtMs, word.action === 'bust', word.action === 'correct'],
      ...[word.epoch, word.sequence, word.entry],
    ]);
    await database.execute(sql`
      insert into ${prints} (venue, execution_id, instrument, price, quantity, executed_at_ms,
        is_busted, is_corrected, epoch, sequence, entry)
      select r->>0, r->>1, r->>2, (r->>3)::bigint, (r->>4)::bigint, (r->>5)::bigint,
        (r->>6)::boolean, (r->>7)::boolean, (r->>8)::bigint, (r->>9)::bigint, (r->>10)::bigint
      from json_array_elements(${JSON.stringify(rows)}::json) as r
      on conflict (venue, execution_id) do update set
        price = case when excluded.is_busted then prints.price else excluded.price end,
        quantity = case when excluded.is_busted then prints.quantity else excluded.quantity end,
        executed_at_ms =
          case when excluded.is_busted then prints.executed_at_ms else excluded.executed_at_ms end,
        is_busted = excluded.is_busted,
        is_corrected = prints.is_corrected or excluded.is_corrected,
        epoch = excluded.epoch, sequence = excluded.sequence, entry = excluded.entry
      where (excluded.epoch, excluded.sequence, excluded.entry)
        > (prints.epoch, prints.sequence, prints.entry)`);
  }
}

/** Words in the order they were said, so that no statement names a trade twice. */
function wavesOf(words: readonly PrintWord[]): PrintWord[][] {
  const inOrder = words.toSorted(
    (one, other) =>
      one.epoch - other.epoch || one.sequence - other.sequence || one.entry - other.entry,
  );
  const waves: PrintWord[][] = [];
  const counts = new Map<string, number>();
  for (const word of inOrder) {
    const key = `${word.venue}/${word.executionId}`;
    const wave = counts.get(key) ?? 0;
    counts.set(key, wave + 1);
    (waves[wave] ??= []).push(word);
  }
  return waves;
}

function codeOf(error: unknown): unknown {
  if (!(error instanceof Error)) return undefined;
  return 'code' in error ? error.code : codeOf(error.cause);
}
