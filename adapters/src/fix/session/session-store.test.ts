import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SessionStore, type SessionStoreOptions } from './session-store.ts';

const note = (text: string): Buffer => Buffer.from(text);

describe('the session store', () => {
  let folder: string;
  let path: string;
  const stores: SessionStore[] = [];
  beforeEach(() => {
    folder = fs.mkdtempSync(join(os.tmpdir(), 'stoa-fix-store-'));
    path = join(folder, 'session.log');
  });
  afterEach(() => {
    for (const store of stores.splice(0)) store.close();
    fs.rmSync(folder, { recursive: true });
  });

  function open(more: Partial<SessionStoreOptions> = {}): { store: SessionStore; notes: string[] } {
    const notes: string[] = [];
    const store = new SessionStore({
      ...{ path, durability: 'page-cache', nowMs: () => 1_000 },
      onNote: (one) => notes.push(one.toString()),
      ...more,
    });
    stores.push(store);
    return { store, notes };
  }

  it('has numbers, messages and notes again, each as it was last', () => {
    const { store } = open();
    store.sent(1, undefined);
    store.sent(2, note('order'), note('asked'));
    store.received(5, note('learned'));
    store.note(note('more'));
    store.received(6);
    store.close();
    const again = open();
    expect([again.store.nextOut, again.store.nextIn, again.store.begunAtMs]).toEqual([3, 6, 1_000]);
    expect(again.store.message(2)?.toString()).toBe('order');
    expect(again.store.message(1)).toBeUndefined();
    expect(again.notes).toEqual(['asked', 'learned', 'more']);
  });

  it('begins anew without the messages, and with what the application keeps', () => {
    const { store } = open({ snapshot: () => [note('all of it')] });
    store.sent(1, note('order'), note('asked'));
    store.reset(1, 1);
    expect(store.message(1)).toBeUndefined();
    store.sent(1, note('next'), note('asked next'));
    store.close();
    const again = open();
    expect([again.store.nextOut, again.store.nextIn]).toEqual([2, 1]);
    expect(again.store.message(1)?.toString()).toBe('next');
    expect(again.notes).toEqual(['all of it', 'asked next']);
  });

  it('drops what a crash cut off, wherever, and goes on from there', () => {
    const { store } = open();
    store.sent(1, note('first'));
    const whole = fs.statSync(path).size;
    store.sent(2, note('second'), note('n'));
    store.close();
    const bytes = fs.readFileSync(path);
    for (let cut = whole; cut < bytes.length; cut += 1) {
      fs.writeFileSync(path, bytes.subarray(0, cut));
      const again = open();
      expect([again.store.nextOut, again.notes], `cut at ${cut}`).toEqual([2, []]);
      again.store.sent(2, note('third'));
      again.store.close();
      const last = open().store;
      expect(last.message(2)?.toString()).toBe('third');
      last.close();
    }
  });

  it('does not open when it was changed within', () => {
    const { store } = open();
    store.sent(1, note('first'));
    const at = fs.statSync(path).size - 2;
    store.sent(2, note('second'));
    store.close();
    const bytes = fs.readFileSync(path);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    fs.writeFileSync(path, bytes);
    expect(() => open()).toThrow(/is damaged/);
  });

  it('says when everything is on the disk, also what comes while it writes', async () => {
    const { store } = open({ durability: 'fdatasync' });
    store.sent(1, note('first'));
    const first = store.synced();
    store.sent(2, note('second'));
    const second = store.synced();
    expect(first).toBeInstanceOf(Promise);
    expect(second).not.toBe(first);
    await second;
    expect(store.synced()).toBeUndefined();
  });

  it('is one process’s at a time, and the next one’s when that was killed', async () => {
    const program = `
      const { SessionStore } = await import(${JSON.stringify(new URL('./session-store.ts', import.meta.url).href)});
      new SessionStore({ path: ${JSON.stringify(path)}, durability: 'page-cache', nowMs: Date.now });
      process.stdout.write('open');
      setInterval(() => undefined, 1_000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      await once(child.stdout, 'data');
      expect(() => open()).toThrow(
        expect.objectContaining({ code: 'FIX_STORE_LOCKED', data: { path, pid: child.pid } }),
      );
    } finally {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    }
    open().store.sent(1, undefined);
    expect(() => open()).toThrow(expect.objectContaining({ code: 'FIX_STORE_LOCKED' }));
  });

  it('does not take another process for the holder that has its id by now', () => {
    open().store.close();
    const other = { pid: process.ppid, begun: '1', boot: 'another' };
    fs.writeFileSync(`${path}.lock`, JSON.stringify(other));
    open().store.sent(1, undefined);
    expect(fs.readdirSync(folder).toSorted()).toEqual(['session.log', 'session.log.lock']);
  });
});
