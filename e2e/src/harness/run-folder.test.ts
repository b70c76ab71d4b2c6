import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freePorts } from './ports.ts';
import { createRunFolder } from './run-folder.ts';

describe('a run folder', () => {
  it('is new for each run, and gone with all it holds when removed', async () => {
    const base = await mkdtemp(join(tmpdir(), 'stoa-run-test-'));
    const one = await createRunFolder(join(base, 'made', 'on', 'demand'));
    const other = await createRunFolder(join(base, 'made', 'on', 'demand'));
    await writeFile(join(await one.folder('venue'), 'log'), 'text');

    expect(one.path).not.toBe(other.path);
    await one.remove();
    await one.remove();
    expect(existsSync(one.path)).toBe(false);
    expect(existsSync(other.path)).toBe(true);
    await rm(base, { recursive: true });
  });
});

describe('free ports', () => {
  it('are all different, and can be listened on', async () => {
    const ports = await freePorts(20);

    expect(new Set(ports).size).toBe(20);
    const server = createServer().listen(ports[0], '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    await new Promise((resolve) => server.close(resolve));
  });
});
