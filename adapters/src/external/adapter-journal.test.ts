import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AdapterJournal } from './adapter-journal.ts';

describe('the journal of an adapter', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'stoa-journal-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const file = () => join(folder, 'orders.journal');

  it('holds what was appended, also without having been closed', async () => {
    const { journal } = AdapterJournal.open<number>(folder);
    journal.append([1, 2]);
    const both = Promise.all([journal.synced(), journal.synced()]);
    journal.append([3]);
    await both;
    await journal.synced();
    expect(AdapterJournal.open<number>(folder).entries).toEqual([1, 2, 3]);
    journal.rewrite([3]);
    journal.append([4]);
    await journal.close();
    expect(AdapterJournal.open<number>(folder).entries).toEqual([3, 4]);
  });

  it('drops a last line that a crash cut off, and goes on behind what stands', async () => {
    const { journal } = AdapterJournal.open<string>(folder);
    journal.append(['whole']);
    await journal.close();
    appendFileSync(file(), '1234abcd "cut o');
    const again = AdapterJournal.open<string>(folder);
    expect(again.entries).toEqual(['whole']);
    again.journal.append(['next']);
    await again.journal.close();
    expect(AdapterJournal.open<string>(folder).entries).toEqual(['whole', 'next']);
  });

  it('does not start over damage within it', async () => {
    const { journal } = AdapterJournal.open<string>(folder);
    journal.append(['one', 'two']);
    await journal.close();
    writeFileSync(file(), readFileSync(file(), 'utf8').replace('one', 'One'));
    expect(() => AdapterJournal.open<string>(folder)).toThrow(/damaged at byte 0/);
  });
});
