import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { startGuardian } from './guardian.ts';
import { startTimeOf } from './process-identity.ts';

const here = import.meta.dirname;
const spawned: ChildProcess[] = [];

afterEach(() => {
  for (const child of spawned.splice(0)) child.kill('SIGKILL');
});

async function sleeper(): Promise<number> {
  const child = spawn('/bin/sleep', ['60'], { stdio: 'ignore' });
  spawned.push(child);
  await once(child, 'spawn');
  return child.pid ?? 0;
}

/** Run a parent that starts children under a guardian, prints all pids as JSON, and then ends. */
function runParent(ending: string) {
  const script = `
    import { spawn } from 'node:child_process';
    import { startGuardian } from ${JSON.stringify(join(here, 'guardian.ts'))};
    const guardian = await startGuardian();
    const start = (command, detached) => {
      const child = spawn('/bin/sh', ['-c', command], { stdio: 'ignore', detached });
      guardian.guard(child.pid);
      return child.pid;
    };
    const gentle = start('exec sleep 60', false);
    const deaf = start("trap '' TERM; while :; do sleep 1; done", true);
    const wrapper = start('sleep 60 & wait', true);
    await new Promise((resolve) => setTimeout(resolve, 300));
    process.stdout.write(JSON.stringify({ guardian: guardian.pid, gentle, deaf, wrapper }));
    ${ending}`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: here,
    encoding: 'utf8',
    timeout: 20_000,
  });
  return { run, pids: JSON.parse(run.stdout) as Record<string, number> };
}

/** Living members of the process groups that these lead (proc(5): field 5 of stat is the group). */
function membersOf(leaders: readonly number[]): number[] {
  const pids = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
  return pids.map(Number).filter((pid) => {
    if (startTimeOf(pid) === undefined) return false;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      return leaders.includes(Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]));
    } catch {
      return false;
    }
  });
}

describe('the guardian', () => {
  it.each([
    ['is killed', `process.kill(process.pid, 'SIGKILL');`, 'SIGKILL', null],
    ['exits', 'process.exit(3);', null, 3],
    ['crashes', `throw new Error('crash');`, null, 1],
  ])(
    'leaves no child, no child of a child and not itself when its parent %s',
    async (...[, ending, signal, status]) => {
      const { run, pids } = runParent(ending);

      expect([run.signal, run.status], run.stderr).toEqual([signal, status]);
      expect(Object.keys(pids)).toEqual(['guardian', 'gentle', 'deaf', 'wrapper']);
      const left = () => Object.entries(pids).filter(([, pid]) => startTimeOf(pid) !== undefined);
      await expect.poll(left, { timeout: 8_000 }).toEqual([]);
      expect(membersOf(Object.values(pids))).toEqual([]);
    },
  );

  it('does not keep its parent running', () => {
    const script = `
      import { startGuardian } from ${JSON.stringify(join(here, 'guardian.ts'))};
      await startGuardian();`;
    const args = ['--input-type=module', '-e', script];
    const run = spawnSync(process.execPath, args, { timeout: 10_000, encoding: 'utf8' });

    expect([run.status, run.stderr]).toEqual([0, '']);
  });

  it('spares what was released', async () => {
    const guardian = await startGuardian();
    const [kept, released] = [await sleeper(), await sleeper()];
    guardian.guard(kept);
    guardian.guard(released);
    guardian.release(released);
    await guardian.close();

    expect(startTimeOf(kept)).toBeUndefined();
    expect(startTimeOf(released)).toBeDefined();
    expect(startTimeOf(guardian.pid)).toBeUndefined();
    await guardian.close();
  });

  it('spares a stranger who was given a dead child’s pid', async () => {
    const stranger = await sleeper();
    const guardian = spawn(process.execPath, [join(here, 'guardian-process.ts')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    spawned.push(guardian);
    await once(guardian.stdout, 'data');
    guardian.stdin.end(`guard ${stranger} 1 SIGKILL\nnonsense\nguard 1 1 SIGKILL\n`);
    const [code] = await once(guardian, 'exit');

    expect(code).toBe(0);
    expect(startTimeOf(stranger)).toBeDefined();
  });

  it('stays when a signal meant for its parent reaches it too', async () => {
    const guardian = await startGuardian();
    const child = await sleeper();
    guardian.guard(child);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.kill(guardian.pid, signal);
    expect(startTimeOf(guardian.pid)).toBeDefined();
    expect(startTimeOf(child)).toBeDefined();
    await guardian.close();

    expect(startTimeOf(child)).toBeUndefined();
  });

  it('can be killed without harm to its parent', async () => {
    const guardian = await startGuardian();
    process.kill(guardian.pid, 'SIGKILL');
    // Without a turn of the event loop: its death is a fact that we have not been told of yet.
    spawnSync('/bin/sleep', ['0.3']);
    expect(startTimeOf(guardian.pid)).toBeUndefined();
    guardian.guard(process.pid);
    guardian.release(process.pid);
    await guardian.close();
  });
});
