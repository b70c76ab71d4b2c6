import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTimeOf } from './process-identity.ts';

// A process of its own, started by guardian.ts. It reads which processes to guard from standard
// input, one a line, and when that ends, because its parent closed it or died in whatever way, it
// ends them all and then itself.
//
//   guard PID STARTTIME SIGNAL     release PID     clean FOLDER

/** From the first, gentle signal to SIGKILL. */
const graceMs = 2_000;

interface Guarded {
  readonly startTime: string;
  readonly signal: NodeJS.Signals;
}

const guarded = new Map<number, Guarded>();
/** Folders that go with the processes. */
const folders = new Set<string>();

function accept(line: string): void {
  if (line.startsWith('clean ')) folders.add(line.slice('clean '.length));
  const [verb, pidText, startTime, signal] = line.split(' ');
  const pid = Number(pidText);
  if (!Number.isSafeInteger(pid) || pid <= 1) return;
  if (verb === 'release') guarded.delete(pid);
  if (verb === 'guard' && startTime !== undefined) {
    guarded.set(pid, { startTime, signal: (signal ?? 'SIGTERM') as NodeJS.Signals });
  }
}

/** Whether the leader still is the process that was registered. */
function lives(pid: number, { startTime }: Guarded): boolean {
  return startTimeOf(pid) === startTime;
}

/** Signal the process, and its group where it leads one: a wrapper's own children belong to it. */
function send(pid: number, signal: NodeJS.Signals): void {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, signal);
    } catch {
      // It is gone already, or leads no group.
    }
  }
}

async function endAll(): Promise<void> {
  const alive = [...guarded].filter(([pid, one]) => lives(pid, one));
  for (const [pid, { signal }] of alive) send(pid, signal);
  const deadline = performance.now() + graceMs;
  while (performance.now() < deadline && alive.some(([pid, one]) => lives(pid, one))) {
    await sleep(20);
  }
  // A group keeps its number from being given again as long as it has a member, so this reaches
  // the children of a leader that has ended, and nobody else. The leader itself is checked.
  for (const [pid, one] of alive) {
    if (lives(pid, one)) send(pid, 'SIGKILL');
    else killGroup(pid);
  }
}

function killGroup(pid: number): void {
  if (startTimeOf(pid) !== undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // No member is left.
  }
}

// Signals are for the parent, which ends us by closing our input: a Ctrl-C or a service manager's
// SIGTERM to all must not take the guardian before those it guards.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

const lines = createInterface({ input: process.stdin });
lines.on('line', accept);
lines.once('close', () => {
  void endAll()
    .then(() => Promise.all([...folders].map((path) => rm(path, { recursive: true, force: true }))))
    .finally(() => process.exit(0));
});
process.stdout.write('ready\n');
