import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { NetworksApart } from './e2e/src/workshop/networks-apart.ts';

// Every process that tests start, and every test file's own, reads what an earlier one has compiled.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(
  new URL('node_modules/.cache/stoa-compile', import.meta.url),
);

export default defineConfig({
  // Our own packages are read as they are written; what is published of them is built from that.
  ssr: { resolve: { conditions: ['@stoa/source', 'module', 'node', 'development|production'] } },
  // As Node itself resolves it: Vite would take graphql's `module` file and the libraries its `main`,
  // and two copies of graphql in one process do not know each other's types.
  resolve: { alias: [{ find: /^graphql$/, replacement: import.meta.resolve('graphql') }] },
  test: {
    include: [
      '*/src/**/*.test.ts',
      'gateway/client/src/**/*.test.ts',
      '*/test/**/*.test.ts',
      'adapters/template/*.test.ts',
    ],
    globalSetup: ['node/src/store/testing/shared-server.ts'],
    exclude: ['**/node_modules/**', 'e2e/canary/**'],
    // Tests start real processes and send real signals: each file gets a process of its own, and
    // two at a time suit the two cores the project is measured on.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    sequence: { sequencer: NetworksApart },
    // A flaky test is a bug: it is never tried again.
    retry: 0,
  },
});
