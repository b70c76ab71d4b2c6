import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { arch, platform } from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const cache = join(root, 'node_modules/.cache/stoa-forge');

/** The platform's binary as npm installed it; undefined where npm has none or left it out. */
export function forgeBinary(): string | undefined {
  const machine = arch === 'arm64' ? 'arm64' : 'amd64';
  const file = platform === 'win32' ? 'forge.exe' : 'forge';
  try {
    // From the meta package, because npm may nest its optional dependency below it.
    const meta = createRequire(import.meta.url).resolve('@foundry-rs/forge/package.json');
    const name = `@foundry-rs/forge-${platform}-${machine}/package.json`;
    return join(dirname(createRequire(meta).resolve(name)), 'bin', file);
  } catch {
    return undefined;
  }
}

/** What forge said, and its exit code. */
export interface ForgeRun {
  readonly code: number;
  readonly output: string;
}

/**
 * Runs forge on this package, without the network: the compiler is npm's, by `forge/solc.mjs`. Its
 * root is the repository's, where node_modules is: forge reads no library from outside its root.
 *
 * @throws Error when forge is not installed or does not end in time
 */
export function runForge(args: readonly string[], timeoutMs = 600_000): ForgeRun {
  const binary = forgeBinary();
  if (binary === undefined) {
    throw new Error(`@foundry-rs/forge for ${platform} ${arch} is not installed; run npm ci.`);
  }
  const { stdout, stderr, status, error } = spawnSync(binary, [...args, '--root', root], {
    cwd: root,
    encoding: 'utf8',
    timeout: timeoutMs,
    maxBuffer: 64 * 1024 * 1024,
    env: {
      // The shim's own `node` is the one that runs this.
      PATH: `${dirname(process.execPath)}${delimiter}/usr/bin${delimiter}/bin`,
      HOME: root,
      // As an option it is read by some of forge's commands only.
      FOUNDRY_CONFIG: join(root, 'contracts/foundry.toml'),
      // Coverage compiles in another way, and would throw away what the tests compiled.
      FOUNDRY_OUT: join(cache, args[0] ?? '', 'out'),
      FOUNDRY_CACHE_PATH: join(cache, args[0] ?? '', 'cache'),
    },
  });
  if (error) throw error;
  return { code: status ?? 1, output: `${stdout}${stderr}` };
}
