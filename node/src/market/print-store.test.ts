import { Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type OpenDatabase, openDatabase } from '../store/database.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../store/testing/temporary-databases.ts';
import { createLogger } from '../telemetry/logger.ts';
import { createPostgresArchive } from './postgres-frame-archive.ts';
import { createPrintHistory, type PrintWord, recordPrints } from './print-store.ts';

const instrument = `eip155:1/erc20:0x${'a1'.repeat(20)}`;
const MINUTE = 60_000;
/** A whole hour. */
const START = 1_700_002_800_000;

let at = 0;
function word(executionId: string, changes: Partial<PrintWord> = {}): PrintWord {
  at += 1;
  return {
    ...{ venue: 'alpha', executionId, instrument, action: 'print', price: 100, quantity: 10 },
    ...{ executedAtMs: START, epoch: 1, sequence: at, entry: 0, ...changes },
  };
}

let databases: TemporaryDatabases;
let store: OpenDatabase;
beforeAll(async () => {
  databases = await startTemporaryDatabases();
});
afterAll(() => databases.stop());
beforeEach(async () => {
  store = await openDatabase(await databases.empty('prints'));
  return () => store.close();
});

const all = async (filter = {}) =>
  createPrintHistory(store.db).read({ instrument, ...filter }, {}, true, 100);

describe('the prints of the store', () => {
  it('are what venues said last, in whatever order it comes, and however often', async () => {
    const printed = word('one', { price: 100 });
    const corrected = word('one', { action: 'correct', price: 101 });
    const busted = word('two', { price: 90, executedAtMs: START + 1 });
    const bust = word('two', { action: 'bust', price: 0, quantity: 0, executedAtMs: START + 9 });
    const expected = [
      expect.objectContaining({
        executionId: 'one',
        price: 101,
        isCorrected: true,
        isBusted: false,
      }),
      expect.objectContaining({ executionId: 'two', price: 90, quantity: 10, isBusted: true }),
    ];
    // All at once, in the wrong order, with repeats.
    await recordPrints(store.db, [bust, corrected, printed, busted, printed]);
    expect(await all()).toEqual(expected);
    await recordPrints(store.db, [printed]);
    await recordPrints(store.db, [busted, corrected]);
    expect(await all()).toEqual(expected);
  });

  it('come in pages by time, venue and id, within a range', async () => {
    const words = Array.from({ length: 25 }, (_each, index) =>
      word(`t${String(index).padStart(2, '0')}`, {
        executedAtMs: START + Math.trunc(index / 3) * 1_000,
        venue: index % 2 === 0 ? 'alpha' : 'beta',
      }),
    );
    await recordPrints(store.db, words);
    const history = createPrintHistory(store.db);
    const seen: string[] = [];
    let olderThan;
    for (;;) {
      const page = await history.read({ instrument }, olderThan ? { olderThan } : {}, false, 7);
      if (page.length === 0) break;
      seen.push(...page.map(({ executionId }) => executionId));
      olderThan = page.at(-1);
    }
    expect(seen).toHaveLength(25);
    expect(new Set(seen).size).toBe(25);
    const beta = await all({ venue: 'beta', fromMs: START + 1_000, toMs: START + 2_000 });
    expect(beta.map(({ executionId }) => executionId)).toEqual(['t03', 't05']);
    expect(await all({ instrument: 'another' })).toEqual([]);
  });

  it('make candles, without what was busted and as it was corrected', async () => {
    await recordPrints(store.db, [
      word('a', { price: 100, executedAtMs: START }),
      word('b', { price: 130, quantity: 1, executedAtMs: START + MINUTE - 1 }),
      word('c', { price: 120, executedAtMs: START + 30_000 }),
      word('c', { action: 'correct', price: 80, quantity: 5, executedAtMs: START + 30_000 }),
      word('d', { price: 999, executedAtMs: START + 40_000 }),
      word('d', { action: 'bust' }),
      word('e', { price: 110, executedAtMs: START + 3 * MINUTE, venue: 'beta' }),
      word('f', { price: 1, executedAtMs: START + 5 * MINUTE }),
    ]);
    const history = createPrintHistory(store.db);
    const range = { instrument, fromMs: START, toMs: START + 5 * MINUTE };
    expect(await history.candles(range, MINUTE)).toEqual([
      {
        ...{ startMs: START, trades: 3, open: 100, high: 130, low: 80, close: 130 },
        ...{ volume: 16n, notional: 1_000n + 130n + 400n },
      },
      {
        ...{ startMs: START + 3 * MINUTE, trades: 1, open: 110, high: 110, low: 110, close: 110 },
        ...{ volume: 10n, notional: 1_100n },
      },
    ]);
    expect(await history.candles({ ...range, venue: 'beta' }, 60 * MINUTE)).toMatchObject([
      { startMs: START, trades: 1 },
    ]);
  });

  it('are written with the frames they came in, when those counted', async () => {
    const archive = createPostgresArchive(
      { maxAgeMs: 1e9, maxFrames: 1_000 },
      {
        database: store.db,
        logger: createLogger('test', 'silent'),
        registry: new Registry(),
        now: () => START,
      },
    );
    const keep = (sequence: number, executionId: string, counts: boolean) => {
      const { epoch, entry: _entry, venue, sequence: _sequence, ...trade } = word(executionId);
      const frame = {
        ...{
          version: 1,
          venue,
          epoch,
          sequence,
          sentAtMs: START,
          previousHash: new Uint8Array(32),
        },
        entries: [{ kind: 'trade' as const, ...trade }],
      };
      archive.keep({ frame, bytes: Uint8Array.of(1) } as never, { receivedAtMs: START, counts });
    };
    keep(1, 'counts', true);
    keep(2, 'does not', false);
    archive.start();
    await archive.stop();
    expect((await all()).map(({ executionId }) => executionId)).toEqual(['counts']);
  });
});
