import type { InstrumentId, Price, Quantity, Side } from '@stoa/schema';
import { isOfFlow, joinFlowTrades, quantityOf } from '../book-trades.ts';
import { EngineEvents } from '../engine-events.ts';
import type { OrderRef } from '../engine-types.ts';
import { MatchingEngine } from '../matching-engine.ts';
import { readJournalFolder } from './journal-folder.ts';
import { replayJournal } from './operation-journal.ts';

/** A trade with a member's order in it, as an engine did it; what one order took of the flow at one price is one. */
export interface EngineTradeRecord {
  /** The how many'th operation on the venue's books caused it. */
  readonly sequence: number;
  /** Undefined where the recorded flow was on this side. */
  readonly buyOrderId: string | undefined;
  readonly sellOrderId: string | undefined;
  readonly price: Price;
  readonly quantity: Quantity;
}

/** A member's order that an engine holds open. */
export interface EngineOpenOrder {
  readonly orderId: string;
  readonly quantity: Quantity;
  readonly executed: Quantity;
}

/** What a venue's engine itself has on record. */
export interface EngineRecord {
  /** Operations so far, over all runs. */
  readonly operations: number;
  /** In order, of operations after the folder's snapshot. */
  readonly trades: readonly EngineTradeRecord[];
  readonly open: readonly EngineOpenOrder[];
}

/**
 * Reads a journal's folder and does its operations again: an audit of what a venue says against what
 * its engine did. Changes nothing; the venue must not run.
 *
 * @throws CodedError `JOURNAL_CORRUPT`
 */
export async function readEngineRecord(
  folder: string,
  instruments: readonly InstrumentId[],
): Promise<EngineRecord> {
  const files = await readJournalFolder(folder);
  const books = new Map(
    instruments.map((instrument) => {
      const events = new EngineEvents();
      return [instrument, { events, engine: new MatchingEngine(events) }];
    }),
  );
  const trades: EngineTradeRecord[] = [];
  const engines = new Map([...books].map(([instrument, { engine }]) => [instrument, engine]));
  const { operations } = replayJournal(folder, files, engines, (sequence, instrument) => {
    for (const event of joinFlowTrades(books.get(instrument)?.events.take() ?? [])) {
      if (event.kind !== 'trades') continue;
      const { maker, taker, takerSide, price } = event.trades[0];
      if (isOfFlow(maker) && isOfFlow(taker)) continue;
      const quantity = quantityOf(event.trades);
      trades.push({ sequence, ...sidesOf(maker, taker, takerSide), price, quantity });
    }
  });
  const open = [...engines.values()].flatMap((engine) =>
    [...engine.orders()].flatMap(({ ref, quantity, cumulative: executed }) =>
      isOfFlow(ref) ? [] : [{ orderId: ref, quantity, executed }],
    ),
  );
  return { operations, trades, open };
}

function sidesOf(maker: OrderRef, taker: OrderRef, takerSide: Side) {
  const [buy, sell] = takerSide === 'buy' ? [taker, maker] : [maker, taker];
  return {
    buyOrderId: isOfFlow(buy) ? undefined : buy,
    sellOrderId: isOfFlow(sell) ? undefined : sell,
  };
}
