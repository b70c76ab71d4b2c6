import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import { basename, join } from 'node:path';

const HEADER = '/usr/include/quickfix/Session.h';

/** Why nothing of QuickFIX can be built here; undefined where it can. */
export function whyNoQuickFix(): string | undefined {
  if (!fs.existsSync(HEADER)) return 'libquickfix-dev is not installed';
  const compiler = spawnSync('g++', ['--version'], { stdio: 'ignore' });
  return compiler.status === 0 ? undefined : 'g++ is not installed';
}

/** Builds a program of one file, once per source; answers its path. */
export function buildQuickFix(source: URL): string {
  const hash = createHash('sha256').update(fs.readFileSync(source)).digest('hex').slice(0, 16);
  const name = basename(source.pathname, '.cpp');
  const path = join(os.tmpdir(), `stoa-${name}-${process.getuid?.() ?? 0}-${hash}`);
  if (fs.existsSync(path)) return path;
  const made = `${path}.${process.pid}`;
  // Its headers declare exceptions as C++ 17 does not allow any more.
  const flags = ['-std=c++14', '-O1', '-w', '-o', made, source.pathname, '-lquickfix', '-lpthread'];
  execFileSync('g++', flags, { stdio: 'inherit' });
  fs.renameSync(made, path);
  return path;
}
