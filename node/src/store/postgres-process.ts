import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** What a server writes about itself into `postmaster.pid` (PostgreSQL: miscadmin.h, LOCK_FILE_LINE_*). */
export interface PostmasterFile {
  readonly pid: number;
  readonly port: number | undefined;
  readonly status: string;
}

const pollMs = 20;

/** The server's own file in its data folder; undefined where there is none. */
export function readPostmasterFile(cluster: string): PostmasterFile | undefined {
  let text: string;
  try {
    text = readFileSync(join(cluster, 'postmaster.pid'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  const port = Number(lines[3]);
  return { pid, port: port > 0 ? port : undefined, status: (lines[7] ?? '').trim() };
}

/**
 * A name for the processes of the server in this folder: it stands in the server's arguments and
 * in the titles of all its processes, so that a pid can be told to be this server's and not that
 * of a stranger who was given the same number. Made of the folder's device and inode, because a
 * copy of a data folder must not take the original's server for its own.
 */
export function clusterNameOf(cluster: string): string {
  const { dev, ino } = statSync(cluster, { bigint: true });
  return `stoa-${dev.toString(36)}-${ino.toString(36)}`;
}

/** Whether this pid is a living process of that cluster; a zombie is not. */
export function isOfCluster(pid: number, clusterName: string): boolean {
  if (process.platform !== 'linux') return isAlive(pid);
  // The command line, not /proc/PID/cwd: the latter of another user's process is hidden from
  // root in a container without CAP_SYS_PTRACE.
  const line = commandLineOf(pid);
  if (line === undefined) return false;
  return (
    line.includes(`cluster_name=${clusterName}\0`) || line.startsWith(`postgres: ${clusterName}: `)
  );
}

/** Whether the pid certainly belongs to a process that is not of that cluster. */
export function isStranger(pid: number, clusterName: string): boolean {
  if (process.platform !== 'linux') return false;
  const line = commandLineOf(pid);
  return line !== undefined && line !== '' && !isOfCluster(pid, clusterName);
}

/** Wait until no process of the cluster lives; false if some still do at the deadline. */
export async function untilNoneOfCluster(clusterName: string, deadline: number): Promise<boolean> {
  while (processesOf(clusterName).length > 0) {
    if (performance.now() > deadline) return false;
    await sleep(pollMs);
  }
  return true;
}

/**
 * End a server: fast shutdown (SIGINT: open transactions are rolled back, a checkpoint is
 * written); where that takes longer than `graceMs`, immediate shutdown (SIGQUIT: as safe as a
 * crash, the next start recovers from the log); SIGKILL at last.
 */
export async function endPostmaster(
  pid: number,
  clusterName: string,
  graceMs: number,
): Promise<void> {
  const steps = [
    { signal: 'SIGINT', waitMs: graceMs },
    { signal: 'SIGQUIT', waitMs: 2_000 },
    { signal: 'SIGKILL', waitMs: 2_000 },
  ] as const;
  for (const { signal, waitMs } of steps) {
    if (!isOfCluster(pid, clusterName)) break;
    process.kill(pid, signal);
    const deadline = performance.now() + waitMs;
    while (isOfCluster(pid, clusterName) && performance.now() < deadline) await sleep(pollMs);
  }
  await untilNoneOfCluster(clusterName, performance.now() + 5_000);
}

function processesOf(clusterName: string): number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => isOfCluster(pid, clusterName));
}

function commandLineOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return undefined;
  }
}

/** Whether any process has this pid. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
