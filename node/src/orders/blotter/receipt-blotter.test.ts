import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type OpenDatabase, openDatabase } from '../../store/database.ts';
import { fades } from '../../store/tables/fades.ts';
import { receipts } from '../../store/tables/receipts.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../../store/testing/temporary-databases.ts';
import { storeOrder } from '../testing/stored-orders.ts';
import { INSTRUMENT } from '../testing/test-network.ts';
import {
  createReceiptBlotter,
  type ReceiptBlotter,
  type ReceiptFilter,
} from './receipt-blotter.ts';

let databases: TemporaryDatabases;
let store: OpenDatabase;
let blotter: ReceiptBlotter;

const decision = (orderId: string, revision: number, atMs: number) => ({
  ...{ orderId, revision, kind: 'decision' as const, round: revision, atMs, hash: '' },
  body: JSON.stringify({
    kind: 'decision',
    orderId,
    revision,
    directory: '',
    venues: [],
    legs: [],
  }),
  signature: Uint8Array.of(1, 2, 3),
});
const fade = (legId: string, verdict: 'fade' | 'unanswered' | 'excused' | null) => ({
  ...{ legId, orderId: 'alpha-1', round: 1, venue: 'beta', instrument: INSTRUMENT.id },
  ...{ side: 'buy' as const, quantity: 100, limitPrice: 1_000, dueAtMs: 9_000 },
  ...{ verdict, code: verdict && 'SHORT', message: verdict && 'It filled less than it showed.' },
});

beforeAll(async () => {
  databases = await startTemporaryDatabases();
  store = await openDatabase(await databases.empty('receipts'));
  blotter = createReceiptBlotter('alpha', store.db);
  for (const number of [1, 2, 3]) await storeOrder(store.db, number);
  await storeOrder(store.db, 4, { member: 'other' });
  await store.db
    .insert(receipts)
    .values([
      ...[decision('alpha-1', 1, 1_000), decision('alpha-1', 2, 1_500)],
      ...[decision('alpha-3', 1, 3_000), decision('alpha-4', 1, 4_000)],
    ]);
  await store.db
    .insert(fades)
    .values([
      ...[fade('alpha-1.1.1', 'fade'), fade('alpha-1.2.1', 'excused')],
      ...[fade('alpha-1.3.1', 'unanswered'), fade('alpha-1.4.1', null)],
    ]);
}, 60_000);
afterAll(async () => {
  await store.close();
  await databases.stop();
});

describe('the receipts of a member', () => {
  it.each<[ReceiptFilter, string]>([
    [{}, 'alpha-3 alpha-1'],
    [{ orderId: 'alpha-1' }, 'alpha-1'],
    [{ orderId: 'alpha-2' }, ''],
    [{ orderId: 'alpha-4' }, ''],
    [{ orderId: '\u0000' }, ''],
    [{ instrument: INSTRUMENT.id, beganFromMs: 1_001 }, 'alpha-3'],
    [{ beganFromMs: 1_000, beganToMs: 3_000 }, 'alpha-1'],
  ])('are listed by order, the newest first: %j', async (filter, ids) => {
    const page = await blotter.receipts('broker', { limit: 10, backward: false }, filter);
    expect(page.edges.map(({ cursor }) => cursor).join(' ')).toBe(ids);
  });

  it('come in pages, and whole', async () => {
    const page = await blotter.receipts('broker', { limit: 1, backward: true }, {});
    expect(page.edges).toEqual([
      {
        cursor: 'alpha-1',
        node: {
          ...{ orderId: 'alpha-1', revisions: 2 },
          ...{ beganAtMs: 1_000, updatedAtMs: 1_500 },
        },
      },
    ]);
    expect(await page.hasPrevious()).toBe(true);
    expect(JSON.parse(await blotter.document('alpha-1'))).toMatchObject({
      format: 'stoa-receipt/1',
      revisions: [{ body: { revision: 1 }, signature: 'AQID' }, { body: { revision: 2 } }],
    });
    const of = await blotter.receiptsOf(['alpha-1', 'alpha-2', 'alpha-3']);
    expect([...of.keys()].sort()).toEqual(['alpha-1', 'alpha-3']);
  });

  it('go with the quotes that were not honoured, not with those that may have been', async () => {
    const found = await blotter.fadesOf(['alpha-1', 'alpha-3']);
    expect(found.get('alpha-1')).toEqual([
      expect.objectContaining({ legId: 'alpha-1.1.1', proven: true, code: 'SHORT' }),
      expect.objectContaining({ legId: 'alpha-1.3.1', proven: false, foundAtMs: 9_000 }),
    ]);
    expect(found.get('alpha-3')).toBeUndefined();
    expect(await blotter.fadeDocument('alpha-1.1.1')).toBeUndefined();
  });
});
