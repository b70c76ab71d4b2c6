import type { LegOrder } from '@stoa/schema';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenDatabase, openDatabase } from '../store/database.ts';
import { sentLegs } from '../store/tables/sent-legs.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../store/testing/temporary-databases.ts';
import {
  addToOutbox,
  numberOutbox,
  numberWritten,
  pruneOutbox,
  readOutbox,
} from './session-store.ts';
import { BROKER_WALLET, INSTRUMENT } from './testing/test-network.ts';

let databases: TemporaryDatabases;
let store: OpenDatabase;

beforeAll(async () => {
  databases = await startTemporaryDatabases();
  store = await openDatabase(await databases.empty('outbox'));
});
afterAll(async () => {
  await store.close();
  await databases.stop();
});

describe('the outbox', () => {
  it('keeps orders as they were sent when it lets acknowledged messages go', async () => {
    const { db } = store;
    const leg: LegOrder = {
      legId: 'alpha-1.1.1',
      instrument: INSTRUMENT.id,
      side: 'buy',
      timeInForce: 'ioc',
      quantity: 10,
      limitPrice: 100,
      member: 'broker',
      account: BROKER_WALLET,
    };
    await db.transaction(async (tx) => {
      await addToOutbox(tx, 'beta', [{ kind: 'leg-new', leg }]);
      await addToOutbox(tx, 'beta', [{ kind: 'leg-cancel', legId: leg.legId }]);
    });
    const signed = (number: number) => Uint8Array.of(number, 0, 255);
    const fresh = await numberOutbox(db, { peer: 'beta', sent: 6, signed }, 10);
    expect(fresh.map(({ number }) => number)).toEqual([7, 8]);
    await pruneOutbox(db, 'beta', 8, 8);
    expect(await readOutbox(db, 'beta', 0, 10)).toHaveLength(1);
    const kept = await db.select().from(sentLegs);
    expect(kept.map(({ legId, message }) => [legId, [...message]])).toEqual([
      ['alpha-1.1.1', [7, 0, 255]],
    ]);
  });

  it('numbers what this process wrote unread, but never ahead of what waits before it', async () => {
    const { db } = store;
    const signed = (number: number) => Uint8Array.of(number);
    const cancel = (legId: string) => [{ kind: 'leg-cancel', legId } as const];
    const write = (legId: string) =>
      db.transaction((tx) => addToOutbox(tx, 'gamma', cancel(legId)));
    const first = await write('alpha-1.1.1');
    const second = await write('alpha-2.1.1');
    const numbering = { peer: 'gamma', sent: 0, signed };
    expect(await numberWritten(db, numbering, second)).toBeUndefined();
    expect(await readOutbox(db, 'gamma', 0, 10)).toEqual([]);

    const numbered = await numberWritten(db, numbering, [...second, ...first]);
    expect(numbered?.map(({ number }) => number)).toEqual([1, 2]);
    expect(await readOutbox(db, 'gamma', 0, 10)).toHaveLength(2);
    // A second time they have their numbers.
    expect(await numberWritten(db, { ...numbering, sent: 2 }, second)).toBeUndefined();
    expect(await numberOutbox(db, { ...numbering, sent: 2 }, 10)).toEqual([]);
  });
});
