import { join } from 'node:path';
import {
  type EngineRecord,
  type EngineTradeRecord,
  readEngineRecord,
} from '@stoa/adapters/engine-record';
import type { VenueId } from '@stoa/schema';
import type { Network } from '../harness/network.ts';
import { journalName } from '../harness/network-processes.ts';
import { readStore } from './stored-trades.ts';

/** A trade as both records say it. */
interface NamedTrade {
  readonly name: string;
}

/** What one process of a venue did, from its start to its end. */
interface EngineLife {
  readonly trades: readonly NamedTrade[];
  /** It was killed: what it did last may have been told to nobody. */
  readonly killed: boolean;
}

/** What a venue's engine and its store say of the same trades. */
export interface EngineAuditResult {
  /** Trades of members' orders that the engine did and the store has. */
  readonly trades: number;
  /** Trades that a kill cut off between the engine and the store: nobody was told, so they never were. */
  readonly cutOff: number;
  /** In words, where the two cannot both be true. */
  readonly differences: readonly string[];
}

/**
 * The third view of orders: what a venue's matching engine did, by its own journal, process for
 * process, beside what the venue's store says it did.
 */
export class EngineAudit {
  readonly #network: Network;
  readonly #venue: VenueId;
  readonly #lives: EngineLife[] = [];
  #operations = 0;
  #last: EngineRecord | undefined;

  constructor(network: Network, venue: VenueId) {
    this.#network = network;
    this.#venue = venue;
  }

  /** To be called each time the venue's process has ended, before it starts again. */
  async ended(how: { readonly killed: boolean }): Promise<void> {
    const { chain, folder } = this.#network;
    const record = await readEngineRecord(join(folder, journalName(this.#venue)), [
      chain.instrument,
    ]);
    // What stood before this process began was read when the one before it ended.
    const own = record.trades.filter(({ sequence }) => sequence > this.#operations);
    this.#operations = record.operations;
    this.#last = record;
    this.#lives.push({ trades: own.map(named), ...how });
  }

  /** Once the venue has ended for good. */
  async compare(): Promise<EngineAuditResult> {
    const stored = await readStore(
      this.#network,
      this.#venue,
      (sql) => sql<NamedTrade[]>`
        select concat_ws(' ', coalesce(buy_leg_id, '-'), coalesce(sell_leg_id, '-'), price, quantity)
          as name from executions where venue = ${this.#venue} order by trade_number`,
    );
    const open = await readStore(
      this.#network,
      this.#venue,
      (sql) => sql<NamedTrade[]>`
        select concat_ws(' ', leg_id, quantity, filled) as name from venue_orders
        where status not in ('filled', 'canceled', 'rejected', 'expired') order by 1`,
    );
    const inEngine = (this.#last?.open ?? [])
      .map(({ orderId, quantity, executed }) => `${orderId} ${quantity} ${executed}`)
      .toSorted();
    const inStore = open.map(({ name }) => name).toSorted();
    const did = this.#lives.reduce((sum, { trades }) => sum + trades.length, 0);
    return {
      trades: stored.length,
      cutOff: did - stored.length,
      differences: [
        ...whyNotTheSame(this.#venue, this.#lives, stored),
        ...(inEngine.join() === inStore.join()
          ? []
          : [
              `${this.#venue}: open in the engine ${inEngine.join()}, in the store ${inStore.join()}`,
            ]),
      ],
    };
  }
}

/**
 * The store's trades are the engine's, life after life and in order, each life but a killed one
 * whole: of a killed one its last trades may be missing, and none but its last.
 */
export function whyNotTheSame(
  venue: VenueId,
  lives: readonly EngineLife[],
  stored: readonly NamedTrade[],
): string[] {
  // How many of the stored trades can be explained by the lives so far.
  let explained = new Set([0]);
  for (const [index, { trades, killed }] of lives.entries()) {
    const next = new Set<number>();
    for (const from of explained) {
      let same = 0;
      while (same < trades.length && trades[same]?.name === stored[from + same]?.name) {
        if (killed) next.add(from + same);
        same += 1;
      }
      if (killed || same === trades.length) next.add(from + same);
    }
    if (next.size === 0) return [`${venue}: the engine's run ${index + 1} is not in the store`];
    explained = next;
  }
  if (explained.has(stored.length)) return [];
  const first = stored[Math.max(...explained)]?.name ?? '';
  return [`${venue}: the engine did not do what the store has as "${first}"`];
}

function named({ buyOrderId = '-', sellOrderId = '-', price, quantity }: EngineTradeRecord) {
  return { name: `${buyOrderId} ${sellOrderId} ${price} ${quantity}` };
}
