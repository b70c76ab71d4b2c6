import { afterAll, beforeAll, expect, it } from 'vitest';
import { SILENT, until } from '../orders/testing/test-network.ts';
import { type OpenDatabase, openDatabase } from '../store/database.ts';
import { settlementBatches } from '../store/tables/settlement-batches.ts';
import { settlementLegs } from '../store/tables/settlement-legs.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../store/testing/temporary-databases.ts';
import { openSettlementTraceDesk } from './settlement-trace-desk.ts';

const wallet = '0x000000000000000000000000000000000000b001';

let databases: TemporaryDatabases;
let store: OpenDatabase;

beforeAll(async () => {
  databases = await startTemporaryDatabases();
  store = await openDatabase(await databases.empty('alpha'));
});
afterAll(async () => {
  await store.close();
  await databases.stop();
});

async function settle(number: number, createdAtMs: number): Promise<void> {
  const id: `0x${string}` = `0x${String(number).padStart(64, '0')}`;
  const orderId = `alpha-${number}`;
  await store.db.insert(settlementBatches).values({
    ...{ id, orderId, role: 'home', homeVenue: 'alpha', legs: [], deadline: 9, groupsHash: id },
    ...{ signatures: [], state: 'settled', earlierHashes: [], createdAtMs },
  });
  await store.db.insert(settlementLegs).values({
    ...{ executingVenue: 'beta', tradeNumber: number, executionId: `beta-${number}` },
    ...{ homeVenue: 'alpha', instrument: 'acme', price: 5, quantity: 5, state: 'settled' },
    ...{ buyer: wallet, seller: wallet, token: wallet, cashToken: wallet, recordedAtMs: 1 },
    ...{ tokenQuantity: 5n, cashAmount: 25n, orderId, batchId: id },
  });
}

it('tells once of a settlement that begins and ends between two looks, and of none from before', async () => {
  await settle(1, Date.now() - 60_000);
  const told: unknown[] = [];
  const desk = openSettlementTraceDesk({
    ...{ db: store.db, logger: SILENT, nowMs: Date.now },
    tracing: { told: (_trace, { attributes }) => void told.push(attributes['stoa.batch']) },
  });
  await settle(2, Date.now());
  await until(() => told.length > 0);
  // Two more looks: the one that tells of the third has read the second again.
  await settle(3, Date.now());
  await until(() => told.length > 1);
  await desk.stop();
  expect(told.map((id) => Number(id))).toEqual([2, 3]);
});
