import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';

const folder = join(import.meta.dirname, '../../bench-peers');
const installTimeoutMs = 300_000;

/**
 * Load one of the packages we compare ourselves with. They have a lockfile of their own outside
 * the workspaces, so that nobody installs them who runs no bench.
 */
export async function loadPeer(name: string, say: (text: string) => void): Promise<unknown> {
  if (!isInstalled()) {
    say('installing the peers of e2e/bench-peers, once');
    await promisify(execFile)('npm', ['ci', '--no-audit', '--no-fund'], {
      cwd: folder,
      timeout: installTimeoutMs,
    });
  }
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
