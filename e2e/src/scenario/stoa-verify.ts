import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const STOA = fileURLToPath(new URL('../../../node/src/cli/main.ts', import.meta.url));

/** What `stoa verify` says of a file, in a process of its own. */
export async function stoaVerify(
  ...args: readonly string[]
): Promise<{ readonly code: number; readonly outcome: string }> {
  const run = promisify(execFile)(process.execPath, [STOA, 'verify', ...args, '--json']);
  const { code, stdout } = await run.then(
    (done) => ({ ...done, code: 0 }),
    (failed: { code: number; stdout: string }) => failed,
  );
  return { code, outcome: (JSON.parse(stdout) as { outcome: string }).outcome };
}
