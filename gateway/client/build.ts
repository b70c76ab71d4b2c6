import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { rolldown } from 'rolldown';

/**
 * Builds what is published, into `dist` or the folder that is named: `index.js` with its types, which
 * imports its dependencies, and `browser.js`, one file that imports nothing.
 */
const here = import.meta.dirname;
const out = resolve(process.argv[2] ?? join(here, 'dist'));

async function bundle(file: string, external: readonly string[]): Promise<void> {
  const build = await rolldown({
    input: join(here, 'src/index.ts'),
    external: [...external],
    platform: external.length > 0 ? 'neutral' : 'browser',
    resolve: { conditionNames: ['@stoa/source', 'import', 'default'] },
  });
  await build.write({ file: join(out, file), format: 'esm' });
}

function writeTypes(): void {
  const whole = mkdtempSync(join(tmpdir(), 'stoa-client-types-'));
  try {
    const project = join(here, 'tsconfig.build.json');
    execFileSync('tsc', ['-p', project, '--outDir', whole], { stdio: 'inherit' });
    // The one part of another package that is used is in the bundles, and in no type.
    cpSync(join(whole, 'gateway/client/src'), out, { recursive: true });
  } finally {
    rmSync(whole, { recursive: true });
  }
}

rmSync(out, { recursive: true, force: true });
await bundle('index.js', ['graphql-sse', 'graphql-ws', 'jose']);
await bundle('browser.js', []);
writeTypes();
