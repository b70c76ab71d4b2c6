import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync, statSync } from 'node:fs';
import {
  chmod,
  chown,
  link,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  unlink,
} from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CodedError } from '@stoa/schema';
import {
  findPostgresBinaries,
  type PostgresBinaries,
  type ServerUser,
} from './postgres-binaries.ts';
import { clusterNameOf, isAlive } from './postgres-process.ts';

const superuser = 'stoa';
const initTimeoutMs = 60_000;

/** A PostgreSQL data folder, made and ready for a server. */
export interface PostgresCluster {
  readonly dataDir: string;
  /** PostgreSQL's own data folder. */
  readonly folder: string;
  /** Told apart from every other cluster's on this machine, see `clusterNameOf`. */
  readonly name: string;
  readonly superuser: string;
  readonly password: string;
  readonly user: ServerUser | undefined;
}

/** Find the binaries and the user to run them as; make the cluster where there is none. */
export async function prepareCluster(
  folderOfAll: string,
): Promise<{ cluster: PostgresCluster; binaries: PostgresBinaries }> {
  const dataDir = resolve(folderOfAll);
  await mkdir(dataDir, { recursive: true });
  const folder = join(dataDir, 'cluster');
  const user = serverUser(folder);
  const binaries = await findPostgresBinaries(user);
  const password = await readOrMakePassword(dataDir, existsSync(folder));
  if (!existsSync(folder)) await initialise(dataDir, folder, password, binaries, user);
  const name = clusterNameOf(folder);
  return { cluster: { dataDir, folder, name, superuser, password, user }, binaries };
}

/** The data folder as the server has to be told it, and how to start its process. */
export function serverArguments(cluster: PostgresCluster) {
  return {
    data: dataArgument(cluster.folder, cluster.user),
    options: spawnOptions(cluster.folder, cluster.user),
  };
}

/**
 * The user to run the server as: undefined means ourselves. An existing cluster keeps its owner.
 * Otherwise `postgres`, made for nothing else; then `nobody`, which every Linux has.
 */
function serverUser(cluster: string): ServerUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  if (existsSync(cluster)) {
    const { uid, gid } = statSync(cluster);
    return { uid, gid, name: `uid ${uid}` };
  }
  for (const name of ['postgres', 'nobody']) {
    const uid = idOf('-u', name);
    const gid = idOf('-g', name);
    if (uid !== undefined && gid !== undefined && uid !== 0) return { uid, gid, name };
  }
  const message =
    'PostgreSQL does not run as root, and there is no user postgres or nobody; set DATABASE_URL';
  throw new CodedError('POSTGRES_UNAVAILABLE', message);
}

function idOf(flag: '-u' | '-g', name: string): number | undefined {
  const { status, stdout } = spawnSync('id', [flag, name], { encoding: 'utf8' });
  return status === 0 ? Number(stdout.trim()) : undefined;
}

/** The superuser's password: random, readable by us alone, made once. */
async function readOrMakePassword(dataDir: string, clusterExists: boolean): Promise<string> {
  const file = join(dataDir, 'password');
  if (!existsSync(file)) {
    if (clusterExists) {
      throw new CodedError('POSTGRES_PASSWORD_LOST', 'a cluster without its password file', {
        data: { file },
      });
    }
    // Written beside and linked into place: of two that start at once, one password wins, whole.
    const draft = `${file}.${randomBytes(6).toString('hex')}`;
    await writeSecret(draft, randomBytes(32).toString('hex'));
    try {
      await link(draft, file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      await unlink(draft);
    }
  }
  return (await readFile(file, 'utf8')).trim();
}

async function writeSecret(path: string, secret: string): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.writeFile(`${secret}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Make the cluster in a folder of its own and rename it into place: a start that is killed halfway
 * leaves nothing that a later one could take for a cluster.
 */
async function initialise(
  dataDir: string,
  folder: string,
  password: string,
  binaries: PostgresBinaries,
  user: ServerUser | undefined,
): Promise<void> {
  await removeAbandoned(dataDir);
  const staging = await mkdtemp(join(dataDir, `initialising-${process.pid}-`));
  const passwordFile = `${staging}.password`;
  await writeSecret(passwordFile, password);
  if (user !== undefined) {
    await chown(staging, user.uid, user.gid);
    await chown(passwordFile, user.uid, user.gid);
  }
  await chmod(staging, 0o700);
  // The server's user may not be able to walk to the file, but it can open what it inherits.
  const passwordFd = openSync(passwordFile, 'r');
  try {
    const args = [
      `--pgdata=${dataArgument(staging, user)}`,
      `--username=${superuser}`,
      '--pwfile=/dev/stdin',
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // Sorting that belongs to the server and not to the operating system: an upgrade of the
      // latter cannot break an index.
      ...['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'],
    ];
    await runInit(binaries.initdb, args, staging, passwordFd, user);
    await rename(staging, folder);
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    // Another process may have made the cluster first, with the same password: then that one serves.
    if (!existsSync(folder)) throw error;
  } finally {
    closeSync(passwordFd);
    await rm(passwordFile, { force: true });
  }
}

async function runInit(
  initdb: string,
  args: readonly string[],
  cwd: string,
  stdin: number,
  user: ServerUser | undefined,
): Promise<void> {
  const { promise, resolve: done, reject } = Promise.withResolvers<void>();
  const child = spawn(initdb, args, {
    ...spawnOptions(cwd, user),
    stdio: [stdin, 'pipe', 'pipe'],
    timeout: initTimeoutMs,
  });
  let output = '';
  const collect = (chunk: Buffer) => {
    output = (output + chunk.toString('utf8')).slice(-4_000);
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  const fail = (cause: unknown) =>
    reject(new CodedError('POSTGRES_START_FAILED', 'initdb failed', { cause, data: { output } }));
  child.once('error', fail);
  child.once('close', (code) => (code === 0 ? done() : fail(undefined)));
  return promise;
}

async function removeAbandoned(dataDir: string): Promise<void> {
  for (const entry of await readdir(dataDir)) {
    const maker = /^initialising-(\d+)-/.exec(entry)?.[1];
    if (maker !== undefined && !isAlive(Number(maker))) {
      await rm(join(dataDir, entry), { recursive: true, force: true });
    }
  }
}

/**
 * How the server is told its data folder. As another user it may not be able to walk there from
 * the root of the file system (/root is 0700), so it is started inside the folder and reaches it
 * through its own working directory, for which only the folder's own permissions count. This keeps
 * the data where the caller wants them, rather than in a temporary folder that a reboot empties.
 */
function dataArgument(folder: string, user: ServerUser | undefined): string {
  return user === undefined ? folder : '/proc/self/cwd';
}

function spawnOptions(cwd: string, user: ServerUser | undefined) {
  return {
    cwd,
    // Nothing of our environment: PG* variables would change the server, secrets are not its own.
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    ...(user && { uid: user.uid, gid: user.gid }),
  };
}
