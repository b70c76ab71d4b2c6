import type { SQL } from 'drizzle-orm';
import { PgDialect, type PgTable } from 'drizzle-orm/pg-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type OpenDatabase, openDatabase } from '../store/database.ts';
import { executions } from '../store/tables/executions.ts';
import { legs } from '../store/tables/legs.ts';
import { mandates } from '../store/tables/mandates.ts';
import { orders } from '../store/tables/orders.ts';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../store/testing/temporary-databases.ts';
import {
  isActiveMandate,
  isAffirmedBatch,
  isForOperator,
  isOpenBatch,
  isReadyForBatch,
  isToBeRetried,
  isToBeReversed,
  isUnsentBatch,
  isUnsignedBatch,
} from './indexed-conditions.ts';
import { createSettlementReader } from './settlement-reader.ts';

const instrument = 'eip155:1/erc20:0x00000000000000000000000000000000000000aa';
const wallet = '0x000000000000000000000000000000000000b001';
const shared: `0x${string}` = `0x${'01'.repeat(32)}`;
const own: `0x${string}` = `0x${'02'.repeat(32)}`;

let databases: TemporaryDatabases;
let store: OpenDatabase;

beforeAll(async () => {
  databases = await startTemporaryDatabases();
  store = await openDatabase(await databases.empty('alpha'));
  for (const [number, member] of ['broker', 'broker', 'another', 'broker'].entries()) {
    await order(number + 1, member);
  }
  await batch(shared, 'alpha-1', 2);
  await batch(own, 'alpha-2', 1);
  await trade(1, 'alpha-1', shared);
  await trade(2, 'alpha-1', shared);
  await trade(3, 'alpha-2', own);
  await trade(4, 'alpha-2', null);
  await trade(5, 'alpha-3', shared);
});
afterAll(async () => {
  await store.close();
  await databases.stop();
});

async function order(number: number, member: string): Promise<void> {
  const id = `alpha-${number}`;
  await store.db.insert(orders).values({
    ...{ id, number, clientOrderId: id, member, instrument, account: wallet, side: 'buy' },
    ...{ type: 'limit', timeInForce: 'ioc', quantity: 10, limitPrice: 5, placedQuantity: 10 },
    ...{ status: 'filled', filled: 10, leaves: 0, notional: 50n, cancelRequested: false },
    ...{ groupOpen: false, lastEvent: 0, placedAtMs: 1 },
  });
  await store.db.insert(legs).values({
    ...{ id: `${id}.1.1`, orderId: id, number: 1, round: 1, purpose: 'route', venue: 'beta' },
    ...{ timeInForce: 'ioc', quantity: 10, limitPrice: 5, status: 'filled', filled: 10 },
    sentAtMs: 1,
  });
}

async function batch(id: `0x${string}`, orderId: string, groups: number): Promise<void> {
  await store.db.insert(settlementBatches).values({
    ...{ id, orderId, groupNumber: 1, role: 'home', homeVenue: 'alpha', legs: [], deadline: 9 },
    groups: Array.from({ length: groups }, () => ({})) as never,
    ...{ groupsHash: id, signatures: [], state: 'failed', code: 'FROZEN', reason: 'of a wallet' },
    ...{ earlierHashes: [], createdAtMs: 1 },
  });
}

async function trade(
  tradeNumber: number,
  orderId: string,
  batchId: `0x${string}` | null,
): Promise<void> {
  const executionId = `beta-${tradeNumber}`;
  const terms = { instrument, price: 5, quantity: 5, buyer: wallet, seller: wallet } as const;
  const recorded = { executionId, tradeNumber, homeVenue: 'alpha', recordedAtMs: tradeNumber };
  await store.db.insert(executions).values({
    ...{ ...terms, ...recorded, venue: 'beta', executedAtMs: 1, buyLegId: `${orderId}.1.1` },
  });
  await store.db.insert(settlementLegs).values({
    ...{ ...terms, ...recorded, executingVenue: 'beta', token: wallet, cashToken: wallet },
    ...{ tokenQuantity: 5n, cashAmount: 25n, orderId, batchId, state: 'instructed' },
  });
}

it('tells each order of a page its own settlements, and of a batch of several no reason', async () => {
  const found = await createSettlementReader(store.db).forOrders([
    ...['alpha-1', 'alpha-2', 'alpha-4'],
  ]);
  const told = (id: string) =>
    found.get(id)?.map(({ batchId, state, reason, legs: trades }) => ({
      ...{ batchId, state, reason },
      trades: trades.map((one) => one.tradeNumber),
    }));
  expect(told('alpha-1')).toEqual([
    {
      ...{ batchId: shared, state: 'failed', trades: [1, 2] },
      reason: 'The batch that this trade was in did not settle: FROZEN.',
    },
  ]);
  expect(told('alpha-2')).toEqual([
    { batchId: '', state: 'instructed', reason: undefined, trades: [4] },
    { batchId: own, state: 'failed', reason: 'of a wallet', trades: [3] },
  ]);
  expect([...found.keys()].toSorted()).toEqual(['alpha-1', 'alpha-2']);
});

it("tells a member of its own orders' settlements, newest first", async () => {
  const reader = createSettlementReader(store.db);
  const of = async (member: string, first: number) =>
    (await reader.forMember(member, { first })).map(({ orderId }) => orderId);
  expect(await of('broker', 9)).toEqual(['alpha-2', 'alpha-2', 'alpha-1']);
  expect(await of('broker', 1)).toEqual(['alpha-2']);
  expect(await of('another', 9)).toEqual(['alpha-3']);
});

it.each<[string, PgTable, SQL]>([
  ['settlement_batches_open', settlementBatches, isOpenBatch],
  ['settlement_batches_open', settlementBatches, isAffirmedBatch],
  ['settlement_batches_open', settlementBatches, isUnsignedBatch],
  ['settlement_batches_open', settlementBatches, isUnsentBatch],
  ['settlement_batches_failed', settlementBatches, isToBeRetried],
  ['settlement_batches_failed', settlementBatches, isForOperator],
  ['settlement_legs_to_reverse', settlementLegs, isToBeReversed],
  ['settlement_legs_ready', settlementLegs, isReadyForBatch],
  ['mandates_active', mandates, isActiveMandate],
])('is found by %s in a plan that holds for all parameters', async (index, table, condition) => {
  const { sql: text } = new PgDialect().sqlToQuery(
    store.db.select().from(table).where(condition).getSQL(),
  );
  const plan = await store.sql.begin(async (tx) => {
    // Small tables are read whole where that is allowed.
    await tx`set local enable_seqscan = off`;
    return tx.unsafe(`explain (generic_plan) ${text}`).simple();
  });
  expect(JSON.stringify(plan)).toContain(index);
});
