import { existsSync, readdirSync, statSync } from 'node:fs';
import { chmod, cp, lstat, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installedBinaries, runnableBinaries, type ServerUser } from './postgres-binaries.ts';

const isRoot = process.getuid?.() === 0;
const nobody: ServerUser | undefined = isRoot
  ? { uid: 65_534, gid: 65_534, name: 'nobody' }
  : undefined;

let folder: string;
let open: string;
let hidden: { folder: string; version: string };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stoa-binaries-test-'));
  await chmod(folder, 0o755);
  open = join(folder, 'open');
  await mkdir(open);
  // An installation as npm leaves it without install scripts, under a folder like root's home.
  const home = join(folder, 'home');
  const installed = installedBinaries();
  hidden = { folder: join(home, 'native'), version: installed.version };
  await cp(installed.folder, hidden.folder, { recursive: true, verbatimSymlinks: true });
  await chmod(home, 0o700);
  const libraries = join(hidden.folder, 'lib');
  for (const name of await readdir(libraries)) {
    if ((await lstat(join(libraries, name))).isSymbolicLink()) await rm(join(libraries, name));
  }
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('the PostgreSQL binaries', () => {
  it('are run where npm put them, if the server’s user can', async () => {
    const native = installedBinaries();
    const binaries = await runnableBinaries(native, undefined, []);

    expect(binaries).toMatchObject({
      copied: false,
      postgres: join(native.folder, 'bin/postgres'),
    });
  });

  it('are copied once, with their libraries linked, if it cannot', async () => {
    const binaries = await runnableBinaries(hidden, nobody, [open]);

    expect(binaries.copied).toBe(true);
    expect(binaries.postgres.startsWith(open)).toBe(true);
    const { mtimeMs } = statSync(binaries.postgres);
    expect(await runnableBinaries(hidden, nobody, [open])).toEqual(binaries);
    expect(statSync(binaries.postgres).mtimeMs).toBe(mtimeMs);
    expect(readdirSync(open)).toHaveLength(1);
  });

  it('are refused from a copy that others can write to', async () => {
    const binaries = await runnableBinaries(hidden, nobody, [open]);
    await chmod(join(binaries.postgres, '../..'), 0o777);

    await expect(runnableBinaries(hidden, nobody, [open])).rejects.toMatchObject({
      code: 'POSTGRES_UNAVAILABLE',
    });
    expect(existsSync(binaries.postgres)).toBe(true);
  });

  it('leave nothing behind where no copy can be made', async () => {
    const missing = { ...hidden, folder: join(folder, 'missing') };
    const empty = join(folder, 'empty');
    await mkdir(empty);

    await expect(runnableBinaries(missing, nobody, [empty])).rejects.toMatchObject({
      code: 'POSTGRES_UNAVAILABLE',
    });
    expect(readdirSync(empty)).toEqual([]);
  });
});
