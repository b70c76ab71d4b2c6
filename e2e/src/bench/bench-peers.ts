import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';

const folder = join(import.meta.dirname, '../../bench-peers');
const installTimeoutMs = 300_000;

/**
 * Install the packages we compare ourselves with, where that was not done yet. They have a lockfile of
 * their own outside the workspaces, so that nobody installs them who runs no bench. Two processes that
 * did so at once would each empty the other's folder: processes of a bench load, and the bench installs.
 */
export async function installPeers(say: (text: string) => void): Promise<void> {
  if (isInstalled()) return;
  say('installing the peers of e2e/bench-peers, once');
  await promisify(execFile)('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: folder,
    timeout: installTimeoutMs,
  });
}

/** Load one of the packages that {@link installPeers} installed. */
export function loadPeer(name: string): unknown {
  return createRequire(join(folder, 'package.json'))(name);
}

/** npm writes this file last; older than the lockfile, it is of an earlier list of peers. */
function isInstalled(): boolean {
  const installed = statSync(join(folder, 'node_modules/.package-lock.json'), {
    throwIfNoEntry: false,
  });
  return (
    installed !== undefined &&
    installed.mtimeMs >= statSync(join(folder, 'package-lock.json')).mtimeMs
  );
}
