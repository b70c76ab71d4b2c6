import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenDatabase, openDatabase } from '../../store/database.ts';
import { executionChanges } from '../../store/tables/execution-changes.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../../store/testing/temporary-databases.ts';
import { storeExecution, storeLeg, storeOrder } from '../testing/stored-orders.ts';
import { directoryOf, SILENT } from '../testing/test-network.ts';
import { MonthlyNotional } from './monthly-notional.ts';

const FEBRUARY_MS = Date.UTC(2026, 1, 1);
const CASH = 10n ** 18n;

let databases: TemporaryDatabases;
let store: OpenDatabase;

beforeAll(async () => {
  databases = await startTemporaryDatabases();
  store = await openDatabase(await databases.empty('monthly'));
  const { db } = store;
  await storeOrder(db, 1);
  await storeOrder(db, 2, { member: 'other', side: 'sell' });
  await storeLeg(db, 'alpha-1', 1);
  await storeLeg(db, 'alpha-2', 1);
  const bought = { buyLegId: 'alpha-1.1.1' };
  const inFebruary = { executedAtMs: FEBRUARY_MS };
  // Prices are in cents: ten units at 10.00.
  await storeExecution(db, 1, { ...bought, executedAtMs: FEBRUARY_MS - 1 });
  await storeExecution(db, 2, { ...bought, ...inFebruary });
  await storeExecution(db, 3, { ...bought, ...inFebruary, sellLegId: 'alpha-2.1.1' });
  await storeExecution(db, 4, { ...bought, ...inFebruary, venue: 'alpha' });
  await storeExecution(db, 5, { ...bought, ...inFebruary });
  await storeExecution(db, 6, { ...bought, ...inFebruary });
  const change = { venue: 'beta', recordedAtMs: FEBRUARY_MS };
  await db.insert(executionChanges).values([
    {
      ...change,
      executionId: 'beta-5',
      revision: 1,
      kind: 'corrected',
      price: 2_000,
      quantity: 10,
    },
    { ...change, executionId: 'beta-6', revision: 1, kind: 'corrected', price: 9, quantity: 9 },
    { ...change, executionId: 'beta-6', revision: 2, kind: 'busted', price: 0, quantity: 0 },
  ]);
});

afterAll(async () => {
  await store?.close();
  await databases?.stop();
});

function notionalAt(clock: { nowMs: number }): MonthlyNotional {
  return new MonthlyNotional({
    ...{ database: store.db, directory: directoryOf(['alpha', 'beta']), logger: SILENT },
    nowMs: () => clock.nowMs,
  });
}

describe('what a member traded this month', () => {
  it('is counted by venue from the first moment of the month on, as trades stand now', async () => {
    const notional = notionalAt({ nowMs: FEBRUARY_MS + 1_000 });
    await notional.refresh();
    expect(notional.of('broker', 'beta')).toBe((100n + 100n + 200n) * CASH);
    expect(notional.of('broker', 'alpha')).toBe(100n * CASH);
    expect(notional.of('other', 'beta')).toBe(100n * CASH);
    expect(notional.of('other', 'alpha')).toBe(0n);
  });

  it('is read again when it has grown old, without anybody waiting', async () => {
    const clock = { nowMs: FEBRUARY_MS - 1 };
    const notional = notionalAt(clock);
    expect(notional.of('broker', 'beta')).toBe(0n);
    await expect.poll(() => notional.of('broker', 'beta')).toBe(500n * CASH);
    clock.nowMs = FEBRUARY_MS;
    expect(notional.of('broker', 'beta')).toBe(500n * CASH);
    clock.nowMs += 300_000;
    await expect.poll(() => notional.of('broker', 'beta')).toBe(400n * CASH);
  });

  it('stays what it was where the store does not answer', async () => {
    const clock = { nowMs: FEBRUARY_MS };
    const broken = await openDatabase(await databases.empty('broken'));
    await broken.close();
    const notional = new MonthlyNotional({
      ...{ database: broken.db, directory: directoryOf(['alpha']), logger: SILENT },
      nowMs: () => clock.nowMs,
    });
    expect(notional.of('broker', 'beta')).toBe(0n);
    await expect(notional.refresh()).rejects.toThrow();
    expect(notional.of('broker', 'beta')).toBe(0n);
  });
});
