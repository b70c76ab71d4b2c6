import { setTimeout as sleep } from 'node:timers/promises';
import { type Entry, verifierOf } from '@stoa/schema';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { memoryDirectory, testInstrument } from '../network/testing/memory-directory.ts';
import { type OpenDatabase, openDatabase } from '../store/database.ts';
import {
  startTemporaryDatabases,
  type TemporaryDatabases,
} from '../store/testing/temporary-databases.ts';
import { createLogger } from '../telemetry/logger.ts';
import { until } from '../testing/until.ts';
import { createFramePruning } from './frame-pruning.ts';
import { createMarket, type Market } from './market.ts';
import { createPostgresArchive, type PostgresArchive } from './postgres-frame-archive.ts';
import { recordedBook } from './recorded-book.ts';
import { bookEntry, frameChain, signedFrame, TEST_NOW_MS } from './testing/frame-maker.ts';

const HOUR_MS = 3_600_000;
const EPOCH = TEST_NOW_MS - 60_000;
const instrument = testInstrument(1);
const { id } = instrument;
const logger = createLogger('test', 'silent');

let databases: TemporaryDatabases;
let store: OpenDatabase;
const ended: (() => Promise<void> | void)[] = [];

beforeAll(async () => {
  databases = await startTemporaryDatabases();
});
afterAll(() => databases.stop());
afterEach(async () => {
  for (const end of ended.splice(0).reverse()) await end();
});

async function openStore(): Promise<void> {
  store = await openDatabase(await databases.empty('archive'));
  ended.push(() => store.close());
}

function openArchive(registry = new Registry(), maxQueuedFrames?: number): PostgresArchive {
  const archive = createPostgresArchive(
    { maxAgeMs: 72 * HOUR_MS, maxFrames: 1_000_000 },
    {
      ...{ database: store.db, logger, registry, now: () => TEST_NOW_MS },
      ...(maxQueuedFrames === undefined ? {} : { maxQueuedFrames }),
    },
  );
  archive.start();
  ended.push(() => archive.stop());
  return archive;
}

function startMarket(archive: PostgresArchive): { market: Market; clock: { nowMs: number } } {
  const clock = { nowMs: TEST_NOW_MS };
  const market = createMarket(
    { staleAfterMs: 3_000, maxClockSkewMs: 2_000 },
    {
      directory: memoryDirectory(['alpha', 'beta'], [], [instrument]),
      ...{ logger, registry: new Registry(), archive, now: () => clock.nowMs },
      ...{ verifier: verifierOf, ownKey: '', peers: () => [], pull: async () => [] },
    },
  );
  market.start();
  ended.push(() => market.stop());
  return { market, clock };
}

const print = (executionId: string, price: number): Entry => ({
  ...{ kind: 'trade', action: 'print', instrument: id, executionId },
  ...{ price, quantity: 1, executedAtMs: TEST_NOW_MS },
});

async function collect(frames: AsyncIterable<Uint8Array>): Promise<string[]> {
  const all: string[] = [];
  for await (const bytes of frames) all.push(hex(bytes));
  return all;
}

async function countOf(registry: Registry, outcome: string): Promise<number> {
  const metric = await registry.getSingleMetric('stoa_frames_archived_total')?.get();
  return metric?.values.find(({ labels }) => labels['outcome'] === outcome)?.value ?? 0;
}

