import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EngineEvents } from '../engine-events.ts';
import { applyOperation, type EngineOperation } from '../engine-operation.ts';
import { MatchingEngine } from '../matching-engine.ts';
import { randomOperations } from '../testing/random-operations.ts';
import { OperationJournal, type OperationJournalOptions } from './operation-journal.ts';

const ONE = 'eip155:1/erc20:0x0000000000000000000000000000000000000001';
const TWO = 'eip155:1/erc20:0x0000000000000000000000000000000000000002';

describe('the operation journal', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'stoa-journal-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** A venue of two books at a journal, opened anew. */
  async function opened(
    options: OperationJournalOptions = {},
    books: readonly string[] = [ONE, TWO],
  ) {
    const engines = new Map(books.map((id) => [id, new MatchingEngine(new EngineEvents())]));
    const { journal, found } = await OperationJournal.open(folder, engines, options);
    const apply = (instrument: string, operation: EngineOperation): void => {
      const engine = engines.get(instrument);
      if (engine === undefined) throw new RangeError('no such book');
      journal.append(instrument, operation);
      applyOperation(engine, operation);
    };
    const digests = () => [...engines.values()].map((engine) => engine.digest());
    return { journal, found, apply, digests };
  }

  async function segment(): Promise<string> {
    const name = (await readdir(folder)).find((one) => one.endsWith('.log'));
    return join(folder, name ?? '');
  }

  it.each([1, 2, 3])('replays random operations to the same digest, seed %i', async (seed) => {
    const next = randomOperations(seed);
    let venue = await opened({ operationsASegment: 700 });
    for (let step = 1; step <= 3_000; step += 1) {
      venue.apply(step % 2 === 0 ? ONE : TWO, next(step));
      if (step % 40 === 0) await venue.journal.committed();
      if (step % 1_000 !== 0) continue;
      const digests = venue.digests();
      await venue.journal.close();
      venue = await opened({ operationsASegment: 700 });
      expect(venue.digests()).toEqual(digests);
      expect(venue.found).toMatchObject({ operations: step, tornBytes: 0, unknownBooks: [] });
    }
    await venue.journal.close();
  });

  it('acknowledges nothing before it is on the disk', async () => {
    const venue = await opened();
    const before = (await readFile(await segment())).length;
    venue.apply(ONE, { kind: 'halt' });
    expect((await readFile(await segment())).length).toBe(before);
    await venue.journal.committed();
    expect((await readFile(await segment())).length).toBeGreaterThan(before);
    await venue.journal.close();
  });

  it('drops a last write that a crash cut off, and says how much', async () => {
    const venue = await opened();
    const next = randomOperations(4);
    for (let step = 1; step <= 50; step += 1) venue.apply(ONE, next(step));
    await venue.journal.committed();
    const digests = venue.digests();
    const whole = (await readFile(await segment())).length;
    for (let step = 51; step <= 60; step += 1) venue.apply(ONE, next(step));
    await venue.journal.close();
    const all = await readFile(await segment());
    for (const cut of [whole + 1, whole + 23, whole + 40, all.length - 1]) {
      for (const name of await readdir(folder)) await rm(join(folder, name));
      await writeFile(join(folder, 'journal-0000000000000000.log'), all.subarray(0, cut));
      const again = await opened();
      expect(again.found).toMatchObject({ operations: 50, tornBytes: cut - whole });
      expect(again.digests()).toEqual(digests);
      await again.journal.close();
    }
  });

  it('drops what a crash left of a file longer than what was written', async () => {
    const venue = await opened();
    venue.apply(ONE, { kind: 'halt' });
    await venue.journal.close();
    await appendFile(await segment(), Buffer.alloc(5_000));
    const again = await opened();
    expect(again.found).toMatchObject({ operations: 1, tornBytes: 5_000 });
    await again.journal.close();
  });

  it('refuses to start where something durable was changed, and names the file', async () => {
    const venue = await opened();
    const next = randomOperations(5);
    for (let step = 1; step <= 30; step += 1) {
      venue.apply(ONE, next(step));
      await venue.journal.committed();
    }
    await venue.journal.close();
    const path = await segment();
    const good = await readFile(path);
    for (const at of [0, 30, 200, Math.floor(good.length / 2)]) {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] ?? 0) ^ 1;
      await writeFile(path, bad);
      await expect(opened(), `byte ${at}`).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
    }
    await writeFile(path, good);
    await (await opened()).journal.close();
  });

  it('refuses a broken snapshot, and a gap between snapshot and operations', async () => {
    const venue = await opened({ operationsASegment: 10 });
    for (let step = 1; step <= 25; step += 1) {
      venue.apply(ONE, { kind: 'resume' });
      await venue.journal.committed();
    }
    await venue.journal.close();
    const names = await readdir(folder);
    expect(names.sort()).toEqual(['journal-0000000000000020.log', 'snapshot-0000000000000020.bin']);
    const snapshot = join(folder, 'snapshot-0000000000000020.bin');
    const good = await readFile(snapshot);
    await truncate(snapshot, good.length - 3);
    await expect(opened()).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
    await rm(snapshot);
    await expect(opened()).rejects.toMatchObject({ code: 'JOURNAL_CORRUPT' });
    await writeFile(snapshot, good);
    const again = await opened();
    expect(again.found).toMatchObject({ operations: 25, replayed: 5 });
    await again.journal.close();
  });

  it('leaves out the books of instruments that are no more, and says so', async () => {
    const venue = await opened();
    venue.apply(TWO, { kind: 'halt' });
    await venue.journal.close();
    const again = await opened({}, [ONE]);
    expect(again.found.unknownBooks).toEqual([TWO]);
    await again.journal.close();
  });

  it('refuses a name that is too long to be kept, and writes nothing of it', async () => {
    const venue = await opened();
    const ref = 'x'.repeat(30_000);
    const order = { ref, side: 'buy', price: 1, quantity: 1, timeInForce: 'day' } as const;
    expect(() => venue.apply(ONE, { kind: 'submit', order })).toThrow('too long');
    venue.apply(ONE, { kind: 'submit', order: { ...order, ref: 'é'.repeat(20_000) } });
    const digests = venue.digests();
    await venue.journal.close();
    const again = await opened();
    expect(again.found.operations).toBe(1);
    expect(again.digests()).toEqual(digests);
    await again.journal.close();
  });

  it('says that nothing more is durable once a write has failed', async () => {
    const venue = await opened();
    // A closed file takes no more.
    await venue.journal.close();
    venue.apply(ONE, { kind: 'halt' });
    await expect(venue.journal.committed()).rejects.toMatchObject({ code: 'JOURNAL_FAILED' });
    await expect(venue.journal.committed()).rejects.toMatchObject({ code: 'JOURNAL_FAILED' });
  });

  it('has everything that was acknowledged after kill -9, five times', async () => {
    const seed = 20_261_123;
    let acknowledged = 0;
    for (let kill = 1; kill <= 5; kill += 1) {
      acknowledged = await writeAndKill(folder, seed, acknowledged + 1_000 * kill);
      const { journal, found, digests } = await opened({}, [ONE]);
      await journal.close();
      expect(found.operations).toBeGreaterThanOrEqual(acknowledged);
      const engine = new MatchingEngine(new EngineEvents());
      const next = randomOperations(seed);
      for (let step = 1; step <= found.operations; step += 1) applyOperation(engine, next(step));
      expect(digests()).toEqual([engine.digest()]);
    }
  });
});

/** Lets a process write until it has acknowledged so many, kills it, and answers the last it said. */
async function writeAndKill(folder: string, seed: number, enough: number): Promise<number> {
  const path = join(import.meta.dirname, '../testing/journal-writer-process.ts');
  const child = spawn(process.execPath, [path, folder, ONE, String(seed)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  let last = 0;
  for await (const line of createInterface(child.stdout)) {
    last = Number(line);
    if (last >= enough) child.kill('SIGKILL');
  }
  await exited;
  return last;
}
