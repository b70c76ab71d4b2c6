import fs from 'node:fs';
import { CodedError } from '@stoa/schema';

/** Files of this process that are held: its own id is alive, and tells nothing. */
const held = new Set<string>();

/** Who holds a lock: a process, by when it began, since ids are used again, and the boot it began in. */
interface Holder {
  readonly pid: number;
  readonly begun: string;
  readonly boot: string;
}

/**
 * Keeps two processes from one log: both would give messages the same numbers. The file beside the log
 * names its holder, and counts for nothing once that process has ended, however it ended.
 *
 * @returns gives the lock back
 * @throws CodedError `FIX_STORE_LOCKED` while another holds it
 */
export function lockLog(path: string): () => void {
  const lock = `${path}.lock`;
  if (held.has(lock)) throw lockedBy(path, process.pid);
  // Whole from the first moment on: a link to a file that has its content.
  const own = `${lock}.${process.pid}`;
  fs.writeFileSync(own, JSON.stringify(holderOf(process.pid)), { mode: 0o600 });
  try {
    while (!isLinked(own, lock)) {
      const holder = readHolder(lock);
      if (holder !== undefined && isAlive(holder)) throw lockedBy(path, holder.pid);
      takeAway(lock, holder);
    }
  } finally {
    fs.rmSync(own, { force: true });
  }
  held.add(lock);
  return () => {
    if (held.delete(lock)) fs.rmSync(lock, { force: true });
  };
}

function isLinked(own: string, lock: string): boolean {
  try {
    fs.linkSync(own, lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Takes a dead holder's lock away, and no other that came in its place meanwhile. */
function takeAway(lock: string, dead: Holder | undefined): void {
  const aside = `${lock}.dead.${process.pid}`;
  try {
    fs.renameSync(lock, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const taken = readHolder(aside);
  if (JSON.stringify(taken) !== JSON.stringify(dead)) isLinked(aside, lock);
  fs.rmSync(aside, { force: true });
}

/** Undefined where the file is gone, or is none of ours. */
function readHolder(lock: string): Holder | undefined {
  try {
    const { pid, begun, boot } = JSON.parse(fs.readFileSync(lock, 'utf8')) as Partial<Holder>;
    return pid === undefined || begun === undefined || boot === undefined
      ? undefined
      : { pid, begun, boot };
  } catch {
    return undefined;
  }
}

function isAlive(holder: Holder): boolean {
  const now = holderOf(holder.pid);
  return now !== undefined && now.begun === holder.begun && now.boot === holder.boot;
}

/** A running process; undefined where there is none of this id. proc(5): field 22 of stat is its start. */
function holderOf(pid: number): Holder | undefined {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state = '', begun = ''] = [fields[0], fields[19]];
    const boot = fs.readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    // A zombie has ended, and only waits for its parent to hear of it.
    return state === 'Z' || state === 'X' ? undefined : { pid, begun, boot };
  } catch {
    return undefined;
  }
}

function lockedBy(path: string, pid: number): CodedError {
  const message = `Process ${pid} uses the session store ${path}: two would use its numbers twice.`;
  return new CodedError('FIX_STORE_LOCKED', message, { data: { path, pid } });
}