describe('a market with a store', () => {
  it('serves frames that memory has let go, byte for byte, and after a restart', async () => {
    await openStore();
    const archive = openArchive();
    const { market } = startMarket(archive);
    const write = frameChain('alpha', EPOCH);
    const frames = Array.from({ length: 5_000 }, () => write([bookEntry(id, [[1, 1]], [])]));
    for (const bytes of frames) market.receive(bytes, 'pushed', 'alpha');
    await archive.stop();
    const range = { venue: 'alpha', epoch: EPOCH };
    const old = await collect(market.frames({ ...range, from: 1, to: 100 }));
    const sent = frames.map(hex);
    expect(old).toEqual(sent.slice(0, 100));
    const across = await collect(market.frames({ ...range, from: 700, to: 5_000 }));
    expect(across).toEqual(sent.slice(699));
    // More in the store than one answer holds: memory's frames behind it would leave a hole.
    const long = await collect(market.frames({ ...range, from: 300, to: 5_000 }));
    expect(long).toEqual(sent.slice(299, 299 + 512));

    const { market: again } = startMarket(openArchive());
    expect(await collect(again.frames({ ...range, from: 4_990, to: 9_000 }))).toEqual(
      sent.slice(4_989),
    );
  });

  it("has the day's trades and its proofs back after a restart", async () => {
    await openStore();
    const archive = openArchive();
    const { market } = startMarket(archive);
    const write = frameChain('alpha', EPOCH);
    for (const [name, price] of [
      ['t1', 10],
      ['t2', 20],
    ] as const) {
      market.receive(write([print(name, price)]), 'pushed', 'alpha');
    }
    market.receive(
      write([{ ...print('t1', 0), quantity: 0, action: 'bust' } as Entry]),
      'pushed',
      'alpha',
    );
    const [one, two] = [1, 2].map((price) =>
      signedFrame({ venue: 'beta', entries: [bookEntry(id, [[price, 1]], [])] }),
    );
    market.receive(one as Uint8Array, 'pushed', 'beta');
    market.receive(two as Uint8Array, 'pushed', 'beta');
    const figures = market.statistics(id).consolidated;
    expect(figures).toMatchObject({ trades: 1, volume: 1n, notional: 20n });
    await archive.stop();

    const { market: again } = startMarket(openArchive());
    await until(() => again.proofs().length === 1 && again.statistics(id).consolidated.trades > 0);
    await sleep(50);
    expect(again.statistics(id).consolidated).toEqual(figures);
    expect(again.proofs().map(({ venue, code, frames }) => [venue, code, frames.map(hex)])).toEqual(
      [['beta', 'EQUIVOCATION', [hex(one), hex(two)]]],
    );
    // What comes a second time, now from a peer, counts once.
    again.receive(frameChain('alpha', EPOCH)([print('t1', 10)]), 'pushed', 'alpha');
    expect(again.statistics(id).consolidated).toEqual(figures);
  });

  it('does not count trades of frames that were refused', async () => {
    await openStore();
    const archive = openArchive();
    const { market } = startMarket(archive);
    const wrong = bookEntry(id, [[1, 0]], []);
    market.receive(frameChain('alpha', EPOCH)([print('t1', 10), wrong]), 'pushed', 'alpha');
    await archive.stop();
    const { market: again } = startMarket(openArchive());
    await sleep(100);
    expect(again.statistics(id).consolidated.trades).toBe(0);
  });

  it('tells the book of the past', async () => {
    await openStore();
    const archive = openArchive();
    const { market, clock } = startMarket(archive);
    const write = frameChain('alpha', EPOCH);
    for (let step = 0; step < 600; step += 1) {
      clock.nowMs = TEST_NOW_MS + step;
      const entries = step === 3 ? [bookEntry(id, [[7, 1]], [])] : [];
      market.receive(write(entries, clock.nowMs), 'pushed', 'alpha');
    }
    const listed = () => instrument;
    const told = await recordedBook(archive, id, TEST_NOW_MS + 599, { listed });
    expect(told).toMatchObject({ complete: true, frames: 600 });
    expect(told?.book.bids[0]?.price).toBe(7);
    expect(await recordedBook(archive, id, TEST_NOW_MS + 2, { listed })).toBeUndefined();
  });
});

describe('a store that fails', () => {
  it('holds up nothing: what waits is bounded, what does not fit is counted', async () => {
    await openStore();
    const registry = new Registry();
    const mostQueued = 1_024;
    const archive = openArchive(registry, mostQueued);
    const { market } = startMarket(archive);
    await store.sql`alter table frames rename to frames_away`;
    const write = frameChain('alpha', EPOCH);
    for (let frame = 0; frame < mostQueued + 100; frame += 1) {
      const verdict = market.receive(write([]), 'pushed', 'alpha');
      expect(verdict.verdict).toBe('accept');
    }
    expect(await countOf(registry, 'dropped')).toBe(100);
    await sleep(300);
    await store.sql`alter table frames_away rename to frames`;
    while ((await countOf(registry, 'written')) < mostQueued) await sleep(50);
    const [row] = await store.sql<{ count: number }[]>`select count(*)::int as count from frames`;
    expect(row?.count).toBe(mostQueued);
  });
});

describe('retention', () => {
  it('keeps what is young enough, and of each venue the newest', async () => {
    await openStore();
    const clock = { nowMs: TEST_NOW_MS };
    const needs = { database: store.db, logger, registry: new Registry(), now: () => clock.nowMs };
    const insert = (venue: string, epoch: number, sequence: number, atMs: number) =>
      store.sql`insert into frames values (${venue}, ${epoch}, ${sequence}, ${atMs}, ${atMs}, false, '')`;
    for (let sequence = 1; sequence <= 10; sequence += 1) {
      await insert('alpha', 1, sequence, TEST_NOW_MS + sequence * 1_000);
      await insert('beta', 2, sequence, TEST_NOW_MS);
    }
    await insert('alpha', 2, 1, TEST_NOW_MS + 20_000);
    const pruning = createFramePruning({ maxAgeMs: HOUR_MS, maxFrames: 4 }, needs);
    expect(await pruning.prune()).toBe(7 + 6);
    const left = async () =>
      (await store.sql`select venue, epoch::int, sequence::int from frames order by 1, 2, 3`).map(
        ({ venue, epoch, sequence }) => `${venue} ${epoch} ${sequence}`,
      );
    expect(await left()).toEqual([
      ...['alpha 1 8', 'alpha 1 9', 'alpha 1 10', 'alpha 2 1'],
      ...['beta 2 7', 'beta 2 8', 'beta 2 9', 'beta 2 10'],
    ]);
    clock.nowMs = TEST_NOW_MS + HOUR_MS + 9_500;
    expect(await pruning.prune()).toBe(6);
    expect(await left()).toEqual(['alpha 1 10', 'alpha 2 1']);
  });
});

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('hex');
}
