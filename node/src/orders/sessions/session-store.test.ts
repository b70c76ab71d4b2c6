import type { LegOrder } from '@stoa/schema';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenDatabase, openDatabase } from '../../store/database.ts';
import { sentLegs } from '../../store/tables/sent-legs.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../../store/testing/temporary-databases.ts';
import { BROKER_WALLET, INSTRUMENT } from '../testing/test-network.ts';
import { addToOutbox, fillOutbox, pruneOutbox, readOutbox } from './session-store.ts';

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

  it('keeps orders as they were sent when it lets acknowledged messages go', async () => {
    const { db } = store;
    const bytes = (number: number) => Uint8Array.of(number, 0, 255);
    await db.transaction(async (tx) => {
      addToOutbox(tx, 'beta', [
        { number: 7, body: { kind: 'leg-new', leg }, message: bytes(7) },
        { number: 8, body: { kind: 'leg-cancel', legId: leg.legId }, message: bytes(8) },
      ]);
    });
    const all = { after: 0, last: 8, limit: 10 };
    const written = await readOutbox(db, 'beta', all);
    expect(written.map(({ number, message }) => [number, ...message])).toEqual([
      [7, 7, 0, 255],
      [8, 8, 0, 255],
    ]);
    await pruneOutbox(db, 'beta', 8, 8);
    expect(await readOutbox(db, 'beta', all)).toHaveLength(1);
    const kept = await db.select().from(sentLegs);
    expect(kept.map(({ legId, message }) => [legId, [...message]])).toEqual([
      ['alpha-1.1.1', [7, 0, 255]],
    ]);
  });

  it('fills the numbers that were left, and touches none that was written', async () => {
    const { db } = store;
    const cancel = { kind: 'leg-cancel', legId: 'alpha-1.1.1' } as const;
    const written = { number: 2, body: cancel, message: Uint8Array.of(2) };
    await db.transaction(async (tx) => addToOutbox(tx, 'gamma', [written]));
    const body = { kind: 'acknowledge' } as const;
    const fillers = [1, 2].map((number) => ({ number, body, message: Uint8Array.of(99) }));
    await fillOutbox(db, 'gamma', fillers);
    const all = await readOutbox(db, 'gamma', { after: 0, last: 9, limit: 10 });
    expect(all.map(({ number, message }) => [number, ...message])).toEqual([
      [1, 99],
      [2, 2],
    ]);
  });

  it('takes all of what depends on a condition, or nothing, and says before the commit which', async () => {
    const { db } = store;
    const message = Uint8Array.of(1);
    const given = (number: number, legId: string) => [
      { number, body: { kind: 'leg-new', leg: { ...leg, legId } } as const, message },
      { number: number + 1, body: { kind: 'leg-cancel', legId } as const, message },
    ];
    const written: string[] = [];
    await db.transaction(async (tx) => {
      for (const [number, legId, condition] of [
        [1, 'alpha-2.1.1', sql`false`],
        [3, 'alpha-3.1.1', sql`true`],
      ] as const) {
        const onWritten = (): void => void written.push(legId);
        addToOutbox(tx, 'delta', given(number, legId), { condition, onWritten });
      }
      await tx.execute(sql`select 1`);
      expect(written).toEqual(['alpha-3.1.1']);
    });
    const all = await readOutbox(db, 'delta', { after: 0, last: 9, limit: 10 });
    expect(all.map(({ number }) => number)).toEqual([3, 4]);
    const kept = await db.select({ legId: sentLegs.legId }).from(sentLegs);
    expect(kept.map(({ legId }) => legId)).not.toContain('alpha-2.1.1');
    expect(kept.map(({ legId }) => legId)).toContain('alpha-3.1.1');
  });
});
