import { defineConfig } from 'vitest/config';

export default defineConfig({
  // As Node itself resolves it: Vite would take graphql's `module` file and the libraries its `main`,
  // and two copies of graphql in one process do not know each other's types.
  // Our own packages are read as they are written; what is published of them is built from that.
  ssr: { resolve: { conditions: ['@stoa/source', 'module', 'node', 'development|production'] } },
  resolve: { alias: [{ find: /^graphql$/, replacement: import.meta.resolve('graphql') }] },
  test: {
    include: [
      '*/src/**/*.test.ts',
      'gateway/client/src/**/*.test.ts',
      '*/test/**/*.test.ts',
      'adapters/template/*.test.ts',
    ],
    exclude: ['**/node_modules/**', 'e2e/canary/**'],
    // Tests start real processes and send real signals: each file gets a process of its own, and
    // two at a time suit the two cores the project is measured on.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // A flaky test is a bug: it is never tried again.
    retry: 0,
  },
});
