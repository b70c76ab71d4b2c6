import type { BookEntry, Entry, Instrument, Level, TradeEntry } from '@stoa/schema';

/** Why an entry of an authentic frame is wrong. */
export type EntryOffenceCode =
  | 'LEVEL_NOT_POSITIVE'
  | 'PRICE_OFF_TICK'
  | 'LEVELS_UNSORTED'
  | 'TRADE_NOT_POSITIVE'
  | 'TRADE_ID_MISSING'
  | 'TRADE_FROM_FUTURE';

/** What is wrong with an entry. */
export interface EntryOffence {
  readonly code: EntryOffenceCode;
  readonly message: string;
}

/** The business rules of one entry; the venue's publisher checks them too, before it signs. */
export function entryOffence(
  entry: Entry,
  instrument: Instrument,
  latestMs: number,
): EntryOffence | undefined {
  switch (entry.kind) {
    case 'book':
      return bookOffence(entry, instrument);
    case 'trade':
      return tradeOffence(entry, latestMs);
    case 'status':
      // States and authorities are a closed list, which the codec has checked.
      return undefined;
  }
}

function bookOffence(entry: BookEntry, instrument: Instrument): EntryOffence | undefined {
  return (
    levelsOffence('bid', entry.bids, instrument) ?? levelsOffence('offer', entry.offers, instrument)
  );
}

function levelsOffence(
  side: 'bid' | 'offer',
  levels: readonly Level[],
  instrument: Instrument,
): EntryOffence | undefined {
  let before: Level | undefined;
  for (const level of levels) {
    // Rule: a level has a positive price and a positive size.
    if (level.price <= 0 || level.quantity <= 0) {
      return offence('LEVEL_NOT_POSITIVE', `A ${side} of ${instrument.symbol} is not positive.`);
    }
    // Rule: prices are multiples of the instrument's tick, as its listing says.
    if (level.price % instrument.tickSize !== 0) {
      return offence('PRICE_OFF_TICK', `A ${side} of ${instrument.symbol} is off the tick.`);
    }
    // Rule: levels stand best first, each price once.
    if (before && !isBetter(side, before, level)) {
      return offence('LEVELS_UNSORTED', `The ${side}s of ${instrument.symbol} are not sorted.`);
    }
    before = level;
  }
  return undefined;
}

function tradeOffence(entry: TradeEntry, latestMs: number): EntryOffence | undefined {
  // Rule: a trade has an id, by which it can be corrected or busted.
  if (entry.executionId === '') return offence('TRADE_ID_MISSING', 'A trade has no id.');
  // Rule: a trade has a positive price and size; a bust only names the trade it undoes.
  if (entry.action !== 'bust' && (entry.price <= 0 || entry.quantity <= 0)) {
    return offence('TRADE_NOT_POSITIVE', `Trade ${entry.executionId} is not positive.`);
  }
  // Rule: a trade has happened.
  if (entry.executedAtMs > latestMs) {
    return offence('TRADE_FROM_FUTURE', `Trade ${entry.executionId} has not happened yet.`);
  }
  return undefined;
}

function isBetter(side: 'bid' | 'offer', before: Level, after: Level): boolean {
  return side === 'bid' ? before.price > after.price : before.price < after.price;
}

function offence(code: EntryOffenceCode, message: string): EntryOffence {
  return { code, message };
}
