import postgres from 'postgres';
import { demoInstrument } from '../chain/deploy-network.ts';
import type { Network } from '../harness/network.ts';
import type { OrderAnswer } from './broker-desk.ts';
import { scenarioFailure } from './scenario-failure.ts';
import { integerOf } from './split-trade.ts';

/** A leg of a settlement batch as the home venue's store has it. */
export interface StoredLeg {
  readonly executingVenue: string;
  readonly homeVenue: string;
  readonly tradeNumber: number;
  readonly token: `0x${string}`;
  readonly cashToken: `0x${string}`;
  readonly seller: `0x${string}`;
  readonly buyer: `0x${string}`;
  readonly quantity: string;
  readonly amount: string;
  readonly deadline: number;
}

/** Runs one read against a venue's own database. */
export async function readStore<T>(
  network: Network,
  venue: string,
  read: (sql: postgres.Sql) => Promise<T>,
): Promise<T> {
  const url = await network.databases.database(venue);
  const sql = postgres(url, { max: 1, connect_timeout: 10, onnotice: () => undefined });
  try {
    return await read(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}

/** How many orders and legs a venue's store holds. */
export async function countStoredOrders(network: Network, venue: string): Promise<number> {
  return readStore(network, venue, async (sql) => {
    const [row] = await sql`select (select count(*) from orders) + (select count(*) from legs)
      + (select count(*) from venue_orders) as count`;
    return Number(row?.count);
  });
}

/** The legs of a batch, as its home venue stored them. */
export async function readBatchLegs(
  network: Network,
  home: string,
  batchId: string,
): Promise<StoredLeg[]> {
  return readStore(network, home, async (sql) => {
    const [row] = await sql`select legs from settlement_batches where id = ${batchId}`;
    return (row?.legs ?? []) as StoredLeg[];
  });
}

/**
 * Checks that what the gateway says of an order stands in the stores: each execution at its venue,
 * each at the home venue, and nothing besides.
 */
export async function checkStoresAgree(
  network: Network,
  home: string,
  order: OrderAnswer,
): Promise<void> {
  const executed = order.executions.map((one) => ({
    venue: one.venue.id,
    id: one.executionId,
    price: integerOf(one.price, demoInstrument.priceDecimals).toString(),
    quantity: integerOf(one.quantity, demoInstrument.quantityDecimals).toString(),
  }));
  for (const venue of network.venues.keys()) {
    const expected = venue === home ? executed : executed.filter((one) => one.venue === venue);
    const stored = await readStore(
      network,
      venue,
      (sql) => sql<{ venue: string; id: string; price: string; quantity: string }[]>`
        select venue, execution_id as id, price::text, quantity::text from executions
        where split_part(coalesce(buy_leg_id, sell_leg_id), '.', 1) = ${order.id}`,
    );
    if (sorted(stored) !== sorted(expected)) {
      throw scenarioFailure(`The store of ${venue} does not agree with the gateway.`, {
        stored: [...stored],
        expected,
      });
    }
  }
}

function sorted(rows: readonly Record<string, unknown>[]): string {
  return rows
    .map((row) => JSON.stringify(row, Object.keys(row).sort()))
    .sort()
    .join('\n');
}
